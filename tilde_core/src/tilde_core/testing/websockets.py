"""The server's end of a WebSocket, for the loopback server: right or wrong, frame by frame, as it is told.

It shares no code with the client, so that both cannot be wrong in the same way.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

from tilde_core.testing.exchange import Behavior, Exchange, RecordedRequest

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "PING",
    "PONG",
    "TEXT",
    "Frame",
    "ServerWebSocket",
    "granted",
    "websocket",
]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True)
class Frame:
    """A frame as it came: its kind, its bytes without the mask, and whether there was one, as clients must have it."""

    opcode: int
    data: bytes
    is_last: bool = True
    is_masked: bool = True


class ServerWebSocket:
    """An open connection. One thread may read while others send."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._lock = threading.Lock()

    def read_frame(self) -> Frame | None:
        """Return the next frame of whatever kind; `None` if the client hung up."""
        head = self.exchange.read(2)
        if len(head) < 2:
            return None
        size = head[1] & 0x7F
        if size >= 126:
            extended = self.exchange.read(2 if size == 126 else 8)
            size = int.from_bytes(extended, "big")
        is_masked = bool(head[1] & 0x80)
        mask = self.exchange.read(4) if is_masked else b"\0\0\0\0"
        data = self.exchange.read(size)
        return Frame(head[0] & 0x0F, _masked(data, mask), bool(head[0] & 0x80), is_masked)

    def receive(self) -> bytes | None:
        """Return the next message, answering pings on the way; `None` if the client closed or hung up."""
        parts = []
        while (frame := self.read_frame()) is not None and frame.opcode != CLOSE:
            if frame.opcode == PING:
                self.send_frame(PONG, frame.data)
            elif frame.opcode != PONG:
                parts.append(frame.data)
                if frame.is_last:
                    return b"".join(parts)
        return None

    def send(self, data: bytes) -> None:
        """Send one binary message."""
        self.send_frame(BINARY, data)

    def send_frame(self, opcode: int, data: bytes = b"", *, is_last: bool = True) -> None:
        """Send one frame of whatever kind."""
        first = opcode | (0x80 if is_last else 0)
        if len(data) < 126:
            head = bytes([first, len(data)])
        elif len(data) < 1 << 16:
            head = struct.pack("!BBH", first, 126, len(data))
        else:
            head = struct.pack("!BBQ", first, 127, len(data))
        self.send_raw(head + data)

    def send_raw(self, data: bytes) -> None:
        """Send these bytes as they are."""
        with self._lock:
            self.exchange.send(data)

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Close in order, wait for the client to do the same, and hang up."""
        self.send_frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason.encode())
        while (frame := self.read_frame()) is not None and frame.opcode != CLOSE:
            pass
        self.exchange.hang_up()


def websocket(serve: Callable[[ServerWebSocket], None]) -> Behavior:
    """Open a WebSocket as the request asks, and leave it to `serve`. The connection is closed when that returns."""

    def act(exchange: Exchange) -> None:
        exchange.send(granted(exchange.request))
        serve(ServerWebSocket(exchange))
        if exchange.is_open:
            exchange.hang_up()

    return act


def granted(request: RecordedRequest) -> bytes:
    """Return the answer that opens the WebSocket that `request` asks for."""
    (key,) = request.header("Sec-WebSocket-Key")
    accepted = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()
    upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return f"{upgrade}Sec-WebSocket-Accept: {accepted}\r\n\r\n".encode()


def _masked(data: bytes, mask: bytes) -> bytes:
    """All bytes at once, as one large number: one by one would take seconds for a large frame."""
    stretched = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(stretched, "big")).to_bytes(len(data), "big")
