"""The terminal of an interactive sandbox, from the side of whoever types."""

from __future__ import annotations

import contextlib
import os
import struct
import sys
import threading

if sys.platform != "win32":
    import fcntl
    import termios

__all__ = ["Terminal", "resize"]


class Terminal:
    """Owns `master`, the descriptor of a terminal's other end, which does not block.

    `exit_code` is there once its command has ended.
    """

    def __init__(self, master: int) -> None:
        self._master = master
        self._lock = threading.Lock()
        self._is_closed = False
        self.exit_code: int | None = None

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
