"""Logs of sandboxes: files that grow, and readers that follow them to their end.

What was written is on the disk and not in memory, however slow a reader is, or how many there are.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from starlette.concurrency import run_in_threadpool

__all__ = ["NETWORK", "OUTPUT", "Log", "Logs", "follow", "stored"]

OUTPUT = "output.log"
NETWORK = "network.ndjson"
_PIECE = 256 * 1024


class Log:
    """A file that one sandbox writes, from any thread. `limit` is how many bytes it takes; `end()` must be called."""

    def __init__(self, path: Path, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._ended = False
        # Opened when there is something to write: whoever only follows must leave no file behind.
        self._file: int | None = None
        self.path = path
        self.size = 0

    def append(self, data: bytes) -> bool:
        """Write `data`, and let readers know. False if it has become too much: what is beyond the limit is dropped."""
        with self._lock:
            if self._ended:
                return True
            fits = self.size + len(data) <= self.limit
            view = memoryview(data)[: self.limit - self.size]
            if self._file is None:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            while view:
                written = os.write(self._file, view)
                view, self.size = view[written:], self.size + written
        self.wake()
        return fits

    def end(self) -> None:
        """There will be no more. Twice is fine."""
        with self._lock:
            if not self._ended and self._file is not None:
                os.close(self._file)
            self._ended = True
        self.wake()

    def wake(self) -> None:
        """Let readers ask again whether there is more to come."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for loop, event in waiting:
            loop.call_soon_threadsafe(event.set)

    async def grows_beyond(self, offset: int, is_enough: Callable[[], bool]) -> bool:
        """Wait until there is something behind `offset`; False if there will never be, or it `is_enough`."""
        event = asyncio.Event()
        while True:
            with self._lock:
                if self.size > offset or self._ended or is_enough():
                    return self.size > offset
                self._waiting.append((asyncio.get_running_loop(), event))
            await event.wait()
            event.clear()


async def follow(log: Log, offset: int = 0, is_enough: Callable[[], bool] = lambda: False) -> AsyncIterator[bytes]:
    """The bytes from `offset` on as they come, until the log ends, or all that is there `is_enough`."""
    while await log.grows_beyond(offset, is_enough):
        data = await run_in_threadpool(_read, log.path, offset)
        offset += len(data)
        yield data


async def stored(path: Path) -> AsyncIterator[bytes]:
    """The bytes of a log that has ended; none if it never began."""
    offset = 0
    while data := await run_in_threadpool(_read, path, offset):
        offset += len(data)
        yield data


def _read(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read(_PIECE)
    except FileNotFoundError:
        return b""


class Logs:
    """The logs of all sandboxes, below one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, sandbox_id: str, name: str) -> Path:
        """Where a log is, or would be. `name` is OUTPUT or NETWORK."""
        return self._directory / sandbox_id / name

    def remove(self, sandbox_ids: Iterable[str]) -> None:
        """Delete all logs of some sandboxes."""
        for sandbox_id in sandbox_ids:
            shutil.rmtree(self._directory / sandbox_id, ignore_errors=True)
