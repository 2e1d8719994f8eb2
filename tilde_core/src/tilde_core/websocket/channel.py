"""Bytes over a socket, in both directions at once, so that a side that takes nothing never stops us from reading."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator

from tilde_core.websocket.errors import ConnectionLost
from tilde_core.websocket.kernel import unacknowledged

__all__ = ["Channel"]

_SIZE = 64 * 1024  # what is read, or handed to the socket, at a time
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)  # neither opens a file of its own


class Channel:
    """A connected socket, TLS or not, which one thread reads and others write.

    What is to be sent lies in a buffer that whoever waits empties, reader or writer. One lock is around each call of
    the socket, none of which blocks: OpenSSL does not bear two threads at one connection.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._lock = threading.Lock()
        self._received = bytearray()
        self._unsent = bytearray()
        # What to wait for before the next try: OpenSSL may have to write in order to read, and the other way round.
        self._to_read = selectors.EVENT_READ
        self._to_write = selectors.EVENT_WRITE
        self._send_error: OSError | None = None
        self._waiting = 0
        self._closed = False

    @property
    def has_unsent(self) -> bool:
        """Whether the other side has not even taken what was sent."""
        return bool(self._unsent)

    def post(self, data: bytes) -> None:
        """Send `data` as soon as that is possible. Does not wait, and does not tell if it fails: reading will."""
        with self._lock:
            self._unsent += data
            self._push()

    def send(self, data: bytes, timeout: float | None = None) -> None:
        """Send `data` and wait until all of it is on its way, at most `timeout` seconds each time.

        Raises `TimeoutError` and other `OSError`s.
        """
        self.post(data)
        while self._unsent:
            if not self._wait(self._to_write, timeout):
                raise TimeoutError("nothing was taken")
        if self._send_error is not None:
            raise self._send_error

    def receive(self, size: int, timeout: float | None = None) -> bytes:
        """Return 1 to `size` bytes. Raises `TimeoutError` if none come in time, and other `OSError`s."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._received:
            self._pull()
            if not self._received:
                left = None if deadline is None else deadline - time.monotonic()
                if (left is not None and left <= 0) or not self._wait(self._to_read, left):
                    raise TimeoutError("nothing came")
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    def close(self, last_words: bytes = b"") -> None:
        """Close the socket and wake up whoever waits for it. May be called twice, by any thread.

        The `last_words` are sent first if the other side still listens. If not, the connection is reset: an end in good
        order would queue up behind what nobody takes, and not arrive.
        """
        with self._lock:
            if not self._closed:
                with contextlib.suppress(OSError):  # the other side was quicker
                    self._say(last_words)
                self._closed = True
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
            self._free()

    def _say(self, last_words: bytes) -> None:
        if self._unsent or unacknowledged(self._socket):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif last_words:
            self._unsent += last_words
            self._push()

    def _free(self) -> None:
        """Give the descriptor back, but not while somebody waits for it: another socket might get its number."""
        if self._closed and not self._waiting:
            self._socket.close()

    def _pull(self) -> None:
        with self._lock, self._open():
            try:
                data = self._socket.recv(_SIZE)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._to_read = selectors.EVENT_READ
                return
            except ssl.SSLWantWriteError:
                self._to_read = selectors.EVENT_WRITE
                return
            except ssl.SSLZeroReturnError:
                data = b""
            if not data:
                raise ConnectionLost("the other side hung up")
            self._received += data

    def _push(self) -> None:
        """Hand over what the socket takes now. The lock is held."""
        with self._open():
            try:
                while self._unsent:
                    del self._unsent[: self._socket.send(self._unsent[:_SIZE])]
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._to_write = selectors.EVENT_WRITE
            except ssl.SSLWantReadError:
                self._to_write = selectors.EVENT_READ
            except OSError as error:
                self._send_error = error
                self._unsent.clear()

    @contextlib.contextmanager
    def _open(self) -> Iterator[None]:
        if self._closed:
            raise ConnectionLost("it was closed here")
        yield

    def _wait(self, event: int, timeout: float | None) -> bool:
        """Wait until the socket is ready, also for what is unsent. Return whether it is."""
        with self._lock, self._open():
            if self._unsent:
                event |= self._to_write
            self._waiting += 1
        try:
            with _Selector() as selector:
                selector.register(self._socket, event)
                ready = bool(selector.select(timeout))
        finally:
            with self._lock:
                self._waiting -= 1
                self._free()
        if ready:
            with self._lock:
                self._push()
        return ready
