"""urllib3 connections that put a request on the wire to the letter.

urllib3 writes URLs anew, adds headers of its own, counts a TLS time-out as a read time-out, and has no time-out for
writing. Its pools and connections may be subclassed, and they hand `body` through untouched: so that is where the whole
request travels, and the URL that urllib3 sees, logs and quotes in its errors is one without a query.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.errors import FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect
from functools import lru_cache
from typing import Any

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPHeaderDict, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util import SKIP_HEADER

from tilde.plugins import Timeout

__all__ = ["Outgoing", "pool_manager"]

_LOST_HEADERS = (MissingHeaderBodySeparatorDefect, FirstHeaderLineIsContinuationDefect)


@dataclass(frozen=True, eq=False)
class Outgoing:
    """A request on its way through urllib3: the target to the letter, every header line, the body and the limits."""

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
        if any(isinstance(defect, _LOST_HEADERS) for defect in self.msg.defects):
            raise http.client.HTTPException("malformed header line")


class _ToTheLetter(HTTPConnection):
    response_class = _StrictResponse
    _outgoing: Outgoing

    def connect(self) -> None:
        """Connect; what fails in the TLS handshake has not been sent either, and is told so."""
        try:
            super().connect()
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "timed out in the TLS handshake") from error
        except OSError as error:
            raise NewConnectionError(self, "the TLS handshake failed") from error

    def request(  # type: ignore[override]  # as urllib3 itself does
        self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        """Send the `Outgoing` that stands in for the body."""
        self._outgoing = body
        if self.is_closed:
            self.connect()
        self.timeout = body.timeout.write
        options["chunked"] = False
        super().request(method, url, body=body.body, headers=body.headers(), **options)

    def putrequest(self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False) -> None:
        """Begin with the target to the letter, and without an `Accept-Encoding`."""
        super().putrequest(method, self._outgoing.target, skip_host=skip_host, skip_accept_encoding=True)


class _TlsToTheLetter(_ToTheLetter, HTTPSConnection):
    pass


class _PoolTimeout(HTTPConnectionPool):
    def urlopen(self, method: str, url: str, body: Any = None, **options: Any) -> Any:  # type: ignore[override]
        """Send, waiting for a free connection no longer than the request allows."""
        return super().urlopen(method, url, body=body, **{**options, "pool_timeout": body.timeout.pool})


class _Pool(_PoolTimeout):
    ConnectionCls = _ToTheLetter


class _TlsPool(_PoolTimeout, HTTPSConnectionPool):
    ConnectionCls = _TlsToTheLetter


def pool_manager(hosts: int, connections: int) -> PoolManager:
    """Return pools for so many hosts, each with so many connections, that wait when all are busy."""
    manager = PoolManager(num_pools=hosts, maxsize=connections, block=True, ssl_context=_ssl_context())
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    """Return the one context of this process: to load the CA certificates takes tens of milliseconds."""
    context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
    context.set_alpn_protocols(["http/1.1"])
    return context
