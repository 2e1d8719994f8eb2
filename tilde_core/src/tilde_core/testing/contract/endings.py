"""How a WebSocket ends: signs of life that stop, broken frames, a broken connection, and closing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tilde_core.exceptions import NotSentError, OutcomeUnknownError, TransportError
from tilde_core.hooks.offers import WebSocketConnector
from tilde_core.testing.contract.websocket_base import MIB, PATIENT, SILENT, WebSocketRules, wait_for
from tilde_core.testing.loopback import LoopbackServer
from tilde_core.testing.websockets import (
    PING,
    PONG,
    ServerWebSocket,
    websocket,
)

__all__ = ["EndingRules"]

BROKEN_FRAMES = {
    "reserved bit": b"\xc2\x01x",
    "unknown kind": b"\x83\x01x",
    "a rest without a beginning": b"\x80\x01x",
    "two beginnings": b"\x02\x01x\x82\x01y",
}


class EndingRules(WebSocketRules):
    """Rules about the end."""

    def test_pings_keep_a_silent_connection_alive(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """Who answers pings may say nothing else for as long as it likes."""

        def serve(peer: ServerWebSocket) -> None:
            for _ in range(4):  # three a limit: longer than silence would be borne
                frame = peer.read_frame()
                assert frame is not None
                assert frame.opcode == PING
                peer.send_frame(PONG, frame.data)
            peer.send(b"done")
            peer.receive()

        server.enqueue(websocket(serve))
        opened = self.open(connector, server, timeout=PATIENT)
        assert opened.receive(self.guard) == b"done"
        opened.close()

    def test_no_answer_to_pings_is_noticed(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """However long the caller would wait."""
        gate = server.gate()
        server.enqueue(websocket(lambda peer: wait_for(gate)))
        # On a machine that is busy, already the handshake may come too late.
        with pytest.raises(OutcomeUnknownError, match=r"nothing for 0\.5 seconds"):
            self.open(connector, server, timeout=SILENT).receive(self.guard)

    @pytest.mark.parametrize("frames", BROKEN_FRAMES.values(), ids=BROKEN_FRAMES.keys())
    def test_broken_frames_are_an_error(
        self, connector: WebSocketConnector, server: LoopbackServer, frames: bytes
    ) -> None:
        """Nothing is guessed."""

        def serve(peer: ServerWebSocket) -> None:
            peer.send_raw(frames)
            peer.exchange.read_to_end()

        server.enqueue(websocket(serve))
        opened = self.open(connector, server)
        with pytest.raises(OutcomeUnknownError, match="rules of WebSockets"):
            opened.receive(self.guard)
        opened.close()

    @pytest.mark.parametrize("end", ["hang_up", "reset"])
    @pytest.mark.parametrize("before", [b"", b"\x82\x05ab"], ids=["between frames", "in a frame"])
    def test_a_broken_connection_is_an_error(
        self, connector: WebSocketConnector, server: LoopbackServer, end: str, before: bytes
    ) -> None:
        """It is no end of messages."""

        def serve(peer: ServerWebSocket) -> None:
            peer.receive()
            peer.send_raw(before)
            getattr(peer.exchange, end)()

        server.enqueue(websocket(serve))
        opened = self.open(connector, server)
        opened.send(b"go")
        with pytest.raises(OutcomeUnknownError, match=f"127.0.0.1:{server.port}"):
            opened.receive(self.guard)
        opened.close()

    def test_an_end_with_a_reason_is_an_error_that_has_it(
        self, connector: WebSocketConnector, server: LoopbackServer
    ) -> None:
        """And an end without one is none."""
        server.enqueue(websocket(lambda peer: peer.close(1011, "out of memory")))
        opened = self.open(connector, server)
        with pytest.raises(OutcomeUnknownError, match="1011: out of memory"):
            opened.receive(self.guard)
        opened.close()
        server.enqueue(websocket(lambda peer: peer.close(None)))
        opened = self.open(connector, server)
        assert (opened.receive(self.guard), opened.receive(self.guard)) == (None, None)
        opened.close()

    def test_close_tells_the_server_and_may_be_called_twice(
        self, connector: WebSocketConnector, server: LoopbackServer
    ) -> None:
        """What is used afterwards is an error."""
        told = server.gate()

        def serve(peer: ServerWebSocket) -> None:
            assert peer.receive() is None
            told.set()

        server.enqueue(websocket(serve))
        opened = self.open(connector, server)
        opened.close()
        opened.close()
        assert told.wait(self.guard)
        with pytest.raises(TransportError):
            opened.receive(self.guard)
        with pytest.raises(TransportError):
            opened.send(b"x")

    @pytest.mark.parametrize("how", ["connection", "connector"])
    def test_close_wakes_up_who_waits(self, connector: WebSocketConnector, server: LoopbackServer, how: str) -> None:
        """A reader and a writer, whoever closes."""
        gate = server.gate()
        server.enqueue(websocket(lambda peer: wait_for(gate)))
        opened = self.open(connector, server)
        with ThreadPoolExecutor(2) as pool:
            reading = pool.submit(opened.receive)
            writing = pool.submit(opened.send, b"x" * 20 * MIB)
            (opened if how == "connection" else connector).close()
            try:
                assert isinstance(reading.exception(self.guard), OutcomeUnknownError)
                assert isinstance(writing.exception(self.guard), OutcomeUnknownError)
            finally:
                gate.set()  # who is not woken up by `close` is by the end of the connection

    def test_a_closed_connector_opens_nothing(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """It says that it is closed."""
        connector.close()
        connector.close()
        with pytest.raises(NotSentError, match="closed"):
            self.answer(connector, server)
        assert server.requests == []
