"""Sessions of the user's own that answer a server, or a proxy for plain http, by NTLM: with the libraries for that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("spnego")

from ntlm_server import NtlmServer
from own_sessions import LIBRARIES, Library
from support import OUR_TRANSPORTS
from tilde import Client
from tilde.exceptions import AuthenticationError
from tilde.plugins import Headers, Request, Transport
from tilde_core.testing import ProxyServer, behaviors

USER, PASSWORD = "alice", "s3cret-of-alice"
ORGANIZATIONS = "/api/v1/organizations"


@pytest.fixture(params=OUR_TRANSPORTS)
def library(request: pytest.FixtureRequest) -> Library:
    return LIBRARIES[request.param]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], NtlmServer]]:
    running: list[NtlmServer] = []

    def serve(status: int) -> NtlmServer:
        server = NtlmServer(tmp_path, USER, PASSWORD, status)
        monkeypatch.setenv("NTLM_USER_FILE", str(server.users_file))
        running.append(server)
        return server

    yield serve
    for server in running:
        server.close()


def ntlm(library: Library, password: str = PASSWORD) -> Any:
    """What users of each library put into `auth`."""
    if library.name == "httpx":
        return pytest.importorskip("httpx_ntlm").HttpNtlmAuth(f"CORP\\{USER}", password)
    return pytest.importorskip("requests_ntlm").HttpNtlmAuth(f"CORP\\{USER}", password)


def get(transport: Transport, url: str, **fields: Any) -> Any:
    headers = Headers({"Authorization": "Bearer t"})
    return transport.send(
        Request(**{"method": "GET", "url": url, "operation": "own.test", "headers": headers, **fields})
    )


@pytest.mark.parametrize("content", [b"", b"0123456789" * 10_000], ids=["no body", "body"])
def test_a_server_that_asks(library: Library, served: Callable[[int], NtlmServer], content: bytes) -> None:
    """Each connection once; what is sent on it afterwards has the API key."""
    server = served(401)
    server.script("/", behaviors.echo())
    with library.session(auth=ntlm(library)) as session:
        transport = library.transport(session)
        for _ in range(3):
            response = get(transport, server.url(), method="PUT", content=content)
            assert (response.status, response.read()) == (200, content)
        transport.close()
    assert server.users == [rf"CORP\{USER}"]
    schemes = [request.header("authorization")[0].split(" ")[0] for request in server.requests]
    assert schemes == ["Bearer", "NTLM", "NTLM", "Bearer", "Bearer"]


@pytest.mark.parametrize("presigned", [False, True])
def test_a_proxy_that_asks(library: Library, served: Callable[[int], NtlmServer], presigned: bool) -> None:
    """For plain http. The API key goes on, beside what the proxy is told."""
    proxy = served(407)
    with library.session(auth=ntlm(library), proxy=proxy.url("")) as session:
        transport = library.transport(session)
        for _ in range(2):
            assert get(transport, "http://service.test/x", presigned=presigned).status == 200
        transport.close()
    assert proxy.users == [rf"CORP\{USER}"]
    assert [request.header("authorization") for request in proxy.requests] == [["Bearer t"]] * 4
    assert all(request.target == "http://service.test/x" for request in proxy.requests)


def test_a_wrong_password(library: Library, served: Callable[[int], NtlmServer]) -> None:
    """It is tried once, as for a proxy: an account is soon locked. The status is handed on."""
    server = served(401)
    with library.session(auth=ntlm(library, "wrong")) as session:
        transport = library.transport(session)
        assert get(transport, server.url()).status == 401
        transport.close()
    assert server.users == []
    assert len(server.requests) == 3


@pytest.mark.parametrize("is_proxied", [False, True])
def test_who_gets_a_signed_request_is_not_told(
    library: Library, served: Callable[[int], NtlmServer], is_proxied: bool
) -> None:
    """Whoever an object store is, it must not be able to ask for what stands in for the user's password."""
    server = served(401)
    with (
        ProxyServer() as proxy,
        library.session(auth=ntlm(library), proxy=proxy.proxy_url() if is_proxied else None) as session,
    ):
        transport = library.transport(session)
        response = get(transport, server.url("/?sig=1"), presigned=True, headers=Headers())
        assert response.status == 401
        transport.close()
    assert [request.header("authorization") for request in server.requests] == [[]]


def test_a_client(library: Library, served: Callable[[int], NtlmServer]) -> None:
    server = served(401)
    server.script(ORGANIZATIONS, behaviors.answer(200, b'{"results": []}'))
    with (
        library.session(auth=ntlm(library)) as session,
        Client("key", endpoint_url=server.url(""), transport=library.transport(session)) as client,
    ):
        assert list(client.organizations.list()) == []
    with (
        library.session(auth=ntlm(library, "wrong")) as session,
        Client("key", endpoint_url=server.url(""), transport=library.transport(session)) as client,
        pytest.raises(AuthenticationError),
    ):
        list(client.organizations.list())
    assert server.users == [rf"CORP\{USER}"]
