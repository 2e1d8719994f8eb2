"""What the rules for WebSockets share: the connector under test, a server, and short-hands."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tilde_core.hooks.offers import TransportSettings, WebSocket, WebSocketConnector
from tilde_core.http import Request, Response, Timeout
from tilde_core.testing.contract.rules import Rules
from tilde_core.testing.loopback import LoopbackServer
from tilde_core.testing.websockets import ServerWebSocket, websocket

__all__ = ["MIB", "PATIENT", "SECRET", "SILENT", "WebSocketRules", "echo", "wait_for"]

MIB = 1024 * 1024
SECRET = "s3cret"
SILENT = Timeout(connect=30.0, read=0.5, write=30.0)
PATIENT = Timeout(connect=30.0, read=2.0, write=30.0)


def echo(peer: ServerWebSocket) -> None:
    """Send every message back."""
    while (message := peer.receive()) is not None:
        peer.send(message)


def wait_for(gate: threading.Event) -> None:
    """Say nothing until then."""
    gate.wait()


class WebSocketRules(Rules):
    """Fixtures and short-hands."""

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
