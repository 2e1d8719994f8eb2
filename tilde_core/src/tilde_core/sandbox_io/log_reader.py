"""The bytes of a sandbox's log, over as many connections as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from tilde_core.exceptions import IntegrityError, TransportError, WaitTimeoutError
from tilde_core.hooks.offers import Attempt
from tilde_core.http import Headers, Response
from tilde_core.operation import Operation
from tilde_core.pipeline import Pipeline
from tilde_core.waiting import wait_until

__all__ = ["LogReader"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds
_FIRST_INTERVAL = 0.02


class LogReader:
    """Reads a log from its start, and follows it until the sandbox has ended.

    The service sends a log from the start only; so after a connection that broke, or was silent for longer than the
    read time-out, what was seen before is passed over. As long as `is_over` says that the sandbox runs, a lost
    connection is replaced again and again, with pauses; afterwards, as often as the client's retry limits allow.
    """

    def __init__(
        self, pipeline: Pipeline, operation: Operation, *, is_over: Callable[[], bool], has_ended: bool = False
    ) -> None:
        self._pipeline = pipeline
        self._operation = operation
        self._ask_if_over = is_over
        self._has_ended = has_ended  # known; else it is asked when that matters
        self._response: Response | None = None
        self._pieces: Iterator[bytes] = iter(())
        self._offset = 0  # of the next piece of this connection
        self._seen = 0  # how many bytes were returned
        self._finished = False
        self._pause = _FIRST_PAUSE
        self._failures = 0
        self._failing_since = 0.0

    def read(self) -> bytes:
        """Return some bytes, at least one; `b""` only at the end. Waits as long as there are none. Raises
        `TildeError`."""
        while not self._finished:
            if self._response is None:
                self._connect()
            elif data := self._new_part_of(self._next_piece()):
                return data
        return b""

    def close(self) -> None:
        """Free the connection. May be called twice."""
        response, self._response = self._response, None
        self._pieces = iter(())
        if response is not None:
            with suppress(TransportError):  # nothing more is wanted from it
                response.close()

    def _connect(self) -> None:
        self._was_over = self._has_ended
        try:
            response = self._pipeline.execute(self._operation)
        except TransportError as error:
            self._broken(error)
            return
        self._response, self._pieces, self._offset = response, response.iter_bytes(), 0

    def _next_piece(self) -> bytes:
        """The next bytes of the open connection; `b""` when it has ended or broken."""
        try:
            piece = next(self._pieces, b"")
        except TransportError as error:
            self._broken(error)
            return b""
        except BaseException:
            self.close()  # what was interrupted would look as if it were over
            raise
        if not piece:
            self._ended()
        return piece

    def _new_part_of(self, piece: bytes) -> bytes:
        start, self._offset = self._offset, self._offset + len(piece)
        new = piece[max(self._seen - start, 0) :]
        if new:
            self._seen += len(new)
            self._failures, self._pause = 0, _FIRST_PAUSE
        return new

    def _ended(self) -> None:
        """The answer is over: the log too, or is there more to come?"""
        is_short, is_whole = self._offset < self._seen, self._is_whole()
        self.close()
        if self._was_over and is_short:
            raise IntegrityError(
                f"the log has become shorter: it ended at byte {self._offset}, and {self._seen} were read before",
                operation=self._operation.name,
            )
        self._finished = not is_short and (self._was_over or (is_whole and self._is_over()))
        if not self._finished:
            self._wait()

    def _is_whole(self) -> bool:
        """Whether the answer says itself where it ends; one that ends with its connection may have been cut off."""
        headers = self._response.headers if self._response is not None else Headers()
        return "Content-Length" in headers or "Transfer-Encoding" in headers

    def _broken(self, error: TransportError) -> None:
        """The connection was lost. While the sandbox runs that is no failure: it may have had nothing to say."""
        self.close()
        if not self._is_over():
            self._wait()
            return
        now = self._pipeline.clock.monotonic()
        self._failing_since = self._failing_since if self._failures else now
        self._failures += 1
        name = error.operation = error.operation or self._operation.name
        elapsed = now - self._failing_since
        attempt = Attempt(operation=name, number=self._failures, elapsed=elapsed, repeatable=True, error=error)
        self._pipeline.wait_or_raise(attempt, error)

    def _is_over(self) -> bool:
        self._has_ended = self._has_ended or self._ask_if_over()
        return self._has_ended

    def _wait(self) -> None:
        """Pause before the next connection, for longer each time in which nothing new came, but not once it is over."""
        with suppress(WaitTimeoutError):
            wait_until(
                self._is_over,
                self._pipeline.clock,
                waited_for="more of the log",
                timeout=self._pause,
                operation=self._operation.name,
                first_interval=_FIRST_INTERVAL,
            )
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
