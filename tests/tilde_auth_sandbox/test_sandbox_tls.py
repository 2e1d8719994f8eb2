"""A metadata endpoint behind TLS, with a certificate made on the spot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("tilde_auth_sandbox.metadata")

from certificates import self_signed, speak_tls
from metadata_server import PATH, TOKEN, token_body
from tilde.plugins import Clock, NotSentError
from tilde_auth_sandbox.metadata import MetadataEndpoint
from tilde_core.testing import LoopbackServer, behaviors


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"), "DNS:localhost,IP:127.0.0.1")


@pytest.fixture
def server(certificate: Path) -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        speak_tls(running, certificate)
        running.script(PATH, behaviors.answer_until_close(token_body()))
        yield running


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_trusted_certificate(
    server: LoopbackServer, certificate: Path, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert MetadataEndpoint(f"https://{host}:{server.port}{PATH}", Clock()).fetch().token == TOKEN


def test_an_unknown_issuer_is_refused(server: LoopbackServer) -> None:
    with pytest.raises(NotSentError, match=r"certificate of localhost:\d+ cannot be verified"):
        MetadataEndpoint(f"https://localhost:{server.port}{PATH}", Clock()).fetch()
    assert server.requests == []
