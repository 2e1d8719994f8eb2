"""WebSockets by websocket-client as a plugin. The library itself is imported when the first one is opened."""

from __future__ import annotations

from tilde_core.hooks.offers import TransportSettings, WebSocketConnector, WebSocketOffer
from tilde_core.hooks.spec import hookimpl

__all__ = ["tilde_websocket"]


def _open(settings: TransportSettings) -> WebSocketConnector:
    from tilde_core.websocket.connector import WebsocketClientConnector

    return WebsocketClientConnector(settings)


@hookimpl
def tilde_websocket() -> WebSocketOffer:
    """Offer websocket-client."""
    return WebSocketOffer("websocket-client", 0, _open)
