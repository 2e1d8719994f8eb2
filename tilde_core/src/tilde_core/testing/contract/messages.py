"""Messages arrive whole and in order, in both directions at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tilde_core.hooks.offers import WebSocket, WebSocketConnector
from tilde_core.testing.contract.websocket_base import MIB, WebSocketRules
from tilde_core.testing.loopback import LoopbackServer
from tilde_core.testing.websockets import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    ServerWebSocket,
    websocket,
)

__all__ = ["MessageRules"]


class MessageRules(WebSocketRules):
    """Rules about messages."""

    @pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 20 * MIB])
    def test_messages_of_any_size(self, connector: WebSocketConnector, server: LoopbackServer, size: int) -> None:
        """They arrive as they were sent, and the client's are masked."""
        frames: list[Frame | None] = []

        def serve(peer: ServerWebSocket) -> None:
            frames.append(peer.read_frame())
            assert frames[0] is not None
            peer.send(frames[0].data)
            peer.close()

        server.enqueue(websocket(serve))
        opened = self.open(connector, server)
        message = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        opened.send(message)
        assert opened.receive(self.guard) == message
        assert opened.receive(self.guard) is None
        opened.close()
        assert frames == [Frame(BINARY, message, is_last=True, is_masked=True)]

    def test_fragments_are_put_together(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """With a ping between them, which is answered; and messages of text are bytes like all others."""
        got: list[Frame | None] = []
        answered = server.gate()

        def serve(peer: ServerWebSocket) -> None:
            peer.send_frame(BINARY, b"one ", is_last=False)
            peer.send_frame(PING, b"there?")
            peer.send_frame(CONTINUATION, b"", is_last=False)
            peer.send_frame(CONTINUATION, b"message")
            peer.send_frame(TEXT, "ß".encode())
            got.append(peer.read_frame())
            answered.set()

        server.enqueue(websocket(serve))
        opened = self.open(connector, server)
        assert (opened.receive(self.guard), opened.receive(self.guard)) == (b"one message", "ß".encode())
        assert answered.wait(self.guard)
        opened.close()
        assert got == [Frame(PONG, b"there?")]

    def test_a_frame_in_odd_pieces(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """Byte by byte, and two frames in one piece."""
        asked = server.gate()

        def serve(peer: ServerWebSocket) -> None:
            for byte in b"\x82\x7e\x00\x80" + b"a" * 128:
                peer.send_raw(bytes([byte]))
            asked.wait()
            peer.send_raw(b"\x82\x01x\x82\x00\x82\x01y")
            peer.receive()

        server.enqueue(websocket(serve))
        opened = self.open(connector, server)
        assert opened.receive(self.guard) == b"a" * 128
        with pytest.raises(TimeoutError):
            opened.receive(0.05)
        asked.set()
        assert [opened.receive(self.guard) for _ in range(3)] == [b"x", b"", b"y"]
        opened.close()

    def test_a_time_that_is_over_loses_nothing(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """Also in the middle of a frame."""
        asked = server.gate()

        def serve(peer: ServerWebSocket) -> None:
            peer.send_raw(b"\x82\x05ab")
            asked.wait()
            peer.send_raw(b"cde")
            peer.receive()

        server.enqueue(websocket(serve))
        opened = self.open(connector, server)
        with pytest.raises(TimeoutError):
            opened.receive(0.1)
        with pytest.raises(TimeoutError):
            opened.receive(0)
        asked.set()
        assert opened.receive(self.guard) == b"abcde"
        opened.close()

    def test_both_directions_at_once(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """A thread sends while another receives, more than any buffer holds, and nothing gets stuck."""
        opened = self.open(connector, server)
        piece, count = b"x" * 64 * 1024, 300
        with ThreadPoolExecutor(1) as pool, closing(opened):  # which lets go of a send that is stuck
            sending = pool.submit(_send_often, opened, piece, count)
            assert all(opened.receive(self.guard) == piece for _ in range(count))
            sending.result(self.guard)

    def test_reading_goes_on_while_a_send_is_stuck(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """A server that takes nothing until we have read, with pings in between, must not stop us from reading."""

        def serve(peer: ServerWebSocket) -> None:
            peer.receive()
            for _ in range(300):
                peer.send(b"y" * 64 * 1024)
                peer.send_frame(PING, b"p")
            peer.send(b"now I listen")
            taken = 0
            while taken < 20 * MIB:
                taken += len(peer.receive() or b"")
            peer.close()

        server.enqueue(websocket(serve))
        opened = self.open(connector, server)
        opened.send(b"go")
        sender = threading.Thread(target=lambda: opened.send(b"x" * 20 * MIB))
        sender.start()
        assert sum(len(opened.receive(self.guard) or b"") for _ in range(300)) == 300 * 64 * 1024
        assert opened.receive(self.guard) == b"now I listen"
        assert opened.receive(self.guard) is None
        sender.join()
        opened.close()

    def test_many_connections_at_once(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """From many threads; they do not count as connections of a transport."""

        def talk(number: int) -> bool:
            opened = self.open(connector, server)
            message = b"%d" % number * 1000
            opened.send(message)
            try:
                return opened.receive(self.guard) == message
            finally:
                opened.close()

        with ThreadPoolExecutor(40) as pool:
            assert all(pool.map(talk, range(40)))


def _send_often(opened: WebSocket, message: bytes, count: int) -> None:
    for _ in range(count):
        opened.send(message)
