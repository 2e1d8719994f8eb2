"""One request, one response, over requests.

Not over `requests.Session`, unless the user brings one: that adds headers, keeps cookies, reads the environment and
`.netrc`, follows redirects.
"""

from __future__ import annotations

import os
from typing import Any

import requests

from tilde.plugins import (
    ConfigurationError,
    NotSentError,
    Request,
    Response,
    SourceFailed,
    TransportSettings,
    error_about,
)
from tilde_transport_requests.connections import Connections
from tilde_transport_requests.errors import ERRORS
from tilde_transport_requests.plugin import check
from tilde_transport_requests.session import OwnSession

__all__ = ["RequestsTransport"]


class RequestsTransport:
    """A `Transport` over requests, with at most `settings.max_connections` requests under way at one time.

    Without a `session`, it reads no environment variable and no file but certificates. A forked process gets
    connections of its own, and a pickled transport is opened anew with the same settings.

    A `session` of yours is used as it is: its adapters, proxies, certificates, hooks, `trust_env` and `auth` stay in
    force, and its headers are added to those of the API. It follows no redirect, keeps no cookie and reads no `.netrc`
    here; the API key, the `User-Agent` and the time-outs are those of the SDK. It is closed with the transport only if
    `close_session` says so. Threads share it, so change it before the first request; a forked process needs one of its
    own.

    Raises `ConfigurationError` for settings that requests cannot follow.
    """

    def __init__(
        self,
        settings: TransportSettings | None = None,
        *,
        session: requests.Session | None = None,
        close_session: bool = False,
    ) -> None:
        self._settings = settings or TransportSettings()
        self._session = session
        self._close_session = close_session
        check(self._settings)
        self._closed = False
        self._left_to_parent: list[object] = []
        self._open()

    def send(self, request: Request) -> Response:
        """Send `request` as it is and return the answer with its body unread. Raises `TransportError`."""
        sender = self._sender(request)
        try:
            with ERRORS.guard(request):
                return sender.send(request)
        except SourceFailed as failed:
            own = failed.error
        raise own  # out here, so that it leaves as it came and with nothing in its context

    def close(self) -> None:
        """Free every connection. May be called twice; `send` afterwards raises `NotSentError`."""
        self._closed = True
        self._connections.close()
        if self._own is not None:
            self._own.close()
        if self._session is not None and self._close_session:
            self._session.close()

    def _open(self) -> None:
        self._connections = Connections(self._settings)
        self._own = None if self._session is None else OwnSession(self._session, self._settings)
        self._process = os.getpid()

    def _sender(self, request: Request) -> Connections | OwnSession:
        if self._closed:
            raise error_about(request, NotSentError, "the client is closed")
        if self._process != os.getpid():
            self._reopen()
        # Who must not go through a proxy goes past the session, which may have one.
        return self._connections if self._own is None or request.direct else self._own

    def _reopen(self) -> None:
        """Forked: two processes on one socket would read each other's answers. The old pool is kept untouched, as
        closing it may wait for a lock that another thread of the parent held."""
        if self._session is not None:
            raise ConfigurationError("a session cannot be used after a fork; make a client with a new one there")
        self._left_to_parent.append(self._connections)
        self._open()

    def __repr__(self) -> str:
        own = "" if self._session is None else f", session={type(self._session).__name__}"
        return f"RequestsTransport({self._settings!r}{own})"

    def __reduce__(self) -> Any:
        return _restored, (self._settings, self._session, self._close_session)


def _restored(settings: TransportSettings, session: requests.Session | None, close_session: bool) -> RequestsTransport:
    return RequestsTransport(settings, session=session, close_session=close_session)
