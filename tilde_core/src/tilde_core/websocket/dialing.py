"""Making a connection: TCP, then TLS. Reads no proxy, and no certificates, from the environment."""

from __future__ import annotations

import importlib.util
import socket
import ssl
from functools import lru_cache
from urllib.parse import urlsplit

from tilde_core.websocket.errors import ConnectionFailed, ConnectTimeout

__all__ = ["dial"]

# So that a connection on which nothing is said survives routers that forget, and one to a dead machine does not.
_KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


def dial(origin: str, timeout: float | None) -> socket.socket:
    """Return a connection to `origin`, such as `wss://host:port`; `timeout` in seconds bounds TCP and TLS each.

    Raises `ConnectionFailed` from whatever stopped it: nothing has been sent then.
    """
    parts = urlsplit(origin)
    is_secure = parts.scheme == "wss"
    host, port = parts.hostname or "", parts.port or (443 if is_secure else 80)
    try:
        connection = socket.create_connection((host, port), timeout)
    except TimeoutError as error:
        raise ConnectTimeout("timed out while connecting") from error
    except (OSError, UnicodeError) as error:
        raise ConnectionFailed("no connection") from error
    try:
        _keep_alive(connection)
        return _secured(connection, host) if is_secure else connection
    except BaseException:
        connection.close()
        raise


def _keep_alive(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _secured(connection: socket.socket, host: str) -> ssl.SSLSocket:
    try:
        return _ssl_context().wrap_socket(connection, server_hostname=host)
    except TimeoutError as error:
        raise ConnectTimeout("timed out in the TLS handshake") from error
    except OSError as error:
        raise ConnectionFailed("the TLS handshake failed") from error


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    """Return the one context of this process, with the certificates that the HTTP transports go by too."""
    context = ssl.create_default_context(cafile=_ca_file())
    context.set_alpn_protocols(["http/1.1"])
    return context


def _ca_file() -> str | None:
    """Certifi's, which httpx and requests bring; those of the machine where neither is installed."""
    if importlib.util.find_spec("certifi") is None:
        return None
    import certifi

    return certifi.where()
