"""The contract of transports, held by those that send through a session or client of the user's own.

What is overridden here is what such a session does by itself, and its user has chosen.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from tilde.exceptions import ConfigurationError
from tilde.plugins import ByteStream, Headers, Transport, TransportSettings
from tilde_core.testing import LoopbackServer
from tilde_core.testing.certificates import CertificateAuthority
from tilde_core.testing.contract import TransportContract, left_out, overrides
from tilde_core.testing.contract.base import Pieces
from tilde_core.testing.contract.connections import in_child

_TRUSTS = "a session reads its environment if it trusts it, which test_own_sessions.py tests both ways"
_NO_FORK = "two processes cannot share a session, and no other one can be made for the child: it is told so"
# httpx writes all but the first anew, and urllib3 what is percent-encoded in small letters.
SIGNED = ["/a%2Fb", "/a;b=c,d", "/a+b%20c", "/a/../b/./c", "//double//slash", "/x?a=%3D==&b=2&b=1", "/x?c:d@e=1&f/g"]
NOT_ADDED = {"authorization", "cookie", "proxy-authorization"}


class OwnSessionContract(TransportContract):
    """What is the same for both libraries."""

    test_environment_is_not_read = left_out(_TRUSTS)

    @overrides(_NO_FORK)
    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
    def test_forked_process_does_not_share_connections(self, transport: Transport, server: LoopbackServer) -> None:
        self.get(transport, server.url()).read()
        assert in_child(lambda: self.is_refused(transport, server))
        assert self.get(transport, server.url()).read() == b""
        assert server.connections == 1

    def is_refused(self, transport: Transport, server: LoopbackServer) -> bool:
        try:
            self.get(transport, server.url())
        except ConfigurationError as error:
            return "after a fork" in str(error)
        return False

    test_url_goes_out_to_the_letter = left_out(
        "the library writes URLs anew, and hooks of the user's may change them; signed ones stay, see below"
    )

    @pytest.mark.parametrize("target", SIGNED)
    def test_signed_url_goes_out_to_the_letter(self, target: str, tmp_path: Path) -> None:
        ca = CertificateAuthority(tmp_path)
        trusting = self.open_transport(TransportSettings(ca_bundle=str(ca.bundle)))
        with LoopbackServer(tls=ca.server_context("localhost")) as secure:
            self.get(trusting, secure.url(target, host="localhost"), presigned=True).read()
            trusting.close()
        assert secure.requests[0].line == f"GET {target} HTTP/1.1"


class TestRequestsSession(OwnSessionContract):
    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        pytest.importorskip("requests")
        pytest.importorskip("tilde_transport_requests.plugin")

    def open_transport(self, settings: TransportSettings) -> Transport:
        import requests

        from tilde_transport_requests import RequestsTransport

        session = requests.Session()
        session.verify = settings.ca_bundle or True
        return RequestsTransport(settings, session=session, close_session=True)

    @overrides("urllib3 says who it is where the SDK does not, as for signed URLs, and that it wants no compression")
    @pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
    def test_no_content_is_no_body(self, transport: Transport, server: LoopbackServer, method: str) -> None:
        self.get(transport, server.url(), method=method).read()
        assert {name for name, _ in server.requests[0].headers} == {"Host", "Accept-Encoding", "User-Agent"}

    @overrides("urllib3 adds the same two headers")
    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
    @pytest.mark.parametrize("content", [b"", Pieces()], ids=["bytes", "stream"])
    def test_empty_body_has_a_length(
        self, transport: Transport, server: LoopbackServer, method: str, content: bytes | ByteStream
    ) -> None:
        self.get(transport, server.url(), method=method, content=content).read()
        names = {"Host", "Accept-Encoding", "User-Agent", "Content-Length"}
        assert {name for name, _ in server.requests[0].headers} == names
        assert server.requests[0].header("content-length") == ["0"]

    @overrides("the headers of requests are a dict: repeats are joined, and their order is not kept")
    def test_header_case_and_repeats_are_kept(self, transport: Transport, server: LoopbackServer) -> None:
        lines = [("X-MiXed", "One"), ("x-repeated", "1"), ("x-repeated", "2"), ("X-Latin", "caf\xe9"), ("X-Empty", "")]
        self.get(transport, server.url(), headers=Headers(lines)).read()
        sent = server.requests[0].headers
        joined = [("X-MiXed", "One"), ("x-repeated", "1, 2"), ("X-Latin", "caf\xe9"), ("X-Empty", "")]
        assert [line for line in sent if line[0][0] in "Xx"] == joined

    @overrides("urllib3 adds two headers that are no credentials")
    def test_netrc_and_user_info_are_not_credentials(
        self, transport: Transport, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        self.get(transport, server.url().replace("//", "//me:s3cret@", 1)).read()
        assert NOT_ADDED.isdisjoint(name.lower() for name, _ in server.requests[0].headers)


class TestHttpxClient(OwnSessionContract):
    test_pickled_transport_opens_anew = left_out("an httpx.Client cannot be pickled, and says so when it is tried")
    test_threads_share_the_transport = left_out(
        "the pool of httpcore may close a connection under the hands of another thread; see docs/corporate-networks.md"
    )

    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        pytest.importorskip("httpx")
        pytest.importorskip("tilde_transport_httpx.plugin")

    def open_transport(self, settings: TransportSettings) -> Transport:
        import httpx

        from tilde_transport_httpx import HttpxTransport

        limits = httpx.Limits(max_connections=settings.max_connections)
        verify = ssl.create_default_context(cafile=settings.ca_bundle)
        return HttpxTransport(settings, client=httpx.Client(limits=limits, verify=verify), close_client=True)
