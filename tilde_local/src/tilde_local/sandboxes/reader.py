"""A thread that reads what a command prints."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable

__all__ = ["Reader"]

_PIECE = 256 * 1024


class Reader:
    """Hands what comes out of `descriptor`, which stays the caller's, to `consume`. `finish()` it in the end."""

    def __init__(self, descriptor: int, consume: Callable[[bytes], object]) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._consume = consume
        self._last, self._finish = os.pipe()
        self._thread = threading.Thread(target=self._run, name="tilde-local-output", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Read what is there already, and no more: who has it open besides may keep it open for ever."""
        os.close(self._finish)
        self._thread.join()
        os.close(self._last)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.register(self._last, select.POLLIN)
        is_last = False
        while True:
            try:
                data = os.read(self._descriptor, _PIECE)
            except BlockingIOError:
                if is_last:
                    return
                is_last = any(descriptor == self._last for descriptor, _ in poll.poll())
                continue
            except OSError:  # EIO: nobody has the terminal open any more
                return
            if not data:
                return
            self._consume(data)
