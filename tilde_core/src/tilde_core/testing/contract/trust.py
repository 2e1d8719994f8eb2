"""Whom a transport trusts, and who it says it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tilde_core.exceptions import ConfigurationError, NotSentError, TransportError
from tilde_core.hooks.offers import TransportSettings
from tilde_core.network.tls import ClientCert
from tilde_core.testing import behaviors
from tilde_core.testing.behaviors import answer
from tilde_core.testing.certificates import CertificateAuthority
from tilde_core.testing.contract.network_base import HOST, NetworkBase, Open, through
from tilde_core.testing.loopback import LoopbackServer
from tilde_core.testing.proxies import ProxyServer

__all__ = ["TrustRules"]


class TrustRules(NetworkBase):
    """Rules about certificates."""

    def test_private_ca_is_trusted_when_it_is_named(
        self, secure: LoopbackServer, ca: CertificateAuthority, opened: Open
    ) -> None:
        """With `ca_bundle`, and only with it: otherwise the error says so, and that it would only fail again."""
        url = secure.url(host="localhost")
        assert self.get(opened(TransportSettings(ca_bundle=str(ca.bundle))), url).read() == b"secure"
        match = r"certificate of localhost:\d+ cannot be verified \(.*\).*ca_bundle="
        assert self.not_sent(opened(TransportSettings()), url, match).is_permanent
        assert len(secure.requests) == 1

    def test_private_ca_is_good_for_its_names_only(self, ca: CertificateAuthority, opened: Open) -> None:
        """And the message asks after the name."""
        with LoopbackServer(tls=ca.server_context("other.test")) as server:
            transport = opened(TransportSettings(ca_bundle=str(ca.bundle)))
            self.not_sent(transport, server.url(host="localhost"), "cannot be verified.*name that it was issued for")
        assert server.requests == []

    def test_another_private_ca_is_not_trusted(self, secure: LoopbackServer, tmp_path: Path, opened: Open) -> None:
        """A bundle is no blank cheque."""
        other = CertificateAuthority(tmp_path, "Somebody Else")
        transport = opened(TransportSettings(ca_bundle=str(other.bundle)))
        self.not_sent(transport, secure.url(host="localhost"), "cannot be verified")

    def test_verification_can_be_switched_off(self, secure: LoopbackServer, opened: Open) -> None:
        """Whatever name and issuer. Nothing more is said of it here: the client has warned."""
        transport = opened(TransportSettings(verify=False))
        assert self.get(transport, secure.url(host="localhost")).read() == b"secure"

    def test_proxy_that_looks_into_tls(self, secure: LoopbackServer, tmp_path: Path, opened: Open) -> None:
        """Its CA is given as `ca_bundle`; without it, the error gives that advice."""
        company = CertificateAuthority(tmp_path, "Company Proxy")
        with ProxyServer(inspect=company.server_context) as proxy:
            url = secure.url("/", host=HOST)
            self.not_sent(opened(through(proxy.proxy_url())), url, "looks into TLS.*ca_bundle=")
            trusting = opened(through(proxy.proxy_url(), ca_bundle=str(company.bundle)))
            assert self.get(trusting, url).read() == b"secure"
            assert proxy.inspected == [b"GET / HTTP/1.1"]

    @pytest.mark.parametrize("password", [None, "of the key"])
    def test_client_certificate(self, ca: CertificateAuthority, opened: Open, password: str | None) -> None:
        """It is shown to the server that asks for it, also through a proxy."""
        certificate, key = ca.client_files(password=password)
        cert = ClientCert(str(certificate), str(key), password)
        with LoopbackServer(tls=ca.server_context(HOST, "localhost", clients=ca)) as server, ProxyServer() as proxy:
            server.script("/", answer(body=b"known"))
            settings: dict[str, Any] = {"ca_bundle": str(ca.bundle), "client_cert": cert}
            assert self.get(opened(TransportSettings(**settings)), server.url(host="localhost")).read() == b"known"
            behind = opened(through(proxy.proxy_url(), **settings))
            assert self.get(behind, server.url(host=HOST)).read() == b"known"
            assert [peer["subjectAltName"] for peer in server.peers] == [(("email", "client@example.com"),)] * 2

    def test_client_certificate_that_is_missing(self, ca: CertificateAuthority, opened: Open) -> None:
        """The server never looks at the request; the error says what it wants."""
        with LoopbackServer(tls=ca.server_context("localhost", clients=ca)) as server:
            transport = opened(TransportSettings(ca_bundle=str(ca.bundle)))
            error = self.not_sent(transport, server.url(host="localhost"), "client certificate.*client_cert=")
            assert error.is_permanent
            assert server.requests == []

    def test_client_certificate_of_another_ca(self, ca: CertificateAuthority, tmp_path: Path, opened: Open) -> None:
        """As if it were missing."""
        certificate, key = CertificateAuthority(tmp_path, "Somebody Else").client_files()
        with LoopbackServer(tls=ca.server_context("localhost", clients=ca)) as server:
            cert = ClientCert(str(certificate), str(key))
            transport = opened(TransportSettings(ca_bundle=str(ca.bundle), client_cert=cert))
            self.not_sent(transport, server.url(host="localhost"), "client_cert=")
            assert server.requests == []

    def test_files_that_cannot_be_used_are_told_when_it_is_opened(
        self, ca: CertificateAuthority, tmp_path: Path
    ) -> None:
        """By the name of the setting, and without the password."""
        (tmp_path / "no.pem").write_text("not a certificate")
        certificate, key = ca.client_files(password="of the key")
        for settings, name in (
            (TransportSettings(ca_bundle=str(tmp_path / "no.pem")), "ca_bundle"),
            (TransportSettings(client_cert=ClientCert(str(tmp_path / "no.pem"))), "client_cert"),
            (TransportSettings(client_cert=ClientCert(str(certificate), str(key), "wrong word")), "client_cert"),
            (TransportSettings(client_cert=ClientCert(str(certificate), str(key))), "client_cert"),
        ):
            with pytest.raises(ConfigurationError, match=f"{name} .*cannot be used") as caught:
                self.open_transport(settings).close()
            assert "wrong word" not in str(caught.value) + repr(settings)

    def test_plain_server_behind_a_secure_url(self, server: LoopbackServer, opened: Open) -> None:
        """The mistake has a message of its own."""
        server.on_connect(behaviors.garbage(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        url = server.url(host="localhost").replace("http", "https", 1)
        with pytest.raises(NotSentError, match="does it speak TLS on that port"):
            self.get(opened(TransportSettings()), url)

    def test_connection_is_not_kept_for_longer_than_asked(self, server: LoopbackServer, opened: Open) -> None:
        """With 0, never: each request has its own."""
        transport = opened(TransportSettings(keepalive_expiry=0.0))
        for _ in range(2):
            self.get(transport, server.url()).read()
        assert server.connections == 2

    def test_proxy_does_not_get_the_client_certificate(
        self, server: LoopbackServer, ca: CertificateAuthority, opened: Open
    ) -> None:
        """It is for the service. A proxy that wants one is told apart from a server that does."""
        certificate, key = ca.client_files()
        cert = ClientCert(str(certificate), str(key))
        with ProxyServer(tls=ca.server_context("localhost", clients=ca)) as proxy:
            settings = through(proxy.proxy_url(host="localhost"), ca_bundle=str(ca.bundle), client_cert=cert)
            with pytest.raises(TransportError):
                self.get(opened(settings), server.url(host=HOST))
            assert proxy.requests == []
        assert server.requests == []
