"""urllib3 connections that put a request on the wire to the letter.

urllib3 writes URLs anew, adds headers of its own, counts a TLS time-out as a read time-out, and has no time-out for
writing. Its pools and connections may be subclassed, and they hand `body` through untouched: so that is where the whole
request travels, and the URL that urllib3 sees, logs and quotes in its errors is one without a query. The connections
themselves are opened by the core, with its proxies and its TLS.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.errors import FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect
from functools import partial
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPHeaderDict, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import SKIP_HEADER

from tilde.plugins import Dialer, Route, Timeout

__all__ = ["Outgoing", "check_head", "pool_manager"]

_LOST_HEADERS = (MissingHeaderBodySeparatorDefect, FirstHeaderLineIsContinuationDefect)


@dataclass(frozen=True, eq=False)
class Outgoing:
    """A request on its way through urllib3: the route, the path for logs, the target to the letter, every header line,
    the body and the limits."""

    route: Route
    path: str
    target: str
    lines: list[tuple[str, str]]
    body: bytes | Iterable[bytes] | None
    timeout: Timeout

    def headers(self) -> HTTPHeaderDict:
        """Return the header lines, with a note to urllib3 not to add a `User-Agent` of its own."""
        headers = HTTPHeaderDict(self.lines)
        headers.setdefault("User-Agent", SKIP_HEADER)
        return headers


class _StrictResponse(http.client.HTTPResponse):
    def begin(self) -> None:
        """Read the head; one malformed header line makes http.client lose all that follow, and urllib3 log them."""
        super().begin()
        check_head(self)


def check_head(answer: http.client.HTTPResponse) -> None:
    """Raise `http.client.HTTPException` if header lines were lost."""
    if any(isinstance(defect, _LOST_HEADERS) for defect in answer.msg.defects):
        raise http.client.HTTPException("malformed header line")


class _ToTheLetter(HTTPConnection):
    response_class = _StrictResponse
    _outgoing: Outgoing
    _route: Route

    def __init__(self, *args: Any, dialer: Dialer, keepalive_expiry: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._dialer = dialer
        self._keepalive_expiry = keepalive_expiry
        self._used = time.monotonic()

    def connect(self) -> None:
        """Connect and make the TLS handshake, if any, within the time for connecting. Raises `DialFailed`."""
        self._route = self._outgoing.route
        self.sock = self._dialer.open(self._route, self._outgoing.timeout.connect)
        self.is_verified = True  # as far as it is to be; urllib3 would warn with each connection

    @property
    def is_connected(self) -> bool:
        """Whether this idle connection may be used: the server has not closed it, and soon will not."""
        return super().is_connected and time.monotonic() - self._used < self._keepalive_expiry

    def getresponse(self) -> Any:
        """Read the head of the answer, and take note of when that was."""
        answer = super().getresponse()
        self._used = time.monotonic()
        return answer

    def request(  # type: ignore[override]  # as urllib3 itself does
        self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        """Send the `Outgoing` that stands in for the body."""
        self._outgoing = body
        try:
            if not self.is_closed and self._route != body.route:  # the same server, through a proxy or not
                self.close()
            if self.is_closed:
                self.connect()
            self.timeout = body.timeout.write
            options["chunked"] = False
            super().request(method, url, body=body.body, headers=body.headers(), **options)
        finally:
            del self._outgoing  # what was uploaded is not kept for as long as the connection is

    def putrequest(self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False) -> None:
        """Begin with the target to the letter, and without an `Accept-Encoding`."""
        super().putrequest(method, self._outgoing.target, skip_host=skip_host, skip_accept_encoding=True)


class _TlsToTheLetter(_ToTheLetter, HTTPSConnection):
    pass


class _Requests(HTTPConnectionPool):
    def __init__(self, *args: Any, dialer: Dialer, keepalive_expiry: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn_kw.update(dialer=dialer, keepalive_expiry=keepalive_expiry)

    def _validate_conn(self, conn: Any) -> None:
        """Leave it to `request` to connect, which knows the way."""


class _Pool(_Requests):
    ConnectionCls = _ToTheLetter


class _TlsPool(_Requests, HTTPSConnectionPool):
    ConnectionCls = _TlsToTheLetter


def pool_manager(hosts: int, connections: int, dialer: Dialer, keepalive_expiry: float) -> PoolManager:
    """Return pools for so many hosts, each of which keeps so many connections for so many seconds."""
    manager = PoolManager(num_pools=hosts, maxsize=connections)
    options: dict[str, Any] = {"dialer": dialer, "keepalive_expiry": keepalive_expiry}
    pools: dict[str, Any] = {"http": partial(_Pool, **options), "https": partial(_TlsPool, **options)}
    manager.pool_classes_by_scheme = pools
    return manager
