from __future__ import annotations

from tilde_core.hooks.offers import TransportSettings, WebSocketConnector
from tilde_core.testing.contract import WebSocketContract
from tilde_core.websocket.connector import WebsocketClientConnector


class TestWebsocketClientContract(WebSocketContract):
    def open_connector(self, settings: TransportSettings) -> WebSocketConnector:
        return WebsocketClientConnector(settings)
