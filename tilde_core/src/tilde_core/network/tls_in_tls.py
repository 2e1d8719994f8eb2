"""TLS inside of TLS: to a server, through a proxy that is itself spoken to with TLS. `ssl` cannot stack its sockets."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["TlsInTls"]

_RECORD = 16 * 1024
_AT_ONCE = 256 * 1024
T = TypeVar("T")


class TlsInTls:
    """As much of a socket as HTTP and WebSockets use, over an `ssl.SSLSocket`. Makes the handshake at once.

    As with a socket, files made of it keep it open: it is closed when it and they are. One thread may read while
    another writes. If it is made non-blocking, it says as `ssl` does what to wait for (`SSLWantReadError`,
    `SSLWantWriteError`), and who had to wait writes the same bytes again.
    """

    def __init__(self, outer: ssl.SSLSocket, context: ssl.SSLContext, server_hostname: str) -> None:
        self._outer = outer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._inner = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        self._records = bytearray()  # encrypted, and not sent yet
        self._owed = 0  # bytes that are in there, and whose writer had to wait
        # Who waits for the network does not hold the first of these.
        self._tls_lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._files = 0
        self._closed = False
        self._until_done(self._inner.do_handshake)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return up to `size` bytes; none at the end."""
        try:
            return self._until_done(lambda: self._inner.read(size))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):  # the end, as `ssl.SSLSocket` has it, too
            return b""

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0) -> int:
        """Read into `buffer`; return how many bytes."""
        view = memoryview(buffer).cast("B")
        data = self.recv(size or len(view))
        view[: len(data)] = data
        return len(data)

    def send(self, data: Any, flags: int = 0) -> int:
        """Send some of `data`; return how many bytes."""
        if not self._owed:
            self._owed = self._step(lambda: self._inner.write(memoryview(data)[:_AT_ONCE]))
        self._flush()
        sent, self._owed = self._owed, 0
        return sent

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of `data`."""
        with memoryview(data) as view, view.cast("B") as rest:
            sent = 0
            while sent < len(rest):
                sent += self.send(rest[sent:])

    def makefile(self, mode: str = "rb", buffering: int = -1) -> io.BufferedReader:
        """Return a file to read from. `http.client` asks for no other."""
        self._files += 1
        raw = socket.SocketIO(self, "r")  # type: ignore[arg-type]
        return io.BufferedReader(raw, io.DEFAULT_BUFFER_SIZE)

    def _decref_socketios(self) -> None:  # `socket.SocketIO` calls it when it is closed
        self._files -= 1
        if self._closed:
            self.close()

    def close(self) -> None:
        """Close the connection once no file needs it any more."""
        self._closed = True
        if self._files <= 0:
            self._outer.close()

    def selected_alpn_protocol(self) -> str | None:
        """Return the protocol that both sides agreed on."""
        return self._inner.selected_alpn_protocol()

    def version(self) -> str | None:
        """Return the version of TLS that is spoken with the server."""
        return self._inner.version()

    def getpeercert(self, binary_form: bool = False) -> Any:
        """Return the server's certificate, and not the proxy's, as `ssl.SSLSocket.getpeercert` does."""
        return self._inner.getpeercert(binary_form)

    def __getattr__(self, name: str) -> Any:
        """What has nothing to do with the bytes (time-outs, addresses, options, shutdown) is the outer socket's."""
        return getattr(self._outer, name)

    def _until_done(self, step: Callable[[], T]) -> T:
        """Take a step of the inner TLS that reads, and fetch what it needs, until it is done."""
        while True:
            try:
                result = self._step(step)
            except ssl.SSLWantReadError:
                self._flush_what_goes()
                self._fill()
            except ssl.SSLError:
                self._flush_what_goes()  # an alert, which tells the other side why
                raise
            else:
                self._flush_what_goes()
                return result

    def _flush_what_goes(self) -> None:
        """Send a part of the handshake, or an answer to the other side, now or with what is sent next."""
        with contextlib.suppress(OSError):  # if the connection is gone, reading will tell
            self._flush()

    def _step(self, step: Callable[[], T]) -> T:
        with self._tls_lock:
            try:
                return step()
            finally:
                self._records += self._outgoing.read()

    def _flush(self) -> None:
        with self._send_lock:  # the order in which records are taken is that in which they are sent
            while self._records:
                del self._records[: self._outer.send(bytes(self._records[:_AT_ONCE]))]

    def _fill(self) -> None:
        data = self._outer.recv(_RECORD)
        with self._tls_lock:
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()
