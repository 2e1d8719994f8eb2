"""The settings for proxies and trust mean to WebSockets what they mean to transports: the same rules, and the same
servers. These answer a handshake with a status, which a connector hands on like any answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from tilde.exceptions import NotSentError
from tilde.plugins import NoProxy, Proxy, Request, Response, Transport, TransportSettings, WebSocket
from tilde_core.testing import LoopbackServer, ProxyServer, ServerWebSocket, SocksServer, behaviors, websocket
from tilde_core.testing.behaviors import answer
from tilde_core.testing.certificates import CertificateAuthority
from tilde_core.testing.contract import NetworkContract, overrides
from tilde_core.websocket.connector import WebsocketClientConnector

HOST = "service.test"
WHO = ("someone", "s3cret-of-the-proxy")
WAYS = [(proxied, is_secure) for proxied in ("not", "http", "https", "socks") for is_secure in (False, True)]
WAYS.append(("inspected", True))


class Handshakes:
    """A connector as a transport of refused handshakes."""

    def __init__(self, settings: TransportSettings) -> None:
        self.connector = WebsocketClientConnector(settings)

    def send(self, request: Request) -> Response:
        answered = self.connector.connect(replace(request, method="GET", content=b"", url=as_ws(request.url)))
        assert isinstance(answered, Response)
        return answered

    def close(self) -> None:
        self.connector.close()

    def __repr__(self) -> str:
        return repr(self.connector)


def as_ws(url: str) -> str:
    return url.replace("http", "ws", 1)


class TestWebSocketNetwork(NetworkContract):
    def open_transport(self, settings: TransportSettings) -> Transport:
        return Handshakes(settings)

    @overrides("a handshake has a URL of its own kind")
    def not_sent(self, transport: Transport, url: str, match: str, **fields: Any) -> NotSentError:
        return super().not_sent(transport, as_ws(url), match, **fields)

    @overrides("whoever asks may have such a URL already")
    def get(self, transport: Transport, url: str, **fields: Any) -> Response:
        return super().get(transport, url.replace("ws", "http", 1) if url.startswith("ws") else url, **fields)

    @overrides("no proxy sends a WebSocket on: it goes through a tunnel, also without TLS")
    def test_plain_request_is_sent_on_by_the_proxy(self, server: LoopbackServer, opened: Any) -> None:
        with ProxyServer(credentials=WHO) as proxy:
            transport = opened(through(proxy.proxy_url(credentials=WHO)))
            assert self.get(transport, server.url("/a%2fb?x=%7e", host=HOST)).status == 200
            assert [request.line for request in proxy.requests] == [f"CONNECT {HOST}:{server.port} HTTP/1.1"]
        assert server.requests[0].target == "/a%2fb?x=%7e"

    @overrides("each WebSocket is a connection of its own")
    def test_secure_request_goes_through_a_tunnel(
        self, secure: LoopbackServer, ca: CertificateAuthority, opened: Any
    ) -> None:
        with ProxyServer() as proxy:
            transport = opened(through(proxy.proxy_url(), ca_bundle=str(ca.bundle)))
            for _ in range(2):
                assert self.get(transport, secure.url(host=HOST)).read() == b"secure"
            assert [request.line for request in proxy.requests] == [f"CONNECT {HOST}:{secure.port} HTTP/1.1"] * 2

    @overrides("there is none that forwards: its 502 is that of a tunnel")
    def test_answer_of_a_forwarding_proxy_is_an_answer(self, server: LoopbackServer, opened: Any) -> None:
        with ProxyServer() as proxy:
            proxy.enqueue(answer(502))
            self.not_sent(opened(through(proxy.proxy_url())), server.url(host=HOST), "answered 502")

    @overrides("each WebSocket is a connection of its own")
    @pytest.mark.parametrize("is_secure", [False, True])
    def test_socks(
        self, server: LoopbackServer, secure: LoopbackServer, ca: CertificateAuthority, opened: Any, is_secure: bool
    ) -> None:
        target = secure if is_secure else server
        with SocksServer(credentials=WHO) as proxy:
            transport = opened(through(proxy.proxy_url(credentials=WHO), ca_bundle=str(ca.bundle)))
            assert self.get(transport, target.url("/x?y=1", host=HOST)).status == 200
            assert proxy.destinations == [(HOST, target.port)]

    @overrides("each WebSocket is a connection of its own")
    @pytest.mark.parametrize("room", [1])
    @pytest.mark.parametrize("is_secure", [False, True])
    def test_direct_request_takes_no_proxy(
        self,
        server: LoopbackServer,
        secure: LoopbackServer,
        ca: CertificateAuthority,
        opened: Any,
        is_secure: bool,
        room: int,
    ) -> None:
        target = secure if is_secure else server
        with ProxyServer() as proxy:
            transport = opened(
                through(proxy.proxy_url(), no_proxy="<-loopback>", ca_bundle=str(ca.bundle), max_connections=room)
            )
            for direct, count in ((False, 1), (True, 1), (False, 2)):
                assert self.get(transport, target.url(), direct=direct).status == 200
                assert len(proxy.requests) == count

    @overrides("`ws` takes that of http, and `wss` that of https; both make tunnels")
    def test_each_kind_of_url_has_its_proxy(
        self, server: LoopbackServer, secure: LoopbackServer, ca: CertificateAuthority, opened: Any
    ) -> None:
        with ProxyServer() as one, ProxyServer() as other:
            plain, tls = Proxy.parse(one.proxy_url()), Proxy.parse(other.proxy_url())
            transport = opened(TransportSettings(http_proxy=plain, https_proxy=tls, ca_bundle=str(ca.bundle)))
            self.get(transport, server.url(host=HOST)).read()
            self.get(transport, secure.url(host=HOST)).read()
            targets = [request.target for request in (*one.requests, *other.requests)]
            assert targets == [f"{HOST}:{server.port}", f"{HOST}:{secure.port}"]

    @overrides("messages in both directions at once, on every way there is")
    @pytest.mark.parametrize(("proxied", "is_secure"), WAYS)
    def test_tls_through_a_proxy_with_tls(  # type: ignore[override]
        self, ca: CertificateAuthority, proxied: str, is_secure: bool
    ) -> None:
        tls = ca.server_context(HOST, "localhost") if is_secure else None
        with LoopbackServer(tls=tls) as server, on_the_way(proxied, ca) as url:
            server.enqueue(websocket(echo))
            settings = through(url, ca_bundle=str(ca.bundle)) if url else TransportSettings(ca_bundle=str(ca.bundle))
            connector = WebsocketClientConnector(settings)
            peer = connector.connect(
                Request(
                    method="GET", url=as_ws(server.url(host=HOST if url else "localhost")), operation="contract.test"
                )
            )
            assert isinstance(peer, WebSocket)
            exchange_many(peer)
            connector.close()

    @overrides("a refusal that ends with the connection is whole")
    def test_end_of_an_answer_through_a_proxy_with_tls(
        self, secure: LoopbackServer, ca: CertificateAuthority, opened: Any
    ) -> None:
        secure.script("/", behaviors.answer_until_close(b"all of it"))
        with ProxyServer(tls=ca.server_context("localhost")) as proxy:
            transport = opened(through(proxy.proxy_url(host="localhost"), ca_bundle=str(ca.bundle)))
            assert self.get(transport, secure.url(host=HOST)).read() == b"all of it"


def through(url: str, **more: Any) -> TransportSettings:
    proxy = Proxy.parse(url, "argument proxy")
    no_proxy = NoProxy.parse(more.pop("no_proxy", ""))
    return TransportSettings(http_proxy=proxy, https_proxy=proxy, no_proxy=no_proxy, **more)


@contextmanager
def on_the_way(proxied: str, ca: CertificateAuthority) -> Iterator[str]:
    """Run the proxy, if any, and give its URL."""
    if proxied == "not":
        yield ""
    elif proxied == "socks":
        with SocksServer(credentials=WHO) as socks:
            yield socks.proxy_url(credentials=WHO)
    else:
        tls = ca.server_context("localhost") if proxied == "https" else None
        inspect = ca.server_context if proxied == "inspected" else None
        with ProxyServer(credentials=WHO, tls=tls, inspect=inspect) as proxy:
            yield proxy.proxy_url(credentials=WHO, host="localhost")


def echo(peer: ServerWebSocket) -> None:
    while (message := peer.receive()) is not None:
        peer.send(message)


def exchange_many(peer: WebSocket) -> None:
    """More than all buffers hold, so that writing has to wait for reading and the other way round."""
    piece, count = bytes(range(256)) * 256, 200
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(lambda: [peer.send(piece) for _ in range(count)])  # type: ignore[func-returns-value]
        assert all(peer.receive(30) == piece for _ in range(count))
        sending.result(30)
    peer.close()
