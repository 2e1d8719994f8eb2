"""Opens WebSockets: a connection, a handshake, and from then on frames."""

from __future__ import annotations

import threading
from typing import Any

from tilde_core.error_table import error_about
from tilde_core.exceptions import NotSentError
from tilde_core.hooks.offers import TransportSettings, WebSocket
from tilde_core.http import Request, Response
from tilde_core.network.dial import Dialer
from tilde_core.outgoing import split_websocket_url
from tilde_core.websocket.channel import Channel
from tilde_core.websocket.connection import Connection
from tilde_core.websocket.dialing import dial
from tilde_core.websocket.errors import ERRORS
from tilde_core.websocket.handshake import shake_hands

__all__ = ["WebsocketClientConnector"]


class WebsocketClientConnector:
    """A `WebSocketConnector` over websocket-client. Reads no environment variable and no file but certificates.

    Raises `ConfigurationError` for certificates that cannot be used.
    """

    def __init__(self, settings: TransportSettings | None = None) -> None:
        self._settings = settings or TransportSettings()
        self._dialer = Dialer(self._settings)
        self._lock = threading.Lock()
        self._open: set[Connection] = set()
        self._closed = False

    def connect(self, request: Request) -> WebSocket | Response:
        """Open a connection as `request` asks, or return the answer that refuses it. Raises `TransportError`."""
        if self._closed:
            raise _closed(request)
        split_websocket_url(request)  # refuses a URL that no server can be asked for
        with ERRORS.guard(request):
            channel = Channel(dial(self._dialer, request))
            try:
                refusal = shake_hands(request, channel)
            except BaseException:
                channel.close()
                raise
        if refusal is not None:
            channel.close()
            return refusal
        return self._kept(request, channel)

    def close(self) -> None:
        """Close every connection. May be called twice; `connect` afterwards raises `NotSentError`."""
        with self._lock:
            self._closed = True
            opened = list(self._open)
        for connection in opened:
            connection.close()

    def _kept(self, request: Request, channel: Channel) -> Connection:
        connection = Connection(request, channel, self._forget)
        with self._lock:
            if not self._closed:
                self._open.add(connection)
                return connection
        channel.close()
        raise _closed(request)

    def _forget(self, connection: Connection) -> None:
        with self._lock:
            self._open.discard(connection)

    def __repr__(self) -> str:
        return f"WebsocketClientConnector({self._settings!r})"

    def __reduce__(self) -> Any:
        return WebsocketClientConnector, (self._settings,)


def _closed(request: Request) -> NotSentError:
    error = error_about(request, NotSentError, "the client is closed")
    assert isinstance(error, NotSentError)
    return error
