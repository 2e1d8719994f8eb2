"""Making a connection, as the settings say, that lasts although nothing is said on it."""

from __future__ import annotations

import socket

from tilde_core.http import Request
from tilde_core.network.dial import Dialer
from tilde_core.outgoing import split_websocket_url

__all__ = ["dial"]

# So that a connection on which nothing is said survives routers that forget, and one to a dead machine does not.
_KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


def dial(dialer: Dialer, request: Request) -> socket.socket:
    """Return a connection to the server of `request`, made within its time for connecting.

    Through a proxy, it is a tunnel, also without TLS: no proxy sends a WebSocket on. Raises `DialFailed`.
    """
    origin, _ = split_websocket_url(request)
    connection = dialer.open(dialer.route(origin, direct=request.direct), request.timeout.connect)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection
