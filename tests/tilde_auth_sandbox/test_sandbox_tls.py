"""A metadata endpoint behind TLS is trusted as everything else is: by the settings of the client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tilde_auth_sandbox.metadata")

import tilde_auth_sandbox.metadata
from metadata_server import PATH, TOKEN, token_body
from tilde import Client
from tilde.exceptions import ConfigurationError, CredentialsError
from tilde.plugins import Clock, NotSentError, TransportSettings
from tilde_auth_sandbox import SandboxCredentials
from tilde_auth_sandbox.metadata import MetadataEndpoint
from tilde_core.network.tls import ClientCert
from tilde_core.testing import Exchange, FakeTransport, LoopbackServer, ProxyServer, behaviors
from tilde_core.testing.certificates import CertificateAuthority


@pytest.fixture
def ca(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path)


@pytest.fixture
def server(ca: CertificateAuthority) -> Iterator[LoopbackServer]:
    with LoopbackServer(tls=ca.server_context("localhost", "127.0.0.1")) as running:
        running.script(PATH, behaviors.answer_until_close(token_body()))
        yield running


def fetch(server: LoopbackServer, host: str = "localhost", **network: Any) -> str:
    return MetadataEndpoint(server.url(PATH, host=host), Clock(), TransportSettings(**network)).fetch().token


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_ca_of_the_settings(server: LoopbackServer, ca: CertificateAuthority, host: str) -> None:
    assert fetch(server, host, ca_bundle=str(ca.bundle)) == TOKEN


def test_an_unknown_issuer_is_refused(server: LoopbackServer) -> None:
    with pytest.raises(NotSentError, match=r"certificate of localhost:\d+ cannot be verified.*ca_bundle=") as caught:
        fetch(server)
    assert caught.value.is_permanent
    assert server.requests == []


def test_another_name_is_refused(ca: CertificateAuthority) -> None:
    with (
        LoopbackServer(tls=ca.server_context("elsewhere.test")) as server,
        pytest.raises(NotSentError, match="is that the name that it was issued for"),
    ):
        fetch(server, ca_bundle=str(ca.bundle))


def test_verification_can_be_switched_off(server: LoopbackServer) -> None:
    assert fetch(server, verify=False) == TOKEN


def test_a_client_certificate(ca: CertificateAuthority) -> None:
    certificate, key = map(str, ca.client_files())
    with LoopbackServer(tls=ca.server_context("localhost", clients=ca)) as server:
        server.script(PATH, behaviors.answer_until_close(token_body()))
        with pytest.raises(NotSentError, match="client_cert="):
            fetch(server, ca_bundle=str(ca.bundle))
        assert fetch(server, ca_bundle=str(ca.bundle), client_cert=ClientCert(certificate, key)) == TOKEN
        assert server.peers[-1]["subjectAltName"] == (("email", "client@example.com"),)


def test_a_bundle_that_cannot_be_used(server: LoopbackServer, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    with pytest.raises(ConfigurationError, match=r"ca_bundle .*broken\.pem cannot be used"):
        fetch(server, ca_bundle=str(broken))


def test_a_silent_handshake_has_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tilde_auth_sandbox.metadata, "TIMEOUT", 0.05)
    with LoopbackServer() as server:
        gate = server.gate()

        def say_nothing(exchange: Exchange) -> None:
            gate.wait()

        server.on_connect(say_nothing)
        with pytest.raises(NotSentError, match=r"localhost:\d+ took no connection within 0\.1 seconds"):
            MetadataEndpoint(f"https://localhost:{server.port}{PATH}", Clock(), TransportSettings()).fetch()


class TestInAClient:
    """The settings come from the client, whose proxy is not for this."""

    @pytest.fixture(autouse=True)
    def in_a_sandbox(self, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TILDE_SANDBOX_CREDENTIALS_URI", server.url(PATH, host="localhost"))

    def test_from_arguments_and_not_through_the_proxy(self, ca: CertificateAuthority) -> None:
        with ProxyServer() as proxy:
            client = Client(ca_bundle=ca.bundle, proxy=proxy.proxy_url(), no_proxy="<-loopback>")
            assert SandboxCredentials.of(client).token == TOKEN
            assert proxy.requests == []

    @pytest.mark.parametrize("variable", ["TILDE_CA_BUNDLE", "SSL_CERT_FILE"])
    def test_from_the_environment(
        self, ca: CertificateAuthority, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        monkeypatch.setenv(variable, str(ca.bundle))
        assert SandboxCredentials.of(Client()).token == TOKEN

    def test_from_the_config_file(self, ca: CertificateAuthority, no_settings: Path) -> None:
        (no_settings / ".tilde").mkdir()
        (no_settings / ".tilde/config.yaml").write_text(f"ca_bundle: {ca.bundle}\n")
        assert SandboxCredentials.of(Client()).token == TOKEN

    def test_what_is_not_trusted_is_named(self) -> None:
        with pytest.raises(CredentialsError, match=r"certificate of localhost:.*ca_bundle="):
            Client().access_token()

    def test_a_transport_of_ones_own_changes_nothing(
        self, ca: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TILDE_CA_BUNDLE", str(ca.bundle))
        transport = FakeTransport()
        client = Client(transport=transport)
        assert SandboxCredentials.of(client).token == TOKEN
        assert transport.requests == []
