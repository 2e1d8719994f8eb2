"""TLS within TLS as WebSockets use it: without blocking, and with somebody who does not read."""

from __future__ import annotations

import hashlib
import selectors
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tilde.plugins import Dialer, Proxy, TransportSettings
from tilde_core.network.tls_in_tls import TlsInTls
from tilde_core.testing import Exchange, LoopbackServer, ProxyServer
from tilde_core.testing.certificates import CertificateAuthority

HOST = "service.test"
DATA = bytes(range(256)) * 64 * 1024  # 16 MiB: more than all buffers on the way hold


class Place:
    """A server that reads `DATA` when its gate opens, and answers with the digest."""

    def __init__(self, ca: CertificateAuthority, server: LoopbackServer, proxy: ProxyServer) -> None:
        self.gate = server.gate()
        server.on_connect(self.digest)
        url = proxy.proxy_url(host="localhost")
        self.dialer = Dialer(TransportSettings(https_proxy=Proxy.parse(url), ca_bundle=str(ca.bundle)))
        self.route = self.dialer.route(server.url("", host=HOST))

    def digest(self, exchange: Exchange) -> None:
        self.gate.wait()
        digest, left = hashlib.sha256(), len(DATA)
        while left:
            data = exchange.connection.recv(65536)
            digest.update(data)
            left -= len(data)
        exchange.send(digest.digest())
        exchange.hang_up()

    def opened(self) -> socket.socket:
        return self.dialer.open(self.route, 10.0)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    ca = CertificateAuthority(tmp_path)
    with (
        LoopbackServer(tls=ca.server_context(HOST)) as server,
        ProxyServer(tls=ca.server_context("localhost")) as proxy,
    ):
        yield Place(ca, server, proxy)


def ready(sock: socket.socket, event: int) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(sock, event)
        assert selector.select(30)


def test_who_had_to_wait_writes_the_same_again(place: Place) -> None:
    """And no byte is sent twice, or lost."""
    sock = place.opened()
    assert isinstance(sock, TlsInTls)
    sock.setblocking(False)
    sent, waited = 0, 0
    while sent < len(DATA):
        try:
            sent += sock.send(DATA[sent : sent + 100_000])
        except ssl.SSLWantWriteError:
            waited += 1
            if waited > 2:
                place.gate.set()
            else:
                with pytest.raises(ssl.SSLWantReadError):
                    sock.recv(10)
            ready(sock, selectors.EVENT_WRITE) if place.gate.is_set() else None
    assert waited > 2
    answer = b""
    while len(answer) < 32:
        try:
            answer += sock.recv(100)
        except ssl.SSLWantReadError:
            ready(sock, selectors.EVENT_READ)
    assert answer == hashlib.sha256(DATA).digest()
    sock.close()


def test_all_at_once_with_waiting(place: Place) -> None:
    place.gate.set()
    sock = place.opened()
    sock.sendall(DATA)
    answer = bytearray(64)
    view = memoryview(answer)
    got = 0
    while size := sock.recv_into(view[got:]):
        got += size
    assert bytes(answer[:got]) == hashlib.sha256(DATA).digest()
    assert sock.recv(10) == b""
    sock.close()


def test_files_keep_it_open(place: Place) -> None:
    """http.client closes the socket before it reads the answer."""
    place.gate.set()
    sock = place.opened()
    sock.sendall(DATA)
    file = sock.makefile("rb")
    sock.close()
    assert file.read() == hashlib.sha256(DATA).digest()
    assert sock.fileno() >= 0
    file.close()
    assert sock.fileno() == -1
