"""The bytes of one version of an object, over as many connections as it takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from tilde_core.exceptions import APIError, IntegrityError, OutcomeUnknownError, TransportError
from tilde_core.hooks.offers import Attempt
from tilde_core.http import Headers, Response
from tilde_core.operation import Operation
from tilde_core.transfer import limits
from tilde_core.transfer.answers import Span, span_of
from tilde_core.transfer.checksums import unquoted
from tilde_core.transfer.ranges import range_header

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["ObjectBody"]

_PRECONDITION_FAILED, _NOT_SATISFIABLE = 412, 416
# Answers that a forked process has inherited. Its parent reads them; here they must be neither read nor closed.
_left_to_parent: list[object] = []


class ObjectBody:
    """Reads an object from any position. Positions count from the start of the object.

    The first answer decides what is read: `span` says from where to where, `headers` are its headers. Every further one
    must carry the same ETag. A connection that breaks is replaced as the client's retry limits allow, which count
    anew whenever bytes have come. So is one that was inherited over a fork, which the parent still reads from.
    """

    def __init__(self, client: Client, operation: Operation, byte_range: tuple[int, int | None] | None) -> None:
        self._pipeline = client.pipeline
        self._operation = operation
        self._path = operation.query["path"]
        self._response: Response | None = None
        self._pieces: Iterator[bytes] = iter(())
        self._offset = self._may_skip_to = 0
        self._is_cut_short = False
        self._failures = 0
        self._failing_since = 0.0
        response = self._first_answer(byte_range)
        self.headers: Headers = response.headers
        try:
            self.span: Span = span_of(response, byte_range, operation.name)
            self._use(response, self.span, self.span.first)
        except BaseException:
            response.close()
            raise
        if self.span.end == self.span.first:
            self._finish()

    def read_from(self, position: int) -> bytes:
        """Return some bytes at `position`, at least one; `b""` only at the end. Raises `TildeError`."""
        self._leave_to_parent()
        while not self._is_end(position):
            if not self._reaches(position):
                self._reopen(position)
            piece = self._next_piece()
            start, self._offset = self._offset, self._offset + len(piece)
            if self._offset > position:
                return self._delivered(piece, start, position)
        return b""

    def close(self) -> None:
        """Free the connection. May be called twice."""
        self._leave_to_parent()
        response, self._response = self._response, None
        self._pieces = iter(())
        if response is not None:
            with suppress(TransportError):  # nothing more is wanted from it
                response.close()

    def _leave_to_parent(self) -> None:
        response = self._response
        if response is not None and not response.is_closed and self._process != os.getpid():
            _left_to_parent.append((response, self._pieces))
            self._response, self._pieces = None, iter(())

    def _first_answer(self, byte_range: tuple[int, int | None] | None) -> Response:
        if byte_range is None:
            return self._pipeline.execute(self._operation)
        try:
            return self._answer({"Range": range_header(*byte_range)})
        except APIError as error:
            if error.status_code == _NOT_SATISFIABLE:
                error.message = f"byte_range={byte_range} begins beyond the end of {self._path!r}"
            raise

    def _answer(self, headers: dict[str, str]) -> Response:
        return self._pipeline.execute(replace(self._operation, headers=headers))

    def _use(self, response: Response, span: Span, position: int) -> None:
        is_small = span.body_ends is not None and span.body_ends - span.body_starts <= limits.AT_ONCE
        self._pieces = _read_at_once(response) if is_small else response.iter_bytes()
        self._response = response
        self._process = os.getpid()
        self._offset = span.body_starts
        self._is_cut_short = span.body_ends is None or span.body_ends != self.span.end
        self._may_skip_to = position

    def _is_end(self, position: int) -> bool:
        return self.span.end is not None and position >= self.span.end

    def _reaches(self, position: int) -> bool:
        """Whether the open answer gets to `position`, and soon enough; what lies before it is passed over."""
        if self._response is None or position < self._offset:
            return False
        if self.span.end is None:
            return True  # the end may lie before `position`, and only this way it is found
        return position <= max(self._offset + limits.SKIP, self._may_skip_to)

    def _reopen(self, position: int) -> None:
        """Ask for the rest, of the version that the first answer was of."""
        self.close()
        etag = self._first_etag()
        last = None if self.span.end is None else self.span.end - 1
        # A weak ETag never matches; it is compared below all the same.
        pinned = {} if etag.startswith("W/") else {"If-Match": etag}
        try:
            response = self._answer({"Range": range_header(position, last), **pinned})
        except APIError as error:
            if error.status_code in (_PRECONDITION_FAILED, _NOT_SATISFIABLE):
                raise self._changed(error.request_id) from error
            raise
        try:
            span = self._span_of_same_version(response, etag, (position, last))
            if self.span.end is None:
                self.span = replace(self.span, end=span.end, total=span.total)
            self._use(response, span, position)
        except BaseException:
            response.close()
            raise

    def _span_of_same_version(self, response: Response, etag: str, byte_range: tuple[int, int | None]) -> Span:
        if unquoted(response.headers.get("ETag", "")) != unquoted(etag):
            raise self._changed(response.headers.request_id)
        span = span_of(response, byte_range, self._operation.name)
        if self.span.total is not None and span.total not in (None, self.span.total):
            raise self._changed(response.headers.request_id)
        return span

    def _first_etag(self) -> str:
        etag = self.headers.get("ETag", "")
        if not etag:
            what = "it has no ETag, so that it cannot be told whether the rest is of the same version"
            raise self._error(what, self.headers.request_id)
        return etag

    def _next_piece(self) -> bytes:
        """Return the next bytes of the open answer; `b""` when it broke and is to be opened again, or is over."""
        try:
            piece = next(self._pieces, b"")
        except TransportError as error:
            self._wait_or_raise(error)
            return b""
        except BaseException:
            self.close()  # what was interrupted would look as if it were over
            raise
        if piece:
            return piece
        if self.span.end is None:
            self.span = replace(self.span, end=self._offset)
            self._finish()
        else:
            self._wait_or_raise(
                OutcomeUnknownError(f"the body of {self._path!r} ended at byte {self._offset} of {self.span.end}")
            )
        return b""

    def _wait_or_raise(self, error: TransportError) -> None:
        name = self._operation.name
        error.operation = error.operation or name
        if self._response is not None:
            error.request_id = error.request_id or self._response.headers.request_id
        self.close()
        now = self._pipeline.clock.monotonic()
        if not self._failures:
            self._failing_since = now
        self._failures += 1
        elapsed = now - self._failing_since
        attempt = Attempt(operation=name, number=self._failures, elapsed=elapsed, repeatable=True, error=error)
        self._pipeline.wait_or_raise(attempt, error)

    def _delivered(self, piece: bytes, start: int, position: int) -> bytes:
        self._failures = 0
        end = self.span.end
        if end is not None and self._offset >= end:
            self._finish()
        return piece[position - start : None if end is None else end - start]

    def _finish(self) -> None:
        """Free the connection: for the next request to use if the answer ends where the reading does."""
        if not self._is_cut_short:
            with suppress(TransportError):  # every byte is there
                next(self._pieces, None)
        self.close()

    def _changed(self, request_id: str) -> IntegrityError:
        return self._error("it changed while it was being read; read it again from the start", request_id)

    def _error(self, what: str, request_id: str) -> IntegrityError:
        return IntegrityError(f"{self._path!r}: {what}", operation=self._operation.name, request_id=request_id)


def _read_at_once(response: Response) -> Iterator[bytes]:
    """Read the body, which frees the connection, and return its pieces. What breaks it off is raised behind them."""
    pieces: list[bytes] = []
    failure: TransportError | None = None
    try:
        for piece in response.iter_bytes():
            pieces.append(piece)  # one by one, so that those before a failure are kept
    except TransportError as error:
        failure = error
    return _replayed(pieces, failure)


def _replayed(pieces: list[bytes], failure: TransportError | None) -> Iterator[bytes]:
    yield from pieces
    if failure is not None:
        raise failure
