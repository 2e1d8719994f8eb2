"""The contract of a connector of WebSockets: the handshake, messages, signs of life, and failures."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tilde_core.exceptions import ConfigurationError, NotSentError, OutcomeUnknownError, TildeError, TransportError
from tilde_core.hooks.offers import TransportSettings, WebSocket, WebSocketConnector
from tilde_core.http import Headers, Request, Response, Timeout
from tilde_core.testing import behaviors
from tilde_core.testing.contract.failures import unused_port
from tilde_core.testing.contract.rules import Rules
from tilde_core.testing.contract.secrecy import logged
from tilde_core.testing.exchange import Behavior, Exchange
from tilde_core.testing.loopback import LoopbackServer
from tilde_core.testing.websockets import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    ServerWebSocket,
    granted,
    websocket,
)

__all__ = ["WebSocketContract"]

MIB = 1024 * 1024
SECRET = "s3cret"
SILENT = Timeout(connect=30.0, read=0.5, write=30.0)
PATIENT = Timeout(connect=30.0, read=2.0, write=30.0)
NO_HANDSHAKE: dict[str, Behavior] = {
    "hang up": behaviors.hang_up(),
    "reset": behaviors.reset_after_request(),
    "garbage": behaviors.garbage(),
    "half a head": behaviors.garbage(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: web"),
    "NUL in a header": behaviors.garbage(b"HTTP/1.1 403 No\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n"),
    "wrong key": behaviors.garbage(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"
    ),
}
BROKEN_FRAMES = {
    "reserved bit": b"\xc2\x01x",
    "unknown kind": b"\x83\x01x",
    "a rest without a beginning": b"\x80\x01x",
    "two beginnings": b"\x02\x01x\x82\x01y",
}


def echo(peer: ServerWebSocket) -> None:
    """Send every message back."""
    while (message := peer.receive()) is not None:
        peer.send(message)


class WebSocketContract(Rules):
    """Every rule for a connector. A subclass defines `open_connector(settings)`, as its offer's `open` does."""

    defined_by_the_author = frozenset({"open_connector"})

    def open_connector(self, settings: TransportSettings) -> WebSocketConnector:
        """Return the open connector under test. To be defined by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} must define open_connector(settings)")

    @pytest.fixture
    def server(self) -> Iterator[LoopbackServer]:
        """Run a server for one test; at `/echo` it sends every message back."""
        with LoopbackServer() as server:
            server.script("/echo", websocket(echo))
            yield server

    @pytest.fixture
    def connector(self, server: LoopbackServer) -> Iterator[WebSocketConnector]:
        """Open the connector for one test. It is closed before the server is."""
        connector = self.open_connector(TransportSettings())
        yield connector
        connector.close()

    def answer(
        self, connector: WebSocketConnector, server: LoopbackServer, target: str = "/echo", **fields: Any
    ) -> WebSocket | Response:
        """Ask for a WebSocket, and return what comes of it."""
        url = f"ws://127.0.0.1:{server.port}{target}"
        return connector.connect(Request(**{"method": "GET", "url": url, "operation": "contract.test", **fields}))

    def open(
        self, connector: WebSocketConnector, server: LoopbackServer, target: str = "/echo", **fields: Any
    ) -> WebSocket:
        """Open a WebSocket."""
        answer = self.answer(connector, server, target, **fields)
        assert isinstance(answer, WebSocket)
        return answer

    def test_handshake(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """The headers of the request and those of the handshake, and no other: no Origin, no extension, no cookie."""
        headers = Headers([("Authorization", "Bearer t"), ("X-A", "1"), ("x-a", "2")])
        self.open(connector, server, "/echo?a=%20b", headers=headers).close()
        (request,) = server.requests
        assert request.line == "GET /echo?a=%20b HTTP/1.1"
        sent = sorted((name.lower(), value) for name, value in request.headers if name.lower() != "sec-websocket-key")
        assert sent == [
            ("authorization", "Bearer t"),
            ("connection", "Upgrade"),
            ("host", f"127.0.0.1:{server.port}"),
            ("sec-websocket-version", "13"),
            ("upgrade", "websocket"),
            ("x-a", "1"),
            ("x-a", "2"),
        ]

    def test_no_cookie_is_kept(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """Not even one for the host."""
        cookie = [("Set-Cookie", "a=1; Domain=127.0.0.1; Path=/")]
        server.enqueue(behaviors.answer(403, b"", cookie))
        self.answer(connector, server)
        self.open(connector, server).close()
        assert server.requests[1].header("Cookie") == []

    @pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"])
    def test_no_proxy_is_taken_from_the_environment(
        self, connector: WebSocketConnector, server: LoopbackServer, variable: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Which proxy there is stands in the settings, if there is one."""
        monkeypatch.setenv(variable, f"http://127.0.0.1:{unused_port()}")
        monkeypatch.setenv("no_proxy", "")
        self.open(connector, server).close()

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
        assert opened.receive(30) == message
        assert opened.receive(30) is None
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
        assert (opened.receive(30), opened.receive(30)) == (b"one message", "ß".encode())
        assert answered.wait(30)
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
        assert opened.receive(30) == b"a" * 128
        with pytest.raises(TimeoutError):
            opened.receive(0.05)
        asked.set()
        assert [opened.receive(30) for _ in range(3)] == [b"x", b"", b"y"]
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
        assert opened.receive(30) == b"abcde"
        opened.close()

    def test_both_directions_at_once(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """A thread sends while another receives, more than any buffer holds, and nothing gets stuck."""
        opened = self.open(connector, server)
        piece, count = b"x" * 64 * 1024, 300
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(_send_often, opened, piece, count)
            assert all(opened.receive(30) == piece for _ in range(count))
            sending.result(30)
        opened.close()

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
        assert sum(len(opened.receive(30) or b"") for _ in range(300)) == 300 * 64 * 1024
        assert opened.receive(30) == b"now I listen"
        assert opened.receive(30) is None
        sender.join()
        opened.close()

    def test_many_connections_at_once(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """From many threads; they do not count as connections of a transport."""

        def talk(number: int) -> bool:
            opened = self.open(connector, server)
            message = b"%d" % number * 1000
            opened.send(message)
            try:
                return opened.receive(30) == message
            finally:
                opened.close()

        with ThreadPoolExecutor(40) as pool:
            assert all(pool.map(talk, range(40)))

    @pytest.mark.parametrize("status", [200, 307, 401, 403, 410, 429, 503])
    def test_a_refusal_is_an_answer(self, connector: WebSocketConnector, server: LoopbackServer, status: int) -> None:
        """With its headers and its body, in one piece or in chunks; nothing is raised, followed or repeated."""
        body = b'{"message": "not now"}'
        headers = [("Retry-After", "7"), ("Location", "/echo")]
        server.enqueue(behaviors.answer(status, body, headers), behaviors.chunked([body[:5], body[5:]]))
        first, second = self.answer(connector, server), self.answer(connector, server)
        assert isinstance(first, Response)
        assert (first.status, first.read(), first.headers["Retry-After"]) == (status, body, "7")
        assert isinstance(second, Response)
        assert (second.status, second.read(), len(server.requests)) == (200, body, 2)

    def test_a_refusal_until_the_end_of_the_connection(
        self, connector: WebSocketConnector, server: LoopbackServer
    ) -> None:
        """One without a length is whole, and of one that is cut short at least the status is known."""
        server.enqueue(behaviors.answer_until_close(b"no"), behaviors.truncated(b'{"mess', 100))
        first, second = self.answer(connector, server), self.answer(connector, server)
        assert isinstance(first, Response)
        assert first.read() == b"no"
        assert isinstance(second, Response)
        assert second.status == 200

    @pytest.mark.parametrize("interim", [100, 102, 103])
    def test_interim_answers_are_passed_over(
        self, connector: WebSocketConnector, server: LoopbackServer, interim: int
    ) -> None:
        """The one that counts comes behind them."""

        def act(exchange: Exchange) -> None:
            exchange.send_head(interim, [("Link", "</style.css>")])
            websocket(echo)(exchange)

        server.enqueue(act)
        opened = self.open(connector, server)
        opened.send(b"x")
        assert opened.receive(30) == b"x"
        opened.close()

    def test_what_comes_right_behind_the_handshake(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """In the same packet: it belongs to the WebSocket."""

        def early(exchange: Exchange) -> None:
            exchange.send(granted(exchange.request) + b"\x82\x05early")
            exchange.read_to_end()

        server.enqueue(early)
        opened = self.open(connector, server)
        assert opened.receive(30) == b"early"
        opened.close()

    def test_refused_connection_was_not_sent(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """And the message names the host and asks after the server."""
        port = unused_port()
        with pytest.raises(NotSentError, match=f"127.0.0.1:{port} refused the connection.*running"):
            self.answer(connector, server, url=f"ws://127.0.0.1:{port}/x")

    def test_unknown_host_was_not_sent(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """And the message names it."""
        with pytest.raises(NotSentError, match=r"nosuchhost\.invalid"):
            self.answer(connector, server, url="ws://nosuchhost.invalid/")

    @pytest.mark.parametrize("url", ["http://127.0.0.1/", "ws://", "ws://a b/", "ws://127.0.0.1:x/", "ws://a..b/"])
    def test_unusable_url_is_refused(self, connector: WebSocketConnector, server: LoopbackServer, url: str) -> None:
        """It will never work: no error that would be tried again."""
        with pytest.raises(ConfigurationError, match=r"contract\.test: ") as caught:
            self.answer(connector, server, url=f"{url}?token={SECRET}")
        assert SECRET not in str(caught.value)

    def test_unusable_header_is_refused(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """The message names the header, never the value."""
        with pytest.raises(ConfigurationError, match=r"header X-Bad") as caught:
            self.answer(connector, server, headers=Headers({"X-Bad": f"{SECRET} \u20ac"}))
        assert SECRET not in str(caught.value)
        assert server.requests == []

    @pytest.mark.parametrize(
        "behavior", [behaviors.garbage(b"HTTP/1.1 400 no TLS\r\n\r\n"), None], ids=["no TLS", "silence"]
    )
    def test_failed_tls_was_not_sent(
        self, connector: WebSocketConnector, server: LoopbackServer, behavior: Behavior | None
    ) -> None:
        """The token goes out behind it; the time-out for connecting covers it."""
        server.on_connect(behavior or behaviors.stall(server.gate()))
        with pytest.raises(NotSentError, match=f"127.0.0.1:{server.port}"):
            self.answer(connector, server, url=f"wss://127.0.0.1:{server.port}/", timeout=Timeout(connect=0.2))

    @pytest.mark.parametrize("behavior", NO_HANDSHAKE.values(), ids=NO_HANDSHAKE.keys())
    def test_no_handshake_leaves_the_outcome_unknown(
        self, connector: WebSocketConnector, server: LoopbackServer, behavior: Behavior
    ) -> None:
        """And it is not tried a second time. The error tells which request it was."""
        server.enqueue(behavior)
        with pytest.raises(OutcomeUnknownError, match=f"127.0.0.1:{server.port}") as caught:
            self.answer(connector, server, f"/echo?token={SECRET}")
        assert len(server.requests) == 1
        assert (caught.value.method, caught.value.operation) == ("GET", "contract.test")
        assert caught.value.url == f"ws://127.0.0.1:{server.port}/echo"
        assert caught.value.__cause__ is not None

    def test_silence_instead_of_a_handshake_times_out(
        self, connector: WebSocketConnector, server: LoopbackServer
    ) -> None:
        """The message says for how long there was nothing."""
        server.enqueue(behaviors.stall(server.gate()))
        with pytest.raises(OutcomeUnknownError, match=r"sent nothing for 0\.5 seconds"):
            self.answer(connector, server, timeout=SILENT)

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
        assert opened.receive() == b"done"
        opened.close()

    def test_no_answer_to_pings_is_noticed(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """However long the caller would wait."""
        gate = server.gate()
        server.enqueue(websocket(lambda peer: _wait(gate)))
        # On a machine that is busy, already the handshake may come too late.
        with pytest.raises(OutcomeUnknownError, match=r"nothing for 0\.5 seconds"):
            self.open(connector, server, timeout=SILENT).receive()

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
            opened.receive(30)
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
            opened.receive(30)
        opened.close()

    def test_an_end_with_a_reason_is_an_error_that_has_it(
        self, connector: WebSocketConnector, server: LoopbackServer
    ) -> None:
        """And an end without one is none."""
        server.enqueue(websocket(lambda peer: peer.close(1011, "out of memory")))
        opened = self.open(connector, server)
        with pytest.raises(OutcomeUnknownError, match="1011: out of memory"):
            opened.receive(30)
        opened.close()
        server.enqueue(websocket(lambda peer: peer.close(None)))
        opened = self.open(connector, server)
        assert (opened.receive(30), opened.receive(30)) == (None, None)
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
        assert told.wait(30)
        with pytest.raises(TransportError):
            opened.receive(30)
        with pytest.raises(TransportError):
            opened.send(b"x")

    @pytest.mark.parametrize("how", ["connection", "connector"])
    def test_close_wakes_up_who_waits(self, connector: WebSocketConnector, server: LoopbackServer, how: str) -> None:
        """A reader and a writer, whoever closes."""
        gate = server.gate()
        server.enqueue(websocket(lambda peer: _wait(gate)))
        opened = self.open(connector, server)
        with ThreadPoolExecutor(2) as pool:
            reading = pool.submit(opened.receive)
            writing = pool.submit(opened.send, b"x" * 20 * MIB)
            (opened if how == "connection" else connector).close()
            assert isinstance(reading.exception(30), OutcomeUnknownError)
            assert isinstance(writing.exception(30), OutcomeUnknownError)

    def test_a_closed_connector_opens_nothing(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """It says that it is closed."""
        connector.close()
        connector.close()
        with pytest.raises(NotSentError, match="closed"):
            self.answer(connector, server)
        assert server.requests == []

    @pytest.mark.parametrize("behavior", [*NO_HANDSHAKE.values(), None], ids=[*NO_HANDSHAKE, "works"])
    def test_the_token_is_shown_nowhere(
        self,
        connector: WebSocketConnector,
        server: LoopbackServer,
        behavior: Behavior | None,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """In no error, no cause of one, no repr and no log, at any level."""
        caplog.set_level(logging.DEBUG)
        shown: list[str] = []
        if behavior is not None:
            server.enqueue(behavior)
        try:
            opened = self.open(connector, server, headers=Headers({"Authorization": f"Bearer {SECRET}"}))
            shown += [repr(opened), repr(vars(opened))]
            opened.close()
        except TildeError as error:
            shown += [repr(error), *traceback.format_exception(type(error), error, None)]
        assert SECRET not in "\n".join([*shown, repr(connector), logged(caplog)])


def _send_often(opened: WebSocket, message: bytes, count: int) -> None:
    for _ in range(count):
        opened.send(message)


def _wait(gate: threading.Event) -> None:
    gate.wait()
