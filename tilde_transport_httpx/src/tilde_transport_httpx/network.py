"""Connections that the core opens, as httpcore wants to have them."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterable
from typing import Any, cast

import httpcore

from tilde.plugins import Dialer, Route

__all__ = ["NO_CONTEXT", "Network"]


class _NoContext:
    """Stands in for a TLS context: httpcore wants one for each pool, and the dialer has its own."""

    def set_alpn_protocols(self, protocols: list[str]) -> None:
        """Do nothing: the dialer has said so already."""


NO_CONTEXT: ssl.SSLContext = cast(ssl.SSLContext, _NoContext())


class Network(httpcore.NetworkBackend):
    """Connects along `route`, whatever httpcore asks for; that is the server of the request."""

    def __init__(self, dialer: Dialer, route: Route) -> None:
        self._dialer = dialer
        self.route = route

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Return a connection without TLS to the server. Raises `DialFailed`."""
        return _Stream(self._dialer.connect(self.route, timeout), self)

    def start_tls(self, sock: socket.socket, timeout: float | None) -> httpcore.NetworkStream:
        """Return the connection with TLS. Raises `DialFailed`."""
        return _Stream(self._dialer.secure(sock, self.route, timeout), self)


class _Stream(httpcore.NetworkStream):
    def __init__(self, sock: socket.socket, network: Network) -> None:
        self._sock = sock
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            self._sock.settimeout(timeout)
            return self._sock.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(error) from error
        except OSError as error:
            raise httpcore.ReadError(error) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            self._sock.settimeout(timeout)
            while buffer:
                buffer = buffer[self._sock.send(buffer) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(error) from error
        except OSError as error:
            raise httpcore.WriteError(error) from error

    def close(self) -> None:
        self._sock.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return self._network.start_tls(self._sock, timeout)

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":  # asked for the protocol that was agreed on
            return self._sock if hasattr(self._sock, "selected_alpn_protocol") else None
        if info == "is_readable":
            return _is_readable(self._sock)
        if info in ("client_addr", "server_addr"):
            return self._sock.getsockname() if info == "client_addr" else self._sock.getpeername()
        return self._sock if info == "socket" else None


def _is_readable(sock: socket.socket) -> bool:
    """Whether there is something to read on an idle connection: that is its end, or nothing that was asked for."""
    if sock.fileno() < 0:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
