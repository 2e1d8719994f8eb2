"""How a WebSocket begins, or why there is none: a refusal is an answer, and all else one of two errors."""

from __future__ import annotations

import logging
import traceback

import pytest

from tilde_core.exceptions import ConfigurationError, NotSentError, OutcomeUnknownError, TildeError
from tilde_core.hooks.offers import WebSocketConnector
from tilde_core.http import Headers, Response, Timeout
from tilde_core.testing import behaviors
from tilde_core.testing.contract.failures import unused_port
from tilde_core.testing.contract.secrecy import logged
from tilde_core.testing.contract.websocket_base import SECRET, SILENT, WebSocketRules, echo
from tilde_core.testing.exchange import Behavior, Exchange
from tilde_core.testing.loopback import LoopbackServer
from tilde_core.testing.websockets import (
    granted,
    websocket,
)

__all__ = ["HandshakeRules"]

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


class HandshakeRules(WebSocketRules):
    """Rules about the handshake."""

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
        assert opened.receive(self.guard) == b"x"
        opened.close()

    def test_what_comes_right_behind_the_handshake(self, connector: WebSocketConnector, server: LoopbackServer) -> None:
        """In the same packet: it belongs to the WebSocket."""

        def early(exchange: Exchange) -> None:
            exchange.send(granted(exchange.request) + b"\x82\x05early")
            exchange.read_to_end()

        server.enqueue(early)
        opened = self.open(connector, server)
        assert opened.receive(self.guard) == b"early"
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
