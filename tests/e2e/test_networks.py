"""The main job on the networks of companies: API calls, signed transfers and commands, over each transport."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tilde import Client
from tilde.exceptions import NotSentError
from tilde_core.testing import ProxyServer, SocksServer
from tilde_core.testing.certificates import CertificateAuthority
from tilde_core.testing.contract.network_base import needs_ipv6
from tilde_local import Server
from tls_front import TlsFront

HOST = "tilde.test"
WHO = ("someone", "s3cret")
BODY = bytes(range(256)) * 2000
_numbers = itertools.count(1)


class World:
    """A private CA, and the embedded server behind TLS, where only a proxy finds it."""

    def __init__(self, server: Server, folder: Path, stack: ExitStack) -> None:
        self.server = server
        self.ca = CertificateAuthority(folder)
        self.stack = stack

    def front(self, name: str = HOST, clients: CertificateAuthority | None = None) -> TlsFront:
        tls = self.ca.server_context(name.strip("[]"), clients=clients)
        host = "::1" if name == "[::1]" else "127.0.0.1"
        return self.stack.enter_context(TlsFront(self.server.endpoint_url, name, tls, host))

    def proxy(self, **options: Any) -> ProxyServer:
        return self.stack.enter_context(ProxyServer(**options))

    def socks(self, **options: Any) -> SocksServer:
        return self.stack.enter_context(SocksServer(**options))


@pytest.fixture
def world(server: Server, tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(server, tmp_path, stack)


@pytest.fixture
def main_job(server: Server, transport: str) -> Callable[..., None]:
    def run(endpoint_url: str, **settings: Any) -> None:
        """Create, upload, commit, run a command over a WebSocket, and download."""
        with Client(server.api_key, endpoint_url=endpoint_url, transport=transport, **settings) as client:
            repo = client.organizations.create(f"net-{next(_numbers)}").repositories.create("data")
            with repo.session() as session:
                session.objects.put("a.bin", BODY)
                session.commit("one file")
            with repo.shell(timeout=60) as shell:
                assert shell.run("wc -c < a.bin; cat", stdin=b"said").stdout.text().split() == [str(len(BODY)), "said"]
            commit = repo.latest()
            assert commit is not None
            with commit.objects.get("a.bin") as file:
                assert file.read() == BODY

    return run


def test_proxy_that_wants_a_password(world: World, main_job: Callable[..., None]) -> None:
    front, proxy = world.front(), world.proxy(credentials=WHO)
    main_job(front.endpoint_url, proxy=proxy.proxy_url(credentials=WHO), ca_bundle=world.ca.bundle)
    assert {request.line for request in proxy.requests} == {f"CONNECT {HOST}:{front.port} HTTP/1.1"}
    targets = [request.target for request in front.requests]
    assert [target for target in targets if target.endswith("/exec")]
    assert [target for target in targets if not target.startswith("/api/")]  # signed ones
    assert not [request for request in front.requests if request.header("proxy-authorization")]


def test_settings_from_the_environment(
    world: World, main_job: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    front, proxy = world.front(), world.proxy(credentials=WHO)
    monkeypatch.setenv("HTTPS_PROXY", proxy.proxy_url(credentials=WHO))
    monkeypatch.setenv("SSL_CERT_FILE", str(world.ca.bundle))
    main_job(front.endpoint_url)
    assert proxy.requests
    with pytest.raises(NotSentError, match=HOST):
        main_job(front.endpoint_url, trust_env=False)


def test_settings_from_the_config_file(world: World, main_job: Callable[..., None], no_settings: Path) -> None:
    front, proxy = world.front("localhost", clients=world.ca), world.proxy(credentials=WHO)
    certificate, key = world.ca.client_files(password="of the key")
    settings = {
        "proxy": proxy.proxy_url(credentials=WHO),
        "no_proxy": ["<-loopback>"],
        "ca_bundle": str(world.ca.bundle),
        "client_cert": str(certificate),
        "client_key": str(key),
        "client_key_password": "of the key",
    }
    (no_settings / ".tilde").mkdir()
    (no_settings / ".tilde/config.yaml").write_text(json.dumps(settings))
    main_job(front.endpoint_url)
    assert {request.line for request in proxy.requests} == {f"CONNECT localhost:{front.port} HTTP/1.1"}
    assert all(peer["subjectAltName"] == (("email", "client@example.com"),) for peer in front.peers)


@pytest.mark.parametrize("name", ["localhost", pytest.param("[::1]", marks=needs_ipv6)])
def test_hosts_without_a_proxy(
    world: World, main_job: Callable[..., None], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """By name and as an address, over IPv6 too."""
    front, proxy = world.front(name), world.proxy()
    monkeypatch.setenv("HTTPS_PROXY", proxy.proxy_url())
    for entries, are_proxied in ((f"{name}:{front.port},<-loopback>", False), ("other.test <-loopback>", True)):
        monkeypatch.setenv("NO_PROXY", entries)
        main_job(front.endpoint_url, ca_bundle=world.ca.bundle)
        assert bool(proxy.requests) is are_proxied
    assert {request.line for request in proxy.requests} == {f"CONNECT {name}:{front.port} HTTP/1.1"}


def test_proxy_that_looks_into_tls(world: World, main_job: Callable[..., None], tmp_path: Path) -> None:
    company = CertificateAuthority(tmp_path, "Company Proxy")
    front, proxy = world.front(), world.proxy(inspect=company.server_context)
    main_job(front.endpoint_url, proxy=proxy.proxy_url(), ca_bundle=company.bundle)
    assert any(line.startswith(b"GET /api/") and b"/exec" in line for line in proxy.inspected)


def test_proxy_with_tls(world: World, main_job: Callable[..., None]) -> None:
    front, proxy = world.front(), world.proxy(credentials=WHO, tls=world.ca.server_context("localhost"))
    url = proxy.proxy_url(credentials=WHO, host="localhost")
    main_job(front.endpoint_url, proxy=url, ca_bundle=world.ca.bundle)
    assert proxy.requests


def test_socks(world: World, main_job: Callable[..., None]) -> None:
    front, proxy = world.front(), world.socks(credentials=WHO)
    main_job(front.endpoint_url, proxy=proxy.proxy_url(credentials=WHO), ca_bundle=world.ca.bundle)
    assert set(proxy.destinations) == {(HOST, front.port)}


def test_client_certificates(world: World, main_job: Callable[..., None]) -> None:
    front = world.front("localhost", clients=world.ca)
    files = world.ca.client_files(password="of the key")
    main_job(front.endpoint_url, ca_bundle=world.ca.bundle, client_cert=(*files, "of the key"))
    assert all(peer["subjectAltName"] == (("email", "client@example.com"),) for peer in front.peers)
    with pytest.raises(NotSentError, match="client_cert="):
        main_job(front.endpoint_url, ca_bundle=world.ca.bundle)


def test_requests_that_a_proxy_sends_on(server: Server, world: World, main_job: Callable[..., None]) -> None:
    """Without TLS, which is for this machine only; so it must be asked for."""
    proxy = world.proxy(credentials=WHO)
    main_job(server.endpoint_url, proxy=proxy.proxy_url(credentials=WHO), no_proxy="<-loopback>")
    assert {"GET", "POST", "PUT", "CONNECT"} <= {request.method for request in proxy.requests}
    asked = len(proxy.requests)
    main_job(server.endpoint_url, proxy=proxy.proxy_url())
    main_job(server.endpoint_url, proxy=proxy.proxy_url(), no_proxy="<-loopback> 127.0.0.0/8")
    assert len(proxy.requests) == asked


def test_nothing_is_sent_to_a_proxy_that_asks_who_is_calling(world: World, main_job: Callable[..., None]) -> None:
    """And it is asked once: a third wrong password might lock the account."""
    front, proxy = world.front(), world.proxy(credentials=WHO)
    with pytest.raises(NotSentError, match=r"organizations\.create: the proxy .*does not accept") as caught:
        main_job(front.endpoint_url, proxy=proxy.proxy_url(credentials=("someone", "wrong")))
    assert "wrong" not in str(caught.value)
    assert len(proxy.requests) == 1
    assert front.requests == []


@pytest.mark.filterwarnings("ignore:TLS certificates are not verified:UserWarning")
def test_without_verification(world: World, main_job: Callable[..., None]) -> None:
    main_job(world.front("localhost").endpoint_url, verify=False)
