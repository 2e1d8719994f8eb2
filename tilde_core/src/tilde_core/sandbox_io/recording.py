"""What a command prints, kept as it comes: in two streams, and in the order of both."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Iterator

from tilde_core.clock import Clock
from tilde_core.sandbox_io.frames import StreamName
from tilde_core.sandbox_io.output import CHUNK_SIZE, LiveStream, OutputStream, OutputWriter

__all__ = ["Recording", "TimeIsOver"]

_NAMES: tuple[StreamName, StreamName] = ("stdout", "stderr")


class TimeIsOver(Exception):
    """What was waited for did not come in time."""


class Recording:
    """Written by one thread, read by any number, which wait for more until it has ended."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._writers = (OutputWriter(), OutputWriter())
        # So many bytes to stdout, then so many to stderr, then to stdout, and so on: eight bytes for each turn.
        self._turns = array("Q")
        self._changed = threading.Condition()
        self.has_ended: bool = False

    @property
    def stdout(self) -> OutputStream:
        """What is there of it."""
        return self._writers[0].stream

    @property
    def stderr(self) -> OutputStream:
        """What is there of it."""
        return self._writers[1].stream

    def write(self, name: StreamName, data: bytes) -> None:
        """Put `data` behind what is there. Raises `OSError` if the disk is full."""
        index = _NAMES.index(name)
        self._writers[index].write(data)
        with self._changed:
            while len(self._turns) % 2 == index or not self._turns:  # it is not that one's turn
                self._turns.append(0)
            self._turns[-1] += len(data)
            self._changed.notify_all()

    def end(self) -> None:
        """Wake up whoever waits: nothing more will come."""
        with self._changed:
            self.has_ended = True
            self._changed.notify_all()

    def wait(self, deadline: float | None) -> None:
        """Wait until it has ended or the clock says `deadline`. Raises `TimeIsOver`."""
        self._wait(lambda: self.has_ended, deadline)

    def events(self, deadline: float | None) -> Iterator[tuple[StreamName, bytes]]:
        """Yield what is printed, in pieces and in order, until it has ended or the clock says `deadline`.

        Raises `TimeIsOver`, also while something is printed without end.
        """
        positions = [0, 0]
        for turn in self._each_turn(deadline):
            index, done = turn % 2, 0
            while size := self._more_of(turn, done, deadline):
                data = self._writers[index].stream._spool.read_at(positions[index], min(size, CHUNK_SIZE))
                positions[index] += len(data)
                done += len(data)
                yield _NAMES[index], data

    def live(self, name: StreamName, at_end: Callable[[], object]) -> LiveStream:
        """Return a stream whose readers wait for more; at its end they call `at_end`, which may raise."""
        stream = self._writers[_NAMES.index(name)].stream

        def has_more(position: int) -> bool:
            self._wait(lambda: self.has_ended or len(stream) > position, None)
            if len(stream) > position:
                return True
            at_end()
            return False

        return LiveStream(stream, has_more)

    def _each_turn(self, deadline: float | None) -> Iterator[int]:
        turn = 0
        while self._has_turn(turn, deadline):
            yield turn
            turn += 1

    def _has_turn(self, turn: int, deadline: float | None) -> bool:
        """Wait, and return whether there is such a turn."""
        self._wait(lambda: self.has_ended or len(self._turns) > turn, deadline)
        return len(self._turns) > turn

    def _more_of(self, turn: int, done: int, deadline: float | None) -> int:
        """Wait, and return how many bytes there are of that turn beyond `done`; 0 if it is over."""
        self._wait(lambda: self.has_ended or self._turns[turn] > done or len(self._turns) > turn + 1, deadline)
        return self._turns[turn] - done

    def _wait(self, is_there: Callable[[], bool], deadline: float | None) -> None:
        with self._changed:
            while not is_there():
                left = None if deadline is None else deadline - self._clock.monotonic()
                if left is not None and left <= 0:
                    raise TimeIsOver
                self._changed.wait(left)
        if deadline is not None and not self.has_ended and self._clock.monotonic() >= deadline:
            raise TimeIsOver
