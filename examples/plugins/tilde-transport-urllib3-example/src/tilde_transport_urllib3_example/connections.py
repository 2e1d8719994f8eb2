"""urllib3 connections that send a request to the letter, over sockets that the SDK opens.

urllib3 writes URLs anew and adds headers of its own. It lets its connections be replaced, though, and hands them `body`
untouched: so that is where the whole request travels. What urllib3 itself sees, logs and quotes in errors has no query,
which in a presigned URL is a secret. Proxies, certificates and the time for connecting are left to the `Dialer`.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.errors import FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect
from functools import partial
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.util import SKIP_HEADER, Timeout

from tilde.plugins import Dialer, Request, Route, TransportSettings, body_pieces, header_lines, split_url

__all__ = ["Pools"]

_LOST_HEADERS = (MissingHeaderBodySeparatorDefect, FirstHeaderLineIsContinuationDefect)
_HOSTS = 16  # a client speaks to the service and to an object store or two


@dataclass(frozen=True, eq=False)
class _Outgoing:
    request: Request
    origin: str
    target: str
    route: Route

    def headers(self) -> urllib3.HTTPHeaderDict:
        """The header lines, with a note to urllib3 not to add a `User-Agent` of its own."""
        headers = urllib3.HTTPHeaderDict(self.route.lines(header_lines(self.request)))
        headers.setdefault("User-Agent", SKIP_HEADER)
        return headers

    def body(self) -> bytes | Iterator[bytes] | None:
        content = self.request.content
        if isinstance(content, (bytes, bytearray, memoryview)):
            return bytes(content) or None
        return body_pieces(self.request, content) if len(content) else None


class _StrictResponse(http.client.HTTPResponse):
    def begin(self) -> None:
        """Read the head; one malformed header line makes http.client lose all that follow, and urllib3 log them."""
        super().begin()
        if any(isinstance(defect, _LOST_HEADERS) for defect in self.msg.defects):
            raise http.client.HTTPException("malformed header line")


class _Connection(HTTPConnection):
    """For http and https alike: the `Dialer` makes the TLS handshake."""

    response_class = _StrictResponse
    _outgoing: _Outgoing
    _route: Route

    def __init__(self, *args: Any, dialer: Dialer, keepalive_expiry: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._dialer = dialer
        self._keepalive_expiry = keepalive_expiry
        self._used = time.monotonic()

    @property
    def is_connected(self) -> bool:
        """Whether this idle connection may be used: the server has not closed it, and soon will not."""
        return super().is_connected and time.monotonic() - self._used < self._keepalive_expiry

    def connect(self) -> None:
        """Connect. Raises `DialFailed`, which becomes a `NotSentError`."""
        self._route = self._outgoing.route
        self.sock = self._dialer.open(self._route, self._outgoing.request.timeout.connect)

    def request(  # type: ignore[override]  # as urllib3 itself does
        self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        """Send the `_Outgoing` that stands in for the body."""
        self._outgoing = body
        try:
            if not self.is_closed and self._route != body.route:  # the same server, through a proxy or not
                self.close()
            if self.is_closed:
                self.connect()
            self.timeout = body.request.timeout.write
            options["chunked"] = False
            super().request(method, url, body=body.body(), headers=body.headers(), **options)
        finally:
            del self._outgoing  # what was uploaded is not kept for as long as the connection is

    def putrequest(self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False) -> None:
        """Begin with the target to the letter, and without an `Accept-Encoding`."""
        target = self._outgoing.route.target(self._outgoing.origin, self._outgoing.target)
        super().putrequest(method, target, skip_host=skip_host, skip_accept_encoding=True)

    def getresponse(self) -> Any:
        """Read the head of the answer, and take note of when that was."""
        answer = super().getresponse()
        self._used = time.monotonic()
        return answer


class _TlsConnection(_Connection):
    default_port = 443  # type: ignore[misc]  # as http.client has it; this port is left out of the header `Host`


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection

    def __init__(self, *args: Any, dialer: Dialer, keepalive_expiry: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn_kw.update(dialer=dialer, keepalive_expiry=keepalive_expiry)

    def _validate_conn(self, conn: Any) -> None:
        """Leave it to `request` to connect, which knows the way."""


class _TlsPool(_Pool):
    scheme = "https"
    ConnectionCls = _TlsConnection


class Pools:
    """The connections of one process. Raises `ConfigurationError` for certificates that cannot be used."""

    def __init__(self, settings: TransportSettings) -> None:
        self._dialer = Dialer(settings)
        options: dict[str, Any] = {"dialer": self._dialer, "keepalive_expiry": settings.keepalive_expiry}
        pools: dict[str, Any] = {"http": partial(_Pool, **options), "https": partial(_TlsPool, **options)}
        self._manager = urllib3.PoolManager(_HOSTS, maxsize=settings.max_connections)
        self._manager.pool_classes_by_scheme = pools

    def exchange(self, request: Request) -> tuple[Route, urllib3.BaseHTTPResponse]:
        """Send `request` and return the answer with its body unread, and the way that it took."""
        origin, target = split_url(request)
        route = self._dialer.route(origin, direct=request.direct)
        answer = self._manager.connection_from_url(origin).urlopen(
            request.method,
            target.partition("?")[0],
            body=_Outgoing(request, origin, target, route),  # type: ignore[arg-type]
            headers={},
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=Timeout(connect=request.timeout.connect, read=request.timeout.read),
            preload_content=False,
            decode_content=False,
        )
        return route, answer

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._manager.clear()
