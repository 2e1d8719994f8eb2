"""Whether the object store can be reached, where uploads go. Leaves nothing behind."""

from __future__ import annotations

from urllib.parse import urlsplit

from tilde_core.client import Client
from tilde_core.doctor.verdicts import Check, failed, ok, skipped, warning
from tilde_core.exceptions import ForbiddenError, NotFoundError, TildeError, TransportError
from tilde_core.http import Headers, Request, Timeout
from tilde_core.resources.sessions import Session

__all__ = ["check_upload"]

_OBJECT = ".tilde-doctor"


def check_upload(client: Client, repository: str | None, timeout: float) -> Check:
    """Open a session, ask where an object would go, see whether somebody answers there, and roll back.

    No byte of an object is sent, so that the store has nothing to clean up either.
    """
    if repository is None:
        return skipped("upload", "no repository was named", "Give --repository organization/repository to check it.")
    try:
        session = client.repository(repository).session()
    except NotFoundError as error:
        return failed("upload", str(error), "Check the name: organization/repository.")
    except TildeError as error:
        return failed("upload", str(error), "A session is needed for any change: see the message.")
    check = _check_store(client, session, timeout)
    try:
        session.rollback()
    except TildeError as error:
        advice = f"Roll it back: client.repository({repository!r}).attach({session.session_id!r}).rollback()"
        return warning("upload", f"{check.detail}; session {session.session_id} was not rolled back: {error}", advice)
    return check


def _check_store(client: Client, session: Session, timeout: float) -> Check:
    try:
        url = session.objects._upload_calls(_OBJECT).ticket().upload_url
    except ForbiddenError as error:
        return failed("upload", str(error), "Ask for the right PutObject in this repository.")
    except TildeError as error:
        return failed("upload", str(error), "The service gave no place to upload to: see the message.")
    parts = urlsplit(url)
    store = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    request = Request(
        method="GET",
        url=f"{store}/",  # what is signed is for the upload alone
        headers=Headers({"Accept-Encoding": "identity"}),
        timeout=Timeout.of(timeout),
        operation="doctor",
        presigned=True,
    )
    try:
        runtime = client._runtime
        with runtime.hooks.send(request, runtime.transport()) as response:
            return ok("upload", f"the object store {store} answers ({response.status}); nothing was uploaded")
    except TransportError as error:
        advice = f"Uploads and downloads go to {store} directly: have the firewall or the proxy allow that host, too."
        return failed("upload", str(error), advice)
