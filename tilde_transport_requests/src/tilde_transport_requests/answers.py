"""Answers of urllib3 as the SDK has them, and the places that bound how many are open at one time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from urllib3 import BaseHTTPResponse

from tilde.plugins import DialFailed, OutcomeUnknownError, Request, Response, error_about
from tilde_transport_requests.errors import ERRORS

__all__ = ["Answers", "Places"]

_PIECE = 64 * 1024


class Places:
    """So many requests may be under way at one time; the next one waits."""

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)

    def take(self, request: Request) -> Callable[[], None]:
        """Return what frees the place again, once. Raises `DialFailed` if none is free in time."""
        wait = request.timeout.pool
        if not self._free.acquire(timeout=wait):
            raise DialFailed(f"all connections stayed busy for {wait} seconds: close or read answers sooner")
        taken = [self._free]

        def free() -> None:
            while taken:
                taken.pop().release()

        return free


class Answers:
    """The answers that are not read to their end."""

    def __init__(self) -> None:
        self._unread: set[BaseHTTPResponse] = set()

    def close(self) -> None:
        """Cut off every answer, also under the hands of who reads it."""
        for answer in list(self._unread):
            self._unread.discard(answer)
            with suppress(ValueError, OSError):  # its reader was quicker
                answer.shutdown()  # wakes up a reader, for whose lock close would wait
            answer.close()

    def response(self, request: Request, answer: BaseHTTPResponse, free: Callable[[], None]) -> Response:
        """Return the answer with its body unread; `free` is called when it is done with."""
        self._unread.add(answer)
        close = self._closer(request, answer, free)
        try:
            response = Response(answer.status, answer.headers.iteritems(), self._pieces(request, answer), close=close)
        except ValueError as error:
            close()
            raise error_about(request, OutcomeUnknownError, f"the answer has a malformed header: {error}") from error
        if answer.status < 200:
            close()  # http.client takes 103 for the answer; the real one is still to come: the connection is of no use
            raise error_about(request, OutcomeUnknownError, f"the answer was the interim status {answer.status}")
        if answer.length_remaining == 0:
            response.read()  # nothing to read: the connection is free at once
        return response

    def _pieces(self, request: Request, answer: BaseHTTPResponse) -> Iterator[bytes]:
        with ERRORS.guard(request):
            for piece in _raw_pieces(answer):
                yield piece
                if answer not in self._unread:  # closed meanwhile, which urllib3 does not expect, or takes for the end
                    break
        if answer not in self._unread:
            raise error_about(request, OutcomeUnknownError, "the client was closed before the whole answer was read")

    def _closer(self, request: Request, answer: BaseHTTPResponse, free: Callable[[], None]) -> Callable[[], None]:
        def close() -> None:
            self._unread.discard(answer)
            try:
                with ERRORS.guard(request):
                    answer.close()
                    answer.release_conn()
            finally:
                free()

        return close


def _raw_pieces(answer: BaseHTTPResponse) -> Iterator[bytes]:
    if answer.chunked:
        return answer.read_chunked(_PIECE, decode_content=False)
    # read1 gives what is there, where read would wait until the piece is full.
    return iter(lambda: answer.read1(_PIECE, decode_content=False), b"")
