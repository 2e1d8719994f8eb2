"""A connection to the metadata endpoint, on which no wait is longer than the time that is left in all."""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tilde.plugins import Clock, Dialer, Route, TransportSettings
from tilde_auth_sandbox.endpoint import Endpoint

__all__ = ["Deadline", "connected"]


class Deadline:
    """The end of an exchange, `seconds` from now, however slowly it moves."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds, more than 0. Raises `TimeoutError`."""
        left = self._end - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


@contextmanager
def connected(
    endpoint: Endpoint, network: TransportSettings, deadline: Deadline
) -> Iterator[http.client.HTTPConnection]:
    """Connect straight to `endpoint`, whatever `network` says of proxies; closed when the block ends.

    Raises `DialFailed`, `OSError`, and `ConfigurationError` for certificates that cannot be used.
    """
    with _secured(endpoint, network, _reached(endpoint, deadline), deadline) as opened:
        connection = http.client.HTTPConnection(endpoint.name, endpoint.port)
        connection.default_port = 443 if endpoint.is_tls else 80  # is left out of the header Host
        connection.set_debuglevel(0)  # whatever it is for others: it would print the path
        connection.sock = _TimedSocket(opened, deadline)
        yield connection


def _reached(endpoint: Endpoint, deadline: Deadline) -> socket.socket:
    errors = []
    for host in endpoint.hosts:
        try:
            return socket.create_connection((host, endpoint.port), deadline.left)
        except OSError as error:
            errors.append(error)
    raise errors[0]


def _secured(
    endpoint: Endpoint, network: TransportSettings, opened: socket.socket, deadline: Deadline
) -> socket.socket:
    if not endpoint.is_tls:
        return opened
    with opened:  # it is the TLS socket's, unless there will be none
        return Dialer(network).secure(opened, Route.to(endpoint.origin), deadline.left)


class _TimedSocket:
    """As much of a socket as http.client uses."""

    def __init__(self, opened: socket.socket, deadline: Deadline) -> None:
        self._opened = opened
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._opened.settimeout(self._deadline.left)
        self._opened.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._opened, self._deadline))

    def close(self) -> None:
        """Leave it open: http.client closes before the answer is read, and whoever opened it closes it."""


class _TimedReader(io.RawIOBase):
    def __init__(self, opened: socket.socket, deadline: Deadline) -> None:
        self._opened = opened
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._opened.settimeout(self._deadline.left)
        return self._opened.recv_into(buffer)
