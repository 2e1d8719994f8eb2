"""Everything that the SDK and the libraries below it log, at the lowest level, on calls, transfers and WebSockets."""

from __future__ import annotations

import itertools
import logging
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tilde import Client
from tilde.exceptions import AuthenticationError, NotSentError
from tilde.plugins import Request, Response, Transport, hookimpl
from tilde_core.testing import ProxyServer
from tilde_core.testing.certificates import CertificateAuthority
from tilde_local import Server
from tls_front import TlsFront

pytest.importorskip("trustme")

HOST = "tilde.test"
_numbers = itertools.count(1)


class Presigned:
    """Keeps the queries of the presigned URLs that go over the wire."""

    def __init__(self) -> None:
        self.queries: list[str] = []

    @hookimpl(tryfirst=True)
    def tilde_send(self, request: Request, transport: Transport) -> Response | None:
        if request.presigned:
            self.queries.append(urlsplit(request.url).query)
        return None


def everything(caplog: pytest.LogCaptureFixture) -> str:
    """The records as lines, and with all that they carry."""
    return "\n".join(f"{record.getMessage()} {record.__dict__!r}" for record in caplog.records)


def test_no_secret_is_logged(server: Server, transport: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "tilde")
    authority, presigned, who = CertificateAuthority(tmp_path), Presigned(), ("someone", "pr0xy-s3cret")
    with (
        TlsFront(server.endpoint_url, HOST, authority.server_context(HOST)) as front,
        ProxyServer(credentials=who) as proxy,
        Client(
            server.api_key,
            endpoint_url=front.endpoint_url,
            transport=transport,
            proxy=proxy.proxy_url(credentials=who),
            ca_bundle=authority.bundle,
            plugins=[presigned],
        ) as client,
    ):
        repo = client.organizations.create(f"logs-{next(_numbers)}").repositories.create("data")
        with repo.session() as session:
            session.objects.put("a.txt", b"logged")
            session.commit("one file")
        with repo.shell(timeout=60) as shell:
            shell.run("cat a.txt")
        commit = repo.latest()
        assert commit is not None
        with commit.objects.get("a.txt") as file:
            assert file.read() == b"logged"
    logged = everything(caplog)
    assert f"objects.put: PUT {front.endpoint_url}" in logged
    assert f"GET wss://{HOST}:{front.port}/api/v1/organizations/" in logged
    assert "/exec, attempt 1: 101 in " in logged
    assert len(presigned.queries) >= 2
    for secret in (server.api_key, "pr0xy-s3cret", *presigned.queries):
        assert secret
        assert secret not in logged


def test_no_secret_is_logged_when_it_fails(server: Server, transport: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "tilde")
    with Client("tuk-wr0ng", endpoint_url=server.endpoint_url, transport=transport) as client:
        with pytest.raises(AuthenticationError):
            client.whoami()
        with pytest.raises(AuthenticationError):
            client.repository("a/b").sandboxes.list().first()
    url, proxy = "https://tilde.test", "http://someone:pr0xy-s3cret@127.0.0.1:9"
    proxied = Client("tuk-wr0ng", endpoint_url=url, proxy=proxy, max_retries=0, transport=transport)
    with proxied, pytest.raises(NotSentError):
        proxied.whoami()
    logged = everything(caplog)
    assert "whoami: GET https://tilde.test/api/v1/auth/me, attempt 1: NotSentError: " in logged
    assert "tuk-wr0ng" not in logged
    assert "pr0xy-s3cret" not in logged
