"""A metadata endpoint behind TLS, with a certificate made on the spot."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("tilde_auth_sandbox.metadata")

from metadata_server import PATH, TOKEN, token_body
from tilde.plugins import Clock, NotSentError
from tilde_auth_sandbox.metadata import MetadataEndpoint
from tilde_core.testing import Exchange, LoopbackServer, behaviors

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    made = ["-keyout", str(path), "-out", str(path), "-days", "2", "-subj", "/CN=localhost"]
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(["openssl", "req", *options, *made], check=True, capture_output=True)
    return path


@pytest.fixture
def server(certificate: Path) -> Iterator[LoopbackServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def wrap(exchange: Exchange) -> None:
        exchange.connection = context.wrap_socket(exchange.connection, server_side=True)

    with LoopbackServer() as running:
        running.on_connect(wrap)
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
