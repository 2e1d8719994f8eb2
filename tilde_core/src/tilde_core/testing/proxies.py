"""Proxies on loopback, for tests: an HTTP proxy and one for SOCKS 5. Both can ask who is calling.

For them, every host name leads to this machine: a request for `http://service.test:1234/` that is answered has come
through the proxy, for nobody else knows that name.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from tilde_core.testing.behaviors import answer
from tilde_core.testing.exchange import Behavior, Exchange, RecordedRequest
from tilde_core.testing.loopback import LoopbackServer
from tilde_core.websocket.channel import Channel

__all__ = ["ProxyServer", "SocksServer", "relay"]

_PIECE = 64 * 1024
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-authorization", "proxy-connection", "transfer-encoding"})


class ProxyServer(LoopbackServer):
    """An HTTP proxy: it makes tunnels (CONNECT) and sends requests on. `requests` has what was asked of it.

    With `credentials`, a user and a password, it answers 407 to who does not give these, and with `authorization` to
    whose `Proxy-Authorization` is another; `challenge` is what it says then. With `tls`, it speaks TLS itself. With
    `inspect`, which returns a server context for a host name, it looks into TLS as companies do: `inspected` has the
    first line of what it saw in each tunnel.
    """

    def __init__(
        self,
        *,
        credentials: tuple[str, str] | None = None,
        authorization: str | None = None,
        challenge: str = 'Basic realm="proxy"',
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        inspect: Callable[[str], ssl.SSLContext] | None = None,
    ) -> None:
        self._expected = authorization if credentials is None else _basic(*credentials)
        self._challenge = challenge
        self._inspect = inspect
        self.inspected: list[bytes] = []
        super().__init__(host=host, tls=tls)

    def proxy_url(self, *, credentials: tuple[str, str] | None = None, host: str | None = None) -> str:
        """Return the URL for a `proxy` setting, with these credentials in it (which must need no encoding)."""
        scheme, _, rest = self.url("", host=host).partition("://")
        return f"{scheme}://{':'.join(credentials)}@{rest}" if credentials else f"{scheme}://{rest}"

    def _behavior(self, request: RecordedRequest) -> Behavior:
        with self._lock:
            if self._queue:
                return self._queue.popleft()
        if self._expected is not None and request.header("proxy-authorization") != [self._expected]:
            return answer(407, b"who are you?", [("Proxy-Authenticate", self._challenge)])
        return self._tunnel if request.method == "CONNECT" else self._forward

    def _tunnel(self, exchange: Exchange) -> None:
        host, _, port = exchange.request.target.rpartition(":")
        try:
            upstream = _connect(host, int(port))
        except OSError:
            answer(502)(exchange)
            return
        exchange.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        if self._inspect is not None:
            upstream = self._look_into(exchange, upstream, host.strip("[]"))
        self._relay(exchange, upstream)

    def _look_into(self, exchange: Exchange, upstream: socket.socket, host: str) -> socket.socket:
        """End the client's TLS here, with a certificate made for the occasion, and speak TLS to the server."""
        assert self._inspect is not None
        try:
            self._secure(exchange, self._inspect(host))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # which is its own affair
            first = exchange.connection.recv(_PIECE)
            self.inspected.append(first.partition(b"\r\n")[0])
            secured = context.wrap_socket(upstream, server_hostname=host)
        except BaseException:
            upstream.close()
            raise
        secured.sendall(first)
        return secured

    def _relay(self, exchange: Exchange, upstream: socket.socket) -> None:
        """Pass bytes to and fro until either side is done."""
        self._hold(upstream)
        relay(exchange.connection, upstream)
        self._release(upstream)
        exchange.hang_up()

    def _forward(self, exchange: Exchange) -> None:
        parts = urlsplit(exchange.request.target)
        body = exchange.read_body()
        upstream = http.client.HTTPConnection(*_place(parts.hostname or "", parts.port or 80), timeout=60)
        try:
            target = exchange.request.target.partition(parts.netloc)[2]
            upstream.putrequest(exchange.request.method, target or "/", skip_host=True, skip_accept_encoding=True)
            for name, value in exchange.request.headers:
                if name.lower() not in _HOP_BY_HOP:
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            _send_on(upstream.getresponse(), exchange)
        except ConnectionRefusedError:
            answer(502)(exchange)
        finally:
            upstream.close()


