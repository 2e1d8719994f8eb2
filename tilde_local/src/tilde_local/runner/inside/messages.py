"""Messages between the server, the launcher and the first processes: JSON, with open files beside it."""

from __future__ import annotations

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
    file = os.memfd_create("message")
    try:
        with open(file, "wb", closefd=False) as stream:
            stream.write(data)
        socket.send_fds(channel, [_IN_A_FILE], [*fds, file])
    finally:
        os.close(file)


def receive(channel: socket.socket) -> tuple[Message, list[int]] | None:
    """The next message and its files, which nobody inherits; None when the other side is gone."""
    try:
        data, fds, _, _ = socket.recv_fds(channel, _LARGEST + 1, _MAX_FDS)
    except ConnectionResetError:
        return None
    for fd in fds:
        os.set_inheritable(fd, False)
    if not data:
        return None
    if data == _IN_A_FILE:
        with open(fds.pop(), "rb") as stream:  # noqa: PTH123 - a descriptor
            stream.seek(0)
            data = stream.read()
    message: Message = json.loads(data)
    return message, fds
