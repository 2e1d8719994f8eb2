"""Answers of urllib3 as the SDK has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from urllib3 import BaseHTTPResponse

from tilde.plugins import OutcomeUnknownError, Request, Response, error_about
from tilde_transport_urllib3_example.errors import ERRORS

__all__ = ["Answers"]

_PIECE = 64 * 1024


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
        """Return the answer with its body unread; `free` is called once it is done with."""
        self._unread.add(answer)
        close = self._closer(request, answer, free)
        try:
            response = Response(answer.status, answer.headers.iteritems(), self._pieces(request, answer), close=close)
        except ValueError as error:
            close()
            raise error_about(request, OutcomeUnknownError, f"the answer has a malformed header: {error}") from error
        if answer.status < 200:
            close()  # http.client takes 103 for the answer; the real one is still to come
            raise error_about(request, OutcomeUnknownError, f"the answer was the interim status {answer.status}")
        if answer.length_remaining == 0:
            response.read()  # nothing to read: the connection is free at once
        return response

    def _pieces(self, request: Request, answer: BaseHTTPResponse) -> Iterator[bytes]:
        with ERRORS.guard(request):
            for piece in _raw_pieces(answer):
                yield piece
                if answer not in self._unread:  # closed meanwhile, which urllib3 takes for the end
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
