"""The terminal of an interactive sandbox, from the side of whoever types."""

from __future__ import annotations

import contextlib
import os
import select
import struct
import sys
import threading
from collections.abc import Callable

if sys.platform != "win32":
    import fcntl
    import termios

__all__ = ["Terminal", "resize"]

_PIECE = 64 * 1024


class Terminal:
    """Owns `master`, the descriptor of a terminal's other end. `exit_code` is there once its command has ended."""

    def __init__(self, master: int) -> None:
        os.set_blocking(master, False)
        self._master = master
        self._lock = threading.Lock()
        self._is_closed = False
        self.exit_code: int | None = None

    def copy(self, consume: Callable[[bytes], object]) -> None:
        """Hand everything that is printed to `consume`, until nobody has the terminal open any more."""
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        while True:
            poll.poll()
            try:
                data = os.read(self._master, _PIECE)
            except BlockingIOError:
                continue
            except OSError:
                return
            if not data:
                return
            consume(data)

    def attach(self) -> int | None:
        """A descriptor of its own to write to, which does not block; None if the terminal is gone."""
        with self._lock:
            return None if self._is_closed else os.dup(self._master)

    def close(self) -> None:
        """Hang up. Twice is fine."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._master)


def resize(terminal: int, columns: int, rows: int) -> None:
    """Tell who runs in the terminal its new size."""
    with contextlib.suppress(OSError):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
