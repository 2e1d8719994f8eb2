"""HTTP/2, where it is asked for and the server can."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("httpx")
pytest.importorskip("h2")
pytest.importorskip("tilde_transport_httpx")

from h2_server import H2Server
from tilde import Client
from tilde.exceptions import ConfigurationError
from tilde.plugins import Headers, Proxy, Request, Transport, TransportSettings
from tilde_core.testing import LoopbackServer, ProxyServer
from tilde_core.testing.certificates import CertificateAuthority
from tilde_transport_httpx import HttpxTransport, plugin

HOST = "service.test"


@pytest.fixture
def ca(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path)


@pytest.fixture
def server(ca: CertificateAuthority) -> Iterator[H2Server]:
    with H2Server(ca.server_context(HOST, "localhost")) as running:
        yield running


def put(transport: Transport, url: str, body: bytes = b"abc") -> bytes:
    headers = Headers({"Authorization": "Bearer t", "X-Mixed-Case": "v"})
    return transport.send(Request(method="PUT", url=url, content=body, headers=headers)).read()


def test_http2_to_a_server_that_can(server: H2Server, ca: CertificateAuthority) -> None:
    transport = HttpxTransport(TransportSettings(http2=True, ca_bundle=str(ca.bundle)))
    url = server.url("/a%2fb?x=%7e", host="localhost")
    for _ in range(3):
        response = transport.send(Request(method="GET", url=url))
        assert response.headers.get_all("x-mark") == ["a", "b"]
        assert response.read() == b""
    transport.close()
    assert server.connections == 1
    assert [request[":path"] for request in server.h2_requests] == ["/a%2fb?x=%7e"] * 3
    assert server.h2_requests[0][":authority"] == f"localhost:{server.port}"
    assert server.requests == []


def test_large_bodies_and_threads(server: H2Server, ca: CertificateAuthority) -> None:
    transport = HttpxTransport(TransportSettings(http2=True, ca_bundle=str(ca.bundle), max_connections=4))
    url = server.url("/", host="localhost")
    bodies = [bytes([number]) * 30_000 for number in range(16)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda body: put(transport, url, body), bodies)) == bodies
    transport.close()
    assert server.connections <= 4
    assert server.h2_requests[0]["x-mixed-case"] == "v"


def test_http2_through_a_tunnel(server: H2Server, ca: CertificateAuthority) -> None:
    with ProxyServer(tls=ca.server_context("localhost")) as proxy:
        settings = TransportSettings(
            http2=True, ca_bundle=str(ca.bundle), https_proxy=Proxy.parse(proxy.proxy_url(host="localhost"))
        )
        transport = HttpxTransport(settings)
        assert put(transport, server.url("/", host=HOST)) == b"abc"
        transport.close()
    assert len(server.h2_requests) == 1


def test_http1_to_a_server_that_cannot(ca: CertificateAuthority) -> None:
    with LoopbackServer(tls=ca.server_context("localhost")) as old:
        transport = HttpxTransport(TransportSettings(http2=True, ca_bundle=str(ca.bundle)))
        put(transport, old.url(host="localhost"))
        transport.close()
        assert old.requests[0].line == "PUT / HTTP/1.1"


def test_http1_unless_asked_for(server: H2Server, ca: CertificateAuthority) -> None:
    transport = HttpxTransport(TransportSettings(ca_bundle=str(ca.bundle)))
    put(transport, server.url(host="localhost"))
    transport.close()
    assert (len(server.requests), len(server.h2_requests)) == (1, 0)


def test_no_log_shows_a_header(server: H2Server, ca: CertificateAuthority, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    transport = HttpxTransport(TransportSettings(http2=True, ca_bundle=str(ca.bundle)))
    put(transport, server.url("/?sig=s3cret", host="localhost"))
    transport.close()
    # The server's own records, in threads of its own, are its affair.
    records = [record for record in caplog.records if record.thread == threading.get_ident()]
    shown = "\n".join(f"{record.getMessage()} {record.__dict__!r}" for record in records)
    assert "httpcore.http2" in shown
    assert not [secret for secret in ("s3cret", "Bearer", "x-mark") if secret in shown]


def test_what_is_missing_is_told_when_the_client_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"http2 needs the package h2: pip install"):
        Client("key", transport="httpx", http2=True)
    with pytest.raises(ConfigurationError, match=r"http2 needs the package h2"):
        HttpxTransport(TransportSettings(http2=True))
