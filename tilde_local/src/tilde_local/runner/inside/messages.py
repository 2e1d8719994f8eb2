"""Messages between the server, the launcher and the first processes: JSON, with open files beside it."""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Sequence
from typing import Any

__all__ = ["Message", "receive", "send"]

Message = dict[str, Any]

_LARGEST = 32768
_MAX_FDS = 8
_IN_A_FILE = b"*"


def send(channel: socket.socket, message: Message, fds: Sequence[int] = ()) -> None:
    """Send a message and copies of `fds` over a SOCK_SEQPACKET socket. Raises OSError if nobody listens any more."""
    # ASCII, so that the bytes of argv that are not UTF-8 survive as surrogates.
    data = json.dumps(message).encode()
    if len(data) <= _LARGEST:
        socket.send_fds(channel, [data], list(fds))
        return
    # A packet cannot be longer than the socket's buffer, arguments and environment can.
    with os.fdopen(os.memfd_create("message"), "wb") as file:
        file.write(data)
        file.flush()
        socket.send_fds(channel, [_IN_A_FILE], [*fds, file.fileno()])


def receive(channel: socket.socket) -> tuple[Message, list[int]] | None:
    """The next message and its files, which nobody inherits; None when the other side is gone."""
    try:
        # Not recv_fds(), which leaves them open in whatever program another thread is starting.
        room = socket.CMSG_SPACE(_MAX_FDS * array.array("i").itemsize)
        data, ancillary, _, _ = channel.recvmsg(_LARGEST + 1, room, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return None
    fds = [fd for _, _, numbers in ancillary for fd in array.array("i", numbers)]
    if not data:
        return None
    if data == _IN_A_FILE:
        with os.fdopen(fds.pop(), "rb") as stream:
            stream.seek(0)
            data = stream.read()
    message: Message = json.loads(data)
    return message, fds
