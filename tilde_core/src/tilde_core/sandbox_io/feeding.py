"""Feeding a command: a thread takes what it is to read from wherever that comes, while the command runs and prints."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeAlias, cast

from tilde_core.sandbox_io.exec import RunningCommand
from tilde_core.sandbox_io.frames import INPUT_SIZE
from tilde_core.sandbox_io.output import OutputStream

__all__ = ["Feeder", "Stdin", "checked_stdin"]

_END = object()


Data: TypeAlias = bytes | bytearray | memoryview


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


Stdin: TypeAlias = Data | OutputStream | _Readable | Iterable[Data]
"""Bytes, what a command printed or prints, a binary file (read from where it stands, and left open), or any iterable
of bytes."""


def checked_stdin(stdin: Stdin | None) -> Iterator[Any] | None:
    """Return what is to be read, in pieces. Raises `TypeError`."""
    if stdin is None:
        return None
    if isinstance(stdin, str):
        raise TypeError("stdin must be bytes: encode the text first")
    if isinstance(stdin, io.TextIOBase):
        raise TypeError("stdin must be a binary file: open it with mode 'rb'")
    if isinstance(stdin, (bytes, bytearray, memoryview)):
        return iter((stdin,))
    if isinstance(stdin, OutputStream):
        return stdin.iter_bytes()
    if hasattr(stdin, "read"):
        file = cast("_Readable", stdin)
        return iter(lambda: file.read(INPUT_SIZE), b"")
    if isinstance(stdin, Iterable):
        return iter(stdin)
    raise TypeError(f"stdin must be bytes, a binary file or an iterable of bytes, not {type(stdin).__name__}")


class Feeder:
    """Writes to a command in a thread of its own. What its source raises ends the command, and is raised there.

    That a command ends before it has read everything is no error.
    """

    def __init__(self, running: RunningCommand, source: Iterator[Any]) -> None:
        self._running = running
        self._source = source
        self._lock = threading.Lock()
        self._is_in_source = False
        self._is_stopped = False
        self._thread = threading.Thread(target=self._feed, name="tilde-stdin", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, once its command has ended; but not while it waits for its source, which may be for ever."""
        with self._lock:
            self._is_stopped = True
            is_waiting = self._is_in_source
        if not is_waiting:
            self._thread.join()

    def _feed(self) -> None:
        try:
            while (data := self._next()) is not _END:
                if not isinstance(data, (bytes, bytearray, memoryview)):
                    raise TypeError(f"stdin gave {type(data).__name__} instead of bytes")
                if self._running.offer(data) is not None:
                    return  # it has ended; whoever waits for it is told how
        except BaseException as error:  # noqa: BLE001 - whoever waits for the command gets it
            self._running.fail(error)
        else:
            self._running.end_input()

    def _next(self) -> Any:
        with self._lock:
            if self._is_stopped:
                return _END
            self._is_in_source = True
        try:
            return next(self._source, _END)
        finally:
            with self._lock:
                self._is_in_source = False
