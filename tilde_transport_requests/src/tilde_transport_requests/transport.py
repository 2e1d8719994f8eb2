"""One request, one response, over `requests.adapters.HTTPAdapter`.

Not over `requests.Session`: that adds headers, keeps cookies, reads the environment and `.netrc`, follows redirects.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import BaseHTTPResponse
from urllib3.util import Timeout as BackendTimeout

from tilde.plugins import (
    NotSentError,
    OutcomeUnknownError,
    Request,
    Response,
    SourceFailed,
    TransportSettings,
    body_pieces,
    error_about,
    header_lines,
    split_url,
)
from tilde_transport_requests.errors import ERRORS
from tilde_transport_requests.wire import Outgoing, pool_manager

__all__ = ["RequestsTransport"]

_PIECE = 64 * 1024
_HOSTS = 16  # a client speaks to the service and to an object store or two


class RequestsTransport:
    """A `Transport` over requests. Holds at most `settings.max_connections` connections to each host.

    Reads no environment variable and no file but the CA certificates of `certifi`. A forked process gets connections
    of its own, and a pickled transport is opened anew with the same settings.
    """

    def __init__(self, settings: TransportSettings | None = None) -> None:
        self._settings = settings or TransportSettings()
        self._closed = False
        self._left_to_parent: list[HTTPAdapter] = []
        self._open()

    def send(self, request: Request) -> Response:
        """Send `request` as it is and return the answer with its body unread. Raises `TransportError`."""
        backend = self._backend(request)
        try:
            with ERRORS.guard(request):
                answer = _exchange(backend, request)
            return _from_backend(request, answer, self._unread)
        except SourceFailed as failed:
            own = failed.error
        raise own  # out here, so that it leaves as it came and with nothing in its context

    def close(self) -> None:
        """Free every connection. May be called twice; `send` afterwards raises `NotSentError`."""
        self._closed = True
        self._adapter.close()
        for answer in list(self._unread):
            self._unread.discard(answer)
            with suppress(ValueError, OSError):  # its reader was quicker
                answer.shutdown()  # wakes up a reader, for whose lock close would wait
            answer.close()

    def _open(self) -> None:
        self._adapter = _Adapter(pool_connections=_HOSTS, pool_maxsize=self._settings.max_connections)
        self._unread: set[BaseHTTPResponse] = set()
        self._process = os.getpid()

    def _backend(self, request: Request) -> HTTPAdapter:
        if self._closed:
            raise error_about(request, NotSentError, "the client is closed")
        if self._process != os.getpid():
            # Forked: two processes on one socket would read each other's answers. The old pool is kept untouched,
            # as closing it may wait for a lock that another thread of the parent held.
            self._left_to_parent.append(self._adapter)
            self._open()
        return self._adapter

    def __repr__(self) -> str:
        return f"RequestsTransport({self._settings!r})"

    def __reduce__(self) -> Any:
        return RequestsTransport, (self._settings,)


class _Adapter(HTTPAdapter):
    """An `HTTPAdapter` that leaves URL and headers alone; the request itself travels in the body, see `wire`."""

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = True, **pool_kwargs: Any) -> None:
        self.poolmanager = pool_manager(connections, maxsize)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave it to the one TLS context, which verifies; the base class loads all CAs for each connection."""

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        return "/" + str(request.url).split("/", 3)[3]  # no query in it: this is what urllib3 logs and quotes

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        response = requests.Response()
        response.raw = resp
        return response


def _exchange(adapter: HTTPAdapter, request: Request) -> BaseHTTPResponse:
    limits = BackendTimeout(connect=request.timeout.connect, read=request.timeout.read)
    answer = adapter.send(_to_backend(request), stream=True, timeout=limits, verify=True)  # type: ignore[arg-type]
    raw: BaseHTTPResponse = answer.raw
    return raw


def _to_backend(request: Request) -> requests.PreparedRequest:
    origin, target = split_url(request)
    prepared = requests.PreparedRequest()
    prepared.method = request.method
    prepared.url = origin + target.partition("?")[0]
    prepared.headers = CaseInsensitiveDict()
    body = _body(request) if len(request.content) else None
    prepared.body = Outgoing(target, header_lines(request), body, request.timeout)  # type: ignore[assignment]
    return prepared


def _body(request: Request) -> bytes | Iterator[bytes]:
    content = request.content
    if isinstance(content, (bytes, bytearray, memoryview)):
        return bytes(content)
    return body_pieces(request, content)


def _from_backend(request: Request, answer: BaseHTTPResponse, unread: set[BaseHTTPResponse]) -> Response:
    unread.add(answer)
    close = _closer(request, answer, unread)
    try:
        response = Response(answer.status, answer.headers.iteritems(), _pieces(request, answer, unread), close=close)
    except ValueError as error:
        close()
        raise error_about(request, OutcomeUnknownError, f"the answer has a malformed header: {error}") from error
    if answer.status < 200:
        close()  # http.client takes 103 for the answer; the real one is still to come, so the connection is of no use
        raise error_about(request, OutcomeUnknownError, f"the answer was the interim status {answer.status}")
    if answer.length_remaining == 0:
        response.read()  # nothing to read: the connection is free at once
    return response


def _pieces(request: Request, answer: BaseHTTPResponse, unread: set[BaseHTTPResponse]) -> Iterator[bytes]:
    with ERRORS.guard(request):
        for piece in _raw_pieces(answer):
            yield piece
            if answer not in unread:  # closed meanwhile, which urllib3 does not expect, or takes for the end
                break
    if answer not in unread:
        raise error_about(request, OutcomeUnknownError, "the client was closed before the whole answer was read")


def _raw_pieces(answer: BaseHTTPResponse) -> Iterator[bytes]:
    if answer.chunked:
        return answer.read_chunked(_PIECE, decode_content=False)
    # read1 gives what is there, where read would wait until the piece is full.
    return iter(lambda: answer.read1(_PIECE, decode_content=False), b"")


def _closer(request: Request, answer: BaseHTTPResponse, unread: set[BaseHTTPResponse]) -> Callable[[], None]:
    def close() -> None:
        unread.discard(answer)
        with ERRORS.guard(request):
            answer.close()
            answer.release_conn()  # a pool that blocks counts its connections, closed ones too

    return close
