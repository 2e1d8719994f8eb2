"""Requests and answers, from the SDK's form into that of httpx and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx

from tilde.plugins import Request, Response, body_pieces
from tilde_transport_httpx.errors import ERRORS

__all__ = ["from_backend", "to_backend"]

_PIECE = 256 * 1024  # httpcore copies what is left after each partial write, so a big body goes in slices
_EMPTY = httpx.ByteStream(b"")


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


def to_backend(
    request: Request, url: httpx.URL, texts: list[tuple[str, str]], target: str | None = None
) -> httpx.Request:
    """Return the request with these header lines. `target`, if given, goes over the wire to the letter."""
    lines = [(name.encode("ascii"), value.encode("latin-1")) for name, value in texts]
    if not any(name.lower() == b"host" for name, _ in lines):
        lines.insert(0, (b"Host", url.netloc))
    timeout = request.timeout
    limits = {
        "connect": timeout.connect,
        "read": timeout.read,
        "write": timeout.write,
        "pool": timeout.pool,
    }
    # httpx.URL would write the target anew.
    literal = {} if target is None else {"target": target.encode("ascii")}
    return httpx.Request(
        request.method,
        url,
        headers=lines,
        stream=_Body(request) if len(request.content) else _EMPTY,
        extensions={**literal, "timeout": limits},
    )


def from_backend(
    request: Request, answer: httpx.Response, done: Callable[[], None], *, quotes_urls: bool = False
) -> Response:
    """Return the answer with its body unread; `done` is called when it is done with."""
    lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw]
    close = _closer(request, answer, done, quotes_urls)
    # Headers refuses no line that h11 lets through: h11 takes nothing but tokens for names, and no line break or NUL.
    response = Response(answer.status_code, lines, _pieces(request, answer, quotes_urls), close=close)
    has_no_body = request.method == "HEAD" or answer.status_code in (204, 304)
    if has_no_body or response.headers.get("content-length") == "0":
        response.read()  # nothing to read: the connection is free at once
    return response


def _pieces(request: Request, answer: httpx.Response, quotes_urls: bool) -> Iterator[bytes]:
    stream = answer.stream
    assert isinstance(stream, httpx.SyncByteStream)
    with ERRORS.guard(request, quotes_urls=quotes_urls):
        yield from stream


def _closer(
    request: Request, answer: httpx.Response, done: Callable[[], None], quotes_urls: bool
) -> Callable[[], None]:
    def close() -> None:
        try:
            with ERRORS.guard(request, quotes_urls=quotes_urls):
                answer.close()
        finally:
            done()

    return close
