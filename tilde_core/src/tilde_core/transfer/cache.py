"""What was read of an object, kept so that going back costs no request."""

from __future__ import annotations

import os
from bisect import bisect_right
from dataclasses import dataclass

from tilde_core.transfer.spool import Spool

__all__ = ["ByteCache"]


@dataclass(slots=True)
class _Stretch:
    """Bytes `start` to `end` (exclusive) of the object, which lie at `stored_at` in the spool."""

    start: int
    end: int
    stored_at: int


class ByteCache:
    """Bytes by their position in an object: a few MiB in memory, more than that in a temporary file.

    A forked process forgets what is in the file: it would share the position there with its parent.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._spool = Spool()
        self._stretches: list[_Stretch] = []  # in order, none over another

    def read(self, position: int, size: int) -> bytes:
        """Return up to `size` bytes at `position`; `b""` if that one is not here."""
        if self._process != os.getpid():
            self._leave_file_to_parent()
        stretch = self._before(position)
        if stretch is None or position >= stretch.end:
            return b""
        return self._spool.read_at(stretch.stored_at + position - stretch.start, min(size, stretch.end - position))

    def add(self, position: int, data: bytes) -> None:
        """Keep `data` as far as it is new. `read` must have found nothing at `position`."""
        index = self._index(position)
        if index < len(self._stretches):
            data = data[: self._stretches[index].start - position]
        stored_at = self._spool.size
        self._spool.append(data)
        before = self._stretches[index - 1] if index else None
        if before is not None and before.end == position and self._ends_at(before) == stored_at:
            before.end += len(data)
        else:
            self._stretches.insert(index, _Stretch(position, position + len(data), stored_at))

    def close(self) -> None:
        """Forget everything. May be called twice."""
        self._spool.close()

    def _leave_file_to_parent(self) -> None:
        self._process = os.getpid()
        if self._spool.is_on_disk:
            self._spool.close()
            self._spool, self._stretches = Spool(), []

    def _index(self, position: int) -> int:
        return bisect_right(self._stretches, position, key=lambda stretch: stretch.start)

    def _before(self, position: int) -> _Stretch | None:
        index = self._index(position)
        return self._stretches[index - 1] if index else None

    @staticmethod
    def _ends_at(stretch: _Stretch) -> int:
        return stretch.stored_at + stretch.end - stretch.start
