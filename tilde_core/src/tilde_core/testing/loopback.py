"""A small HTTP server on loopback that does what it is told, right or wrong, and writes down what it was sent."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TypeVar

from tilde_core.testing.behaviors import answer
from tilde_core.testing.exchange import Behavior, Exchange, RecordedRequest

__all__ = ["LoopbackServer"]

ServerT = TypeVar("ServerT", bound="LoopbackServer")


class LoopbackServer:
    """Serves until it is closed; a context manager. Each connection has a thread of its own.

    It listens on `host`, which may be `::1`. With `tls`, a context for servers, it speaks TLS; `peers` then has the
    certificate of each client (an empty one if it showed none), as `ssl.SSLSocket.getpeercert` gives it.

    A connection first does what `on_connect` asks for. Each request then gets the next of the `enqueue`d behaviours, or
    else the one that `script` set for its path, or else an empty 200. `requests` has every request, `connections` is
    the number of connections accepted.
    """

    def __init__(self, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=128)
        self.host: str = host
        self.port: int = self._listener.getsockname()[1]
        self._tls = tls
        self.peers: list[Mapping[str, object]] = []
        self.requests: list[RecordedRequest] = []
        self.connections = 0
        self._at_connect: deque[Behavior] = deque()
        self._queue: deque[Behavior] = deque()
        self._by_path: dict[str, Behavior] = {}
        self._gates: list[threading.Event] = []
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closing = False
        self._start(self._accept)

    def url(self, target: str = "/", *, host: str | None = None) -> str:
        """Return the URL of `target` (a path, perhaps with a query) on this server, which may be known as `host`."""
        name = host or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"{'http' if self._tls is None else 'https'}://{name}:{self.port}{target}"

    def script(self, path: str, behavior: Behavior) -> None:
        """Do this for every request to `path`, whatever its query."""
        self._by_path[path] = behavior

    def enqueue(self, *behaviors: Behavior) -> None:
        """Do these for the next requests, one each."""
        self._queue.extend(behaviors)

    def on_connect(self, *behaviors: Behavior) -> None:
        """Do these on the next connections, one each, before anything is read."""
        self._at_connect.extend(behaviors)

    def gate(self) -> threading.Event:
        """Return an event to wait for in a behaviour; `close` sets it, so that no thread waits for ever."""
        gate = threading.Event()
        self._gates.append(gate)
        return gate

    def close(self) -> None:
        """Stop, drop every connection and wait for the threads to end. May be called twice."""
        with self._lock:
            was_closing, self._closing = self._closing, True
        if was_closing:
            return
        for gate in self._gates:
            gate.set()
        socket.create_connection((self.host, self.port)).close()  # wakes up accept()
        self._threads[0].join()
        self._listener.close()
        with self._lock:
            for connection in self._open:
                _cut(connection)
        for thread in self._threads:
            thread.join()

    def _start(self, target: Callable[..., None], *args: socket.socket) -> None:
        thread = threading.Thread(target=target, args=args, name="loopback-server", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                if self._closing:
                    connection.close()
                    return
                self.connections += 1
                self._open.add(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        exchange = Exchange(connection)
        try:
            with contextlib.suppress(OSError):  # the client went away, as it may
                if self._tls is not None:
                    self._secure(exchange, self._tls)
                    self.peers.append(exchange.peer_certificate())
                self._converse(exchange)
        finally:
            self._release(exchange.connection)

    def _secure(self, exchange: Exchange, context: ssl.SSLContext) -> None:
        """Make the TLS handshake. If there is to be none, let the client read why before it is hung up on."""
        plain = exchange.connection
        secured = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        exchange.connection = secured
        self._hold(secured, instead_of=plain)
        try:
            secured.do_handshake()
        except OSError:
            exchange.connection = socket.socket(fileno=secured.detach())
            self._hold(exchange.connection, instead_of=secured)
            exchange.end_sending()
            exchange.read_to_end()
            raise

    def _hold(self, connection: socket.socket, *, instead_of: socket.socket | None = None) -> None:
        """Keep a connection that `close` is to cut."""
        with self._lock:
            self._open.discard(instead_of or connection)
            self._open.add(connection)
            if self._closing:
                _cut(connection)

    def _release(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)
        connection.close()

    def _converse(self, exchange: Exchange) -> None:
        with self._lock:
            first = self._at_connect.popleft() if self._at_connect else None
        if first:
            first(exchange)
        while exchange.is_open and exchange.read_head():
            with self._lock:
                self.requests.append(exchange.request)
            self._behavior(exchange.request)(exchange)

    def _behavior(self, request: RecordedRequest) -> Behavior:
        with self._lock:
            if self._queue:
                return self._queue.popleft()
        return self._by_path.get(request.target.partition("?")[0], answer())

    def __enter__(self: ServerT) -> ServerT:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _cut(connection: socket.socket) -> None:
    """Wake the thread that reads from it; that thread closes it."""
    with contextlib.suppress(OSError):  # already gone
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # an SSLSocket's own takes TLS away from that thread
