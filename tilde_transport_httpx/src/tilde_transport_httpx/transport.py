"""One request, one response, over `httpx.HTTPTransport`.

Not over `httpx.Client`: that adds headers, keeps cookies, reads the environment, follows redirects and logs every URL.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import httpx

from tilde.plugins import (
    NotSentError,
    Request,
    Response,
    SourceFailed,
    TransportSettings,
    body_pieces,
    error_about,
    header_lines,
    split_url,
)
from tilde_transport_httpx.errors import ERRORS
from tilde_transport_httpx.lanes import Lanes
from tilde_transport_httpx.logs import answer_headers_hidden

__all__ = ["HttpxTransport"]

_PIECE = 256 * 1024  # httpcore copies what is left after each partial write, so a big body goes in slices


class HttpxTransport:
    """A `Transport` over httpx. Holds at most `settings.max_connections` connections, all hosts together.

    Reads no environment variable and no file but the CA certificates of `certifi`. A forked process gets connections
    of its own, and a pickled transport is opened anew with the same settings.
    """

    def __init__(self, settings: TransportSettings | None = None) -> None:
        self._settings = settings or TransportSettings()
        self._closed = False
        self._left_to_parent: list[Lanes] = []
        self._open()

    def send(self, request: Request) -> Response:
        """Send `request` as it is and return the answer with its body unread. Raises `TransportError`."""
        lanes = self._lanes_of_this_process(request)
        try:
            with ERRORS.guard(request):
                return _exchange(request, lanes)
        except SourceFailed as failed:
            own = failed.error
        raise own  # out here, so that it leaves as it came and with nothing in its context

    def close(self) -> None:
        """Free every connection. May be called twice; `send` afterwards raises `NotSentError`."""
        self._closed = True
        self._lanes.close()

    def _open(self) -> None:
        self._lanes = Lanes(self._settings.max_connections)
        self._process = os.getpid()

    def _lanes_of_this_process(self, request: Request) -> Lanes:
        if self._closed:
            raise error_about(request, NotSentError, "the client is closed")
        if self._process != os.getpid():
            # Forked: two processes on one socket would read each other's answers. The old ones are kept untouched,
            # as closing them may wait for a lock that another thread of the parent held.
            self._left_to_parent.append(self._lanes)
            self._open()
        return self._lanes

    def __repr__(self) -> str:
        return f"HttpxTransport({self._settings!r})"

    def __reduce__(self) -> Any:
        return HttpxTransport, (self._settings,)


def _exchange(request: Request, lanes: Lanes) -> Response:
    origin, target = split_url(request)
    outgoing = _to_backend(request, _origin_url(origin), target)
    lane = lanes.take(origin, request.timeout.pool)
    if lane is None:
        raise httpx.PoolTimeout("every connection is busy")
    try:
        with answer_headers_hidden():
            answer = lane.backend.handle_request(outgoing)
    except BaseException:
        lanes.give_back(lane)
        raise
    return _from_backend(request, answer, lambda: lanes.give_back(lane))


class _Body(httpx.SyncByteStream):
    def __init__(self, request: Request) -> None:
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        content = self._request.content
        if not isinstance(content, (bytes, bytearray, memoryview)):
            yield from body_pieces(self._request, content)
        elif len(content) <= _PIECE:
            yield bytes(content)
        else:
            yield from (bytes(content[start : start + _PIECE]) for start in range(0, len(content), _PIECE))


_EMPTY = httpx.ByteStream(b"")


def _to_backend(request: Request, url: httpx.URL, target: str) -> httpx.Request:
    lines = [(name.encode("ascii"), value.encode("latin-1")) for name, value in header_lines(request)]
    if not any(name.lower() == b"host" for name, _ in lines):
        lines.insert(0, (b"Host", url.netloc))
    timeout = request.timeout
    limits = {
        "connect": timeout.connect,
        "read": timeout.read,
        "write": timeout.write,
        "pool": timeout.pool,
    }
    return httpx.Request(
        request.method,
        url,
        headers=lines,
        stream=_Body(request) if len(request.content) else _EMPTY,
        # httpx.URL would write the target anew; this extension puts it on the wire to the letter.
        extensions={"target": target.encode("ascii"), "timeout": limits},
    )


def _from_backend(request: Request, answer: httpx.Response, done: Callable[[], None]) -> Response:
    lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw]
    close = _closer(request, answer, done)
    # Headers refuses no line that h11 lets through: h11 takes nothing but tokens for names, and no line break or NUL.
    response = Response(answer.status_code, lines, _pieces(request, answer), close=close)
    has_no_body = request.method == "HEAD" or answer.status_code in (204, 304)
    if has_no_body or response.headers.get("content-length") == "0":
        response.read()  # nothing to read: the connection is free at once
    return response


def _pieces(request: Request, answer: httpx.Response) -> Iterator[bytes]:
    stream = answer.stream
    assert isinstance(stream, httpx.SyncByteStream)
    with ERRORS.guard(request):
        yield from stream


def _closer(request: Request, answer: httpx.Response, done: Callable[[], None]) -> Callable[[], None]:
    def close() -> None:
        try:
            with ERRORS.guard(request):
                answer.close()
        finally:
            done()

    return close


@lru_cache(maxsize=256)
def _origin_url(origin: str) -> httpx.URL:
    return httpx.URL(origin)
