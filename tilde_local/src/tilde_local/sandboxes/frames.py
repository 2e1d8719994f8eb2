"""The frames of the two WebSockets: binary, the first byte says what the rest is."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

__all__ = ["PEER_IS_GONE", "Disconnected", "close", "decode", "receive", "send", "send_json"]

T = TypeVar("T")

# An extension of the server's own: a function that says whether the client is gone.
PEER_IS_GONE = "tilde.peer_is_gone"

Disconnected = WebSocketDisconnect


async def receive(websocket: WebSocket) -> tuple[int, bytes]:
    """The next frame: what it is, and what it holds. -1 is one that is empty, or text. Raises Disconnected."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise Disconnected(message.get("code", 1005))
    data: bytes = message.get("bytes") or b""
    return (data[0], data[1:]) if data else (-1, b"")


def decode(data: bytes, shape: type[T]) -> T:
    """The JSON in a frame. Raises ValueError."""
    try:
        return msgspec.json.decode(data, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error


async def send(websocket: WebSocket, kind: int, data: bytes) -> None:
    """Send a frame, once the client has taken enough of those before. Raises Disconnected."""
    await websocket.send_bytes(bytes((kind,)) + data)


async def send_json(websocket: WebSocket, kind: int, value: Any) -> None:
    """Likewise, with JSON in it."""
    await send(websocket, kind, msgspec.json.encode(value))


async def close(websocket: WebSocket) -> None:
    """Close the connection; all is said. Raises Disconnected."""
    await websocket.close()
