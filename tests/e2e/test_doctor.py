"""The doctor against the embedded server, behind TLS and proxies, and against servers that are not Tilde."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doctor_runs import Examined, examine
from tilde import Client
from tilde.models import Repository
from tilde_core.testing import LoopbackServer, ProxyServer, behaviors
from tilde_core.testing.certificates import CertificateAuthority
from tilde_local import Server
from tls_front import TlsFront

pytest.importorskip("trustme")

ALL = ["settings", "endpoint", "plugins", "transport", "proxy", "dns", "tcp", "tls", "service", "clock", "identity"]
ALL += ["websocket", "upload"]
JSON = [("Content-Type", "application/json")]
_numbers = itertools.count(1)


def healthy(found: Examined) -> bool:
    return found.code == 0 and not [name for name, verdict in found.verdicts.items() if verdict == "failed"]


@pytest.fixture
def misbehaving() -> Iterator[LoopbackServer]:
    with LoopbackServer() as server:
        yield server


def test_all_is_well(server: Server, transport: str, repo: Repository) -> None:
    path = f"{repo.organization}/{repo.name}"
    found = examine(
        "--repository",
        path,
        TILDE_API_KEY=server.api_key,
        TILDE_ENDPOINT_URL=server.endpoint_url,
        TILDE_TRANSPORT=transport,
    )
    assert healthy(found), found.printed
    assert list(found.verdicts) == ALL
    assert [name for name, verdict in found.verdicts.items() if verdict == "skipped"] == ["tls"]
    assert "local (active), by static-credentials (tilde-core" in found.told("identity")
    assert "environment variable TILDE_API_KEY" in found.told("identity")
    assert f"{transport}, plugin {transport} (tilde-transport-{transport}" in found.told("transport")
    assert "nothing was uploaded" in found.told("upload")
    assert server.api_key not in found.printed


def test_nothing_is_left_behind(server: Server, client: Client, repo: Repository) -> None:
    examine(
        "--repository",
        f"{repo.organization}/{repo.name}",
        TILDE_API_KEY=server.api_key,
        TILDE_ENDPOINT_URL=server.endpoint_url,
    )
    assert repo.latest() is None
    assert list(repo.sandboxes.list()) == []


def test_a_websocket_is_opened_where_a_sandbox_runs(server: Server, repo: Repository) -> None:
    with repo.shell(timeout=60):
        found = examine(
            "--repository",
            f"{repo.organization}/{repo.name}",
            TILDE_API_KEY=server.api_key,
            TILDE_ENDPOINT_URL=server.endpoint_url,
        )
    assert "one was opened" in found.told("websocket")


def test_a_wrong_key(server: Server) -> None:
    found = examine(TILDE_API_KEY="tuk-wr0ng", TILDE_ENDPOINT_URL=server.endpoint_url)
    assert found.code == 1
    assert found.verdicts["service"] == "ok"
    assert found.verdicts["identity"] == "failed"
    assert "environment variable TILDE_API_KEY" in found.told("identity")
    assert (found.verdicts["websocket"], found.verdicts["upload"]) == ("skipped", "skipped")
    assert "wr0ng" not in found.printed


def test_no_key(server: Server) -> None:
    found = examine(TILDE_ENDPOINT_URL=server.endpoint_url)
    assert found.verdicts["identity"] == "failed"
    assert "Set TILDE_API_KEY" in found.told("identity")


def test_an_unknown_repository(server: Server) -> None:
    found = examine("--repository", "no/body", TILDE_API_KEY=server.api_key, TILDE_ENDPOINT_URL=server.endpoint_url)
    assert found.code == 1
    assert "Check the name" in found.told("upload")


def test_a_private_ca(server: Server, transport: str, tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    with TlsFront(server.endpoint_url, "localhost", authority.server_context("localhost")) as front:
        variables: dict[str, Any] = {
            "TILDE_API_KEY": server.api_key,
            "TILDE_ENDPOINT_URL": front.endpoint_url,
            "TILDE_TRANSPORT": transport,
        }
        unknown = examine(**variables)
        known = examine(TILDE_CA_BUNDLE=str(authority.bundle), **variables)
        unverified = examine(TILDE_VERIFY="false", **variables)
    assert unknown.verdicts["tls"] == "failed"
    assert "a certificate of Example Corp, good until" in unknown.told("tls")
    assert "set TILDE_CA_BUNDLE" in unknown.told("tls")
    assert unknown.verdicts["service"] == "skipped"
    assert healthy(known), known.printed
    assert "TLSv1.3, a certificate of Example Corp" in known.told("tls")
    assert f"and {authority.bundle} (environment variable TILDE_CA_BUNDLE)" in known.told("tls")
    assert healthy(unverified), unverified.printed
    assert unverified.verdicts["tls"] == "warning"


def test_through_a_proxy_with_a_password(server: Server, transport: str, tmp_path: Path) -> None:
    """And with TLS to the proxy, whose certificate must not pass for the server's."""
    company, authority = CertificateAuthority(tmp_path, "Company Proxy"), CertificateAuthority(tmp_path)
    both = tmp_path / "both.pem"
    both.write_text(company.bundle.read_text() + authority.bundle.read_text())
    who = ("someone", "s3cret")
    tls = company.server_context("localhost")
    with (
        TlsFront(server.endpoint_url, "tilde.test", authority.server_context("tilde.test")) as front,
        ProxyServer(credentials=who, tls=tls) as proxy,
    ):
        variables: dict[str, Any] = {
            "TILDE_API_KEY": server.api_key,
            "TILDE_ENDPOINT_URL": front.endpoint_url,
            "TILDE_TRANSPORT": transport,
            "TILDE_CA_BUNDLE": str(both),
        }
        found = examine(TILDE_PROXY=proxy.proxy_url(credentials=who, host="localhost"), **variables)
        refused = examine(TILDE_PROXY=proxy.proxy_url(host="localhost"), **variables)
    assert healthy(found), found.printed
    assert "through https://localhost" in found.told("tcp")
    assert "a certificate of Example Corp" in found.told("tls")
    assert refused.verdicts["tcp"] == "failed"
    assert "407" in refused.told("tcp")
    assert "s3cret" not in found.printed


