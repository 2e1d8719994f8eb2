"""Bytes put aside while they are needed: in memory while they are few, then in a temporary file."""

from __future__ import annotations

import io
import tempfile
import threading
from types import TracebackType
from typing import BinaryIO, Protocol, cast

from tilde_core.transfer import limits

__all__ = ["Spool"]


class _Readable(Protocol):
    def read(self, size: int) -> bytes: ...


class Spool:
    """A `Source` that is filled first. `close` removes it."""

    def __init__(self) -> None:
        self._file: BinaryIO = io.BytesIO()
        self.is_on_disk = False
        self._lock = threading.Lock()
        self.size = 0

    def fill(self, stream: _Readable, up_to: int | None = None) -> bool:
        """Read on from `stream` until `up_to` bytes are here in all; return whether the stream ended before that."""
        while up_to is None or self.size < up_to:
            left = limits.PIECE if up_to is None else min(limits.PIECE, up_to - self.size)
            data = stream.read(left)
            if not data:
                return True
            self.append(data)
        return False

    def append(self, data: bytes) -> None:
        """Put `data` behind what is there."""
        with self._lock:
            if not self.is_on_disk and self.size + len(data) > limits.SPOOL_MEMORY:
                self._move_to_disk()
            _write_at(self._file, self.size, data)
            self.size += len(data)

    def read_at(self, position: int, size: int) -> bytes:
        """Return the bytes at `position`: exactly `size`, or as many as there are."""
        with self._lock:
            self._file.seek(position)
            return self._file.read(size)

    def check_size(self) -> None:
        """Pass: nobody else writes here."""

    def close(self) -> None:
        """Forget the bytes. May be called twice."""
        self._file.close()

    def _move_to_disk(self) -> None:
        # Unbuffered: a forked process that drops its copy of a buffer would move the position, which both share.
        file = cast("BinaryIO", tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 - closed by close
        self._file.seek(0)
        try:
            _write_at(file, 0, self._file.read())
        except BaseException:
            file.close()
            raise
        self._file, self.is_on_disk = file, True

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _write_at(file: BinaryIO, position: int, data: bytes) -> None:
    file.seek(position)
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]  # an unbuffered file may take a part of it only