class SocksServer(LoopbackServer):
    """A SOCKS 5 proxy. `destinations` has what it was asked for: a host as it was given, and a port.

    With `credentials`, a user and a password, it turns everybody else away.
    """

    def __init__(self, *, credentials: tuple[str, str] | None = None) -> None:
        self._credentials = credentials
        self.destinations: list[tuple[str, int]] = []
        super().__init__()

    def proxy_url(self, scheme: str = "socks5h", *, credentials: tuple[str, str] | None = None) -> str:
        """Return the URL for a `proxy` setting, with these credentials in it (which must need no encoding)."""
        user = f"{':'.join(credentials)}@" if credentials else ""
        return f"{scheme}://{user}127.0.0.1:{self.port}"

    def _converse(self, exchange: Exchange) -> None:
        file = exchange.connection.makefile("rb")
        with file, contextlib.suppress(IndexError, ValueError):  # half a message
            if not self._greet(exchange, file.read):
                return
            _, _, _, kind = file.read(4)
            host = _host(kind, file.read)
            port = int.from_bytes(file.read(2), "big")
            self.destinations.append((host, port))
            try:
                upstream = _connect(host, port)
            except OSError:
                exchange.send(bytes([5, 5, 0, 1]) + bytes(6))
                return
            exchange.send(bytes([5, 0, 0, 1]) + bytes(6))
            self._hold(upstream)
            relay(exchange.connection, upstream)
            self._release(upstream)

    def _greet(self, exchange: Exchange, read: Callable[[int], bytes]) -> bool:
        """Agree on how the client says who it is. Return whether it may go on."""
        methods = read(read(2)[1])
        if self._credentials is None:
            exchange.send(bytes([5, 0]))
            return True
        if 2 not in methods:
            exchange.send(bytes([5, 255]))
            return False
        exchange.send(bytes([5, 2]))
        user = read(read(2)[1]).decode()
        password = read(read(1)[0]).decode()
        is_known = (user, password) == self._credentials
        exchange.send(bytes([1, 0 if is_known else 1]))
        return is_known


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _place(host: str, port: int) -> tuple[str, int]:
    host = host.strip("[]")
    return (host if ":" in host else "127.0.0.1"), port


def _connect(host: str, port: int) -> socket.socket:
    return socket.create_connection(_place(host, port))


def _host(kind: int, read: Callable[[int], bytes]) -> str:
    if kind == 1:
        return socket.inet_ntop(socket.AF_INET, read(4))
    return socket.inet_ntop(socket.AF_INET6, read(16)) if kind == 4 else read(read(1)[0]).decode()


def relay(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes to and fro until both sides are done. Through channels: OpenSSL does not bear two threads at once."""
    near, far = Channel(one), Channel(other)
    back = threading.Thread(target=_pump, args=(far, near, one), daemon=True)
    back.start()
    _pump(near, far, other)
    back.join()


def _pump(source: Channel, sink: Channel, end: socket.socket) -> None:
    """Pass bytes on until there are no more, and say so at the other `end`."""
    with contextlib.suppress(OSError):
        while data := source.receive(_PIECE):
            sink.send(data)
    with contextlib.suppress(OSError):
        socket.socket.shutdown(end, socket.SHUT_WR)  # an SSLSocket's own would have it forget TLS, reading included


def _send_on(response: http.client.HTTPResponse, exchange: Exchange) -> None:
    body = response.read()
    lines = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP]
    if not any(name.lower() == "content-length" for name, _ in lines) and response.status not in (204, 304):
        lines.append(("Content-Length", str(len(body))))
    exchange.send_head(response.status, lines)
    exchange.send(body)
