"""TLS, with certificates made on the spot. Each transport that is installed is tried."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from certificates import self_signed, speak_tls
from tilde.plugins import NotSentError, Request, Transport
from tilde_core.testing import LoopbackServer, behaviors


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(certificate: Path) -> Iterator[LoopbackServer]:
    with LoopbackServer() as server:
        speak_tls(server, certificate)
        server.script("/", behaviors.answer_until_close(b"secure"))
        yield server


@pytest.fixture(params=["httpx", "requests"])
def name(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(f"tilde_transport_{request.param}")
    pytest.importorskip(request.param)
    return str(request.param)


def opened(name: str) -> Transport:
    module = import_module(f"tilde_transport_{name}")
    transport: Transport = getattr(module, f"{name.title()}Transport")()
    return transport


def test_unknown_issuer_is_refused_and_the_message_says_what_to_look_at(name: str, server: LoopbackServer) -> None:
    transport = opened(name)
    with pytest.raises(NotSentError, match=r"certificate of localhost:\d+ cannot be verified \(self.signed.*CA"):
        transport.send(Request(method="GET", url=f"https://localhost:{server.port}/?sig=1"))
    transport.close()
    assert server.requests == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_trusted_issuer_is_good_for_its_own_name_only(
    name: str, host: str, server: LoopbackServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(cafile=str(certificate))
    where = {"httpx": "tilde_transport_httpx.lanes", "requests": "tilde_transport_requests.wire"}
    monkeypatch.setattr(f"{where[name]}._ssl_context", lambda: context)
    transport = opened(name)
    request = Request(method="GET", url=f"https://{host}:{server.port}/")
    if host == "localhost":
        assert transport.send(request).read() == b"secure"
    else:
        with pytest.raises(NotSentError, match="cannot be verified"):
            transport.send(request)
    transport.close()
