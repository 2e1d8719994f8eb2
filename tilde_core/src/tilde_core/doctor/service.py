"""What is behind the connection: is it Tilde, what time is it there, who are we, and do WebSockets get through."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from tilde_core.client import Client
from tilde_core.doctor.verdicts import Check, failed, ok, skipped, warning
from tilde_core.exceptions import APIError, AuthenticationError, ForbiddenError, NotFoundError, TildeError
from tilde_core.http import Headers, Request, Response, Timeout, redact_url
from tilde_core.operation import Operation

__all__ = ["SERVICE_CHECKS", "check_clock", "check_identity", "check_service", "check_websocket"]

SERVICE_CHECKS = ("service", "clock", "identity", "websocket")
_WHOAMI = "/api/v1/auth/me"
_SKEW, _TOO_MUCH = 60.0, 600.0
_WRONG_SERVER = "Does the endpoint URL lead to Tilde? A proxy, a login page or another server may have answered."


def check_service(client: Client, timeout: float) -> tuple[Check, Headers, float]:
    """Ask without a token, which Tilde refuses in a way of its own. Also returns the headers, and when they came."""
    clock = client.pipeline.clock
    request = Request(
        method="GET",
        url=client.config.endpoint_url.value + _WHOAMI,
        headers=Headers({"Accept": "application/json", "Accept-Encoding": "identity"}),
        timeout=Timeout.of(timeout),
        operation="doctor",
    )
    asked = clock.wall()
    try:
        runtime = client._runtime
        with runtime.hooks.send(request, runtime.transport()) as response:
            when = (asked + clock.wall()) / 2
            return _judged(response), response.headers, when
    except TildeError as error:
        return (
            failed("service", _message(error), "The connection was there, and no answer came: see the message."),
            (Headers()),
            asked,
        )


def _judged(response: Response) -> Check:
    kind = response.headers.get("Content-Type", "") or "no Content-Type"
    answered = f"it answered {response.status} ({kind.partition(';')[0]})"
    if 300 <= response.status < 400:
        target = redact_url(response.headers.get("Location", "")) or "nowhere"
        return failed("service", f"{answered} and points to {target}", "Set the endpoint URL to where Tilde itself is.")
    if response.status >= 500:
        return failed("service", answered, "The service is in trouble, or a proxy on the way is: try again later.")
    if response.status != 401 or "json" not in kind:
        return failed("service", answered, _WRONG_SERVER)
    return ok("service", f"{answered}, as it should to who has no token")


def check_clock(headers: Headers, when: float) -> Check:
    """Compare this machine's clock with the service's."""
    try:
        there = parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (TypeError, ValueError):
        return skipped("clock", "the service does not say what time it is")
    skew = when - there
    detail = f"this machine is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the service"
    if abs(skew) <= _SKEW:
        return ok("clock", detail)
    advice = "Set this machine's clock (with NTP): tokens, signed URLs and certificates depend on it."
    return (failed if abs(skew) > _TOO_MUCH else warning)("clock", detail, advice)


def check_identity(client: Client) -> Check:
    """Ask the service who we are."""
    try:
        provider = client._runtime.credentials()
        user = client.whoami().user
    except AuthenticationError as error:
        return failed("identity", _message(error), f"Get another key and set it where this one is: {_source(client)}.")
    except ForbiddenError as error:
        advice = "Ask for the right to it; that the key itself is known is certain."
        return warning("identity", _message(error), advice)
    except APIError as error:
        return failed("identity", _message(error), _WRONG_SERVER)
    except TildeError as error:
        return failed("identity", _message(error), "Set TILDE_API_KEY, or see to the source of credentials.")
    return ok("identity", f"{user.username} ({user.status or 'active'}), by {provider.plugin.label}: {_source(client)}")


def _source(client: Client) -> str:
    key = client.config.api_key
    if key.value is not None:
        return key.source
    token = client.access_token()
    return "a token" if token is None else f"a token that is good until {token.expires_at:%Y-%m-%d %H:%M:%S} UTC"


def check_websocket(client: Client, repository: str | None) -> Check:
    """Open a WebSocket, which starts nothing. Where no sandbox runs, see whether the service itself refuses it."""
    try:
        path = _path_of_running_sandbox(client, repository)
        name = "tilde-doctor"
        unknown = f"/organizations/{name}/repositories/{name}/sandboxes/{name}/exec"
        client.pipeline.connect(Operation(name="doctor", method="GET", path=path or unknown)).close()
    except (NotFoundError, ForbiddenError) as error:
        if error.code or error.request_id:
            return ok("websocket", "the service itself answered the handshake; it opens one where a sandbox runs only")
        return failed("websocket", _message(error), _WRONG_SERVER)
    except TildeError as error:
        advice = "Does a proxy on the way stop WebSockets? Ask for an exception, or name the host in TILDE_NO_PROXY."
        return failed("websocket", _message(error), advice)
    return ok("websocket", "one was opened")


def _path_of_running_sandbox(client: Client, repository: str | None) -> str | None:
    if repository is None:
        return None
    organization, _, name = repository.partition("/")
    for sandbox in client.repository(repository).sandboxes.list(amount=20):
        if sandbox.state == "running":
            return f"/organizations/{organization}/repositories/{name}/sandboxes/{sandbox.id}/exec"
    return None


def _message(error: TildeError) -> str:
    return f"{type(error).__name__}: {error}"