@pytest.mark.parametrize(
    ("status", "headers", "told"),
    [
        (200, [("Content-Type", "text/html")], "Does the endpoint URL lead to Tilde?"),
        (302, [("Location", "https://login.test/?token=s3cret")], "points to https://login.test/ -> Set the endpoint"),
        (503, JSON, "answered 503 (application/json) -> The service is in trouble"),
        (401, [], "answered 401 (no Content-Type)"),
    ],
)
def test_it_is_not_tilde(misbehaving: LoopbackServer, status: int, headers: list[tuple[str, str]], told: str) -> None:
    misbehaving.script("/api/v1/auth/me", behaviors.answer(status, headers=headers))
    found = examine(TILDE_API_KEY="k", TILDE_ENDPOINT_URL=misbehaving.url(""))
    assert found.code == 1
    assert found.verdicts["service"] == "failed"
    assert told in found.told("service")
    assert "s3cret" not in found.printed
    assert not [request for request in misbehaving.requests if request.header("authorization")]


@pytest.mark.parametrize(
    ("date", "verdict"),
    [("Thu, 01 Jan 2026 00:00:00 GMT", "failed"), ("yesterday", "skipped"), (None, "skipped")],
)
def test_clocks_that_differ(misbehaving: LoopbackServer, date: str | None, verdict: str) -> None:
    headers = [*JSON, *([("Date", date)] if date else [])]
    misbehaving.script("/api/v1/auth/me", behaviors.answer(401, headers=headers))
    found = examine(TILDE_API_KEY="k", TILDE_ENDPOINT_URL=misbehaving.url(""))
    assert found.verdicts["service"] == "ok"
    assert found.verdicts["clock"] == verdict


def test_a_server_that_hangs_up(misbehaving: LoopbackServer) -> None:
    misbehaving.script("/api/v1/auth/me", behaviors.hang_up())
    found = examine(TILDE_API_KEY="k", TILDE_ENDPOINT_URL=misbehaving.url(""))
    assert found.verdicts["tcp"] == "ok"
    assert found.verdicts["service"] == "failed"


def test_plain_http_where_tls_is_expected(misbehaving: LoopbackServer) -> None:
    misbehaving.on_connect(behaviors.garbage(), behaviors.garbage())  # to the check before, too
    url = misbehaving.url("").replace("http://", "https://")
    found = examine(TILDE_API_KEY="k", TILDE_ENDPOINT_URL=url)
    assert found.verdicts["tls"] == "failed"
    assert "does it speak TLS on that port?" in found.told("tls")
    assert "TILDE_CA_BUNDLE" not in found.told("tls")
