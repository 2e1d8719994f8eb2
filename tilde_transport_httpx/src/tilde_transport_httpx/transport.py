"""One request, one response, over `httpx.HTTPTransport`.

Not over `httpx.Client`, unless the user brings one: that adds headers, keeps cookies, reads the environment, follows
redirects and logs every URL.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import httpx

from tilde.plugins import (
    ConfigurationError,
    NotSentError,
    Request,
    Response,
    SourceFailed,
    TransportSettings,
    check_forwarded,
    error_about,
    header_lines,
    split_url,
)
from tilde_transport_httpx.client import OwnClient
from tilde_transport_httpx.errors import ERRORS
from tilde_transport_httpx.lanes import Lanes
from tilde_transport_httpx.logs import secrets_hidden
from tilde_transport_httpx.messages import from_backend, to_backend
from tilde_transport_httpx.plugin import check

__all__ = ["HttpxTransport"]


class HttpxTransport:
    """A `Transport` over httpx. Holds at most `settings.max_connections` connections, all hosts together.

    Without a `client`, it reads no environment variable and no file but certificates. A forked process gets connections
    of its own, and a pickled transport is opened anew with the same settings.

    A `client` of yours is used as it is: its proxies, certificates, mounts, limits, event hooks and `auth` stay in
    force, and its headers are added to those of the API. It follows no redirect, sends no cookie and reads no `.netrc`
    here; the API key, the `User-Agent` and the time-outs are those of the SDK. It is closed with the transport only if
    `close_client` says so. Threads share it, so change it before the first request; a forked process needs one of its
    own, and it does not pickle.

    Raises `ConfigurationError` for settings that cannot be followed as things are.
    """

    def __init__(
        self,
        settings: TransportSettings | None = None,
        *,
        client: httpx.Client | None = None,
        close_client: bool = False,
    ) -> None:
        self._settings = settings or TransportSettings()
        self._client = client
        self._close_client = close_client
        check(self._settings)
        self._closed = False
        self._left_to_parent: list[Lanes] = []
        self._open()

    def send(self, request: Request) -> Response:
        """Send `request` as it is and return the answer with its body unread. Raises `TransportError`."""
        lanes = self._lanes_of_this_process(request)
        try:
            # Who must not go through a proxy goes past the client, which may have one.
            if self._own is not None and not request.direct:
                return self._own.send(request)
            with ERRORS.guard(request):
                return _exchange(request, lanes)
        except SourceFailed as failed:
            own = failed.error
        raise own  # out here, so that it leaves as it came and with nothing in its context

    def close(self) -> None:
        """Free every connection. May be called twice; `send` afterwards raises `NotSentError`."""
        self._closed = True
        self._lanes.close()
        if self._own is not None:
            self._own.close()
        if self._client is not None and self._close_client:
            self._client.close()

    def _open(self) -> None:
        self._lanes = Lanes(self._settings)
        self._own = None if self._client is None else OwnClient(self._client)
        self._process = os.getpid()

    def _lanes_of_this_process(self, request: Request) -> Lanes:
        if self._closed:
            raise error_about(request, NotSentError, "the client is closed")
        if self._process != os.getpid():
            self._reopen()
        return self._lanes

    def _reopen(self) -> None:
        """Forked: two processes on one socket would read each other's answers. The old lanes are kept untouched, as
        closing them may wait for a lock that another thread of the parent held."""
        if self._client is not None:
            raise ConfigurationError("an httpx.Client cannot be used after a fork; make a client with a new one there")
        self._left_to_parent.append(self._lanes)
        self._open()

    def __repr__(self) -> str:
        own = "" if self._client is None else f", client={type(self._client).__name__}"
        return f"HttpxTransport({self._settings!r}{own})"

    def __reduce__(self) -> Any:
        if self._client is not None:
            raise TypeError("an httpx.Client cannot be pickled; make the transport where it is used")
        return HttpxTransport, (self._settings,)


def _exchange(request: Request, lanes: Lanes) -> Response:
    origin, target = split_url(request)
    route = lanes.route(origin, request.direct)
    lines = route.lines(header_lines(request))
    outgoing = to_backend(request, _origin_url(origin), lines, route.target(origin, target))
    lane = lanes.take(route, request.timeout.pool)
    if lane is None:
        raise httpx.PoolTimeout("every connection is busy")
    try:
        with secrets_hidden():
            answer = lane.backend.handle_request(outgoing)
    except BaseException:
        lanes.give_back(lane)
        raise
    response = from_backend(request, answer, lambda: lanes.give_back(lane))
    check_forwarded(request, route, response)
    return response


@lru_cache(maxsize=256)
def _origin_url(origin: str) -> httpx.URL:
    return httpx.URL(origin)
