"""Descriptors of pipes and terminals in an event loop: read and written no faster than the other side does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator

if sys.platform != "win32":
    import fcntl

__all__ = ["Input", "Output", "make_pipe"]

_PIECE = 256 * 1024
_PIPE_BYTES = 1 << 20


def make_pipe() -> tuple[int, int]:
    """A pipe, to read from and to write to, that takes a lot at a time where that is possible."""
    ends = os.pipe()
    if sys.platform == "linux":
        # All pipes of a user together have a limit, beyond which they stay as they are.
        with contextlib.suppress(OSError):
            fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return ends


class Output:
    """What comes out of `descriptor`, which is closed by `close()`."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._wake = asyncio.Event()
        self._is_last = False

    def finish(self) -> None:
        """Read what is there already, and no more: who has it open besides may keep it open for ever."""
        self._is_last = True
        self._wake.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes as they come."""
        while True:
            try:
                data = os.read(self._descriptor, _PIECE)
            except BlockingIOError:
                if self._is_last:
                    return
                await self._readable()
                continue
            if not data:
                return
            yield data
            await asyncio.sleep(0)

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        self._wake.clear()
        loop.add_reader(self._descriptor, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            loop.remove_reader(self._descriptor)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)


class Input:
    """What goes into `descriptor`. Nothing happens to what nobody takes any more."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor: int | None = descriptor
        self.is_waiting = False

    async def write(self, data: bytes) -> None:
        """Return when all of it is taken."""
        view = memoryview(data)
        while view and self._descriptor is not None:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                await self._writable(self._descriptor)
            except OSError:
                self.close()

    async def _writable(self, descriptor: int) -> None:
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        loop.add_writer(descriptor, event.set)
        self.is_waiting = True
        try:
            await event.wait()
        finally:
            self.is_waiting = False
            loop.remove_writer(descriptor)

    def close(self) -> None:
        """There is no more. Twice is fine."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
