"""What the operating system knows of a connection."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys

__all__ = ["unacknowledged"]


def unacknowledged(connection: socket.socket) -> int:
    """Return how many bytes were sent that the other machine has not confirmed; 0 where that is not known."""
    if sys.platform != "linux":
        return 0
    import fcntl
    import termios

    size = bytearray(4)
    with contextlib.suppress(OSError):
        fcntl.ioctl(connection, termios.TIOCOUTQ, size)
    return int(struct.unpack("i", size)[0])
