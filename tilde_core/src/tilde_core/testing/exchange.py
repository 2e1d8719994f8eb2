"""One request that the loopback server has received, and the means to answer it well or badly."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["Behavior", "Exchange", "RecordedRequest"]

Lines = Iterable[tuple[str, str]]


@dataclass
class RecordedRequest:
    """A request as it came over the wire: the first line and each header line in order, case and repeats kept.

    `body` grows as the server reads it; a behaviour that answers early leaves it short.
    """

    line: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    @property
    def method(self) -> str:
        """The first word of the request line."""
        return self.line.split(" ")[0]

    @property
    def target(self) -> str:
        """The second word of the request line: path and query, untouched."""
        return self.line.split(" ")[1]

    def header(self, name: str) -> list[str]:
        """Return every value of the header, in order."""
        return [value for known, value in self.headers if known.lower() == name.lower()]


@dataclass
class Exchange:
    """What a behaviour acts upon: an open connection, and the request that was read from it, body not yet.

    At the moment of connecting there is no request yet, and `request` is an empty one.
    """

    connection: socket.socket
    buffered: bytes = b""
    request: RecordedRequest = field(default_factory=lambda: RecordedRequest("", []))
    is_open: bool = True

    def read_head(self) -> bool:
        """Read request line and headers. Return whether there was a request at all."""
        while b"\r\n\r\n" not in self.buffered:
            if not self._receive():
                return False
        head, _, self.buffered = self.buffered.partition(b"\r\n\r\n")
        line, *headers = head.decode("latin-1").split("\r\n")
        pairs = (header.partition(":") for header in headers)
        self.request = RecordedRequest(line, [(name, value.strip(" ")) for name, _, value in pairs])
        return True

    def read_body(self) -> bytes:
        """Read as many bytes as `Content-Length` announces, or until the client hangs up; record and return them."""
        announced = int((self.request.header("content-length") or ["0"])[0])
        self.request.body += self.read(announced - len(self.request.body))
        return self.request.body

    def read(self, size: int) -> bytes:
        """Read exactly `size` bytes; fewer if the client hangs up."""
        pieces = []
        while size > 0 and (self.buffered or self._receive()):
            pieces.append(self.buffered[:size])
            self.buffered = self.buffered[size:]
            size -= len(pieces[-1])
        return b"".join(pieces)

    def read_to_end(self) -> None:
        """Read and forget whatever comes until the client hangs up."""
        while self._receive():
            self.buffered = b""

    def send(self, data: bytes) -> None:
        """Send these bytes as they are."""
        self.connection.sendall(data)

    def send_head(self, status: int, headers: Lines = ()) -> None:
        """Send a status line and header lines."""
        lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in headers), "", ""]
        self.send("\r\n".join(lines).encode("latin-1"))

    def peer_certificate(self) -> Mapping[str, object]:
        """Return what the client's certificate says, an empty mapping without one."""
        secured = self.connection
        return (secured.getpeercert() or {}) if isinstance(secured, ssl.SSLSocket) else {}

    def end_sending(self) -> None:
        """Tell the client that nothing more will come, and go on listening."""
        self.connection.shutdown(socket.SHUT_WR)

    def hang_up(self) -> None:
        """Close the connection in an orderly way."""
        self.is_open = False
        self.connection.close()

    def reset(self) -> None:
        """Tear the connection down, so that the client gets a "connection reset"."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.hang_up()

    def _receive(self) -> bool:
        data = self.connection.recv(65536)
        self.buffered += data
        return bool(data)


Behavior = Callable[[Exchange], None]
"""What a `LoopbackServer` does with one request. `behaviors` makes them."""
