"""What a proxy in the settings means: which requests take it, what it is told, and what it says that must be heard."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tilde_core.hooks.offers import Transport, TransportSettings
from tilde_core.http import Headers, Timeout
from tilde_core.testing import behaviors
from tilde_core.testing.behaviors import answer, echo
from tilde_core.testing.certificates import CertificateAuthority
from tilde_core.testing.contract.failures import unused_port
from tilde_core.testing.contract.network_base import HOST, WHO, NetworkBase, Open, needs_ipv6, through
from tilde_core.testing.exchange import Behavior
from tilde_core.testing.loopback import LoopbackServer
from tilde_core.testing.proxies import ProxyServer, SocksServer

__all__ = ["ProxyRules"]

NO_TUNNEL: dict[str, tuple[Behavior, str]] = {
    "forbidden": (answer(403), "answered 403"),
    "no way": (answer(502), "answered 502"),
    "hung up": (behaviors.hang_up(), "hung up"),
    "reset": (behaviors.reset(), "no connection to the proxy|hung up"),
    "no HTTP": (behaviors.garbage(), "not an HTTP proxy"),
    "a status of letters": (behaviors.garbage(b"HTTP/1.1 abc OK\r\n\r\n"), "not an HTTP proxy"),
    "a malformed header": (behaviors.garbage(b"HTTP/1.1 200 OK\r\nno colon here \x01\r\n\r\n"), "not an HTTP proxy"),
}


class ProxyRules(NetworkBase):
    """Rules about proxies."""

    def test_plain_request_is_sent_on_by_the_proxy(self, server: LoopbackServer, opened: Open) -> None:
        """The proxy gets the whole URL, the server what it always gets."""
        server.script("/a%2fb", echo())
        with ProxyServer() as proxy:
            transport = opened(through(proxy.proxy_url()))
            url = server.url("/a%2fb?x=%7e", host=HOST)
            assert self.get(transport, url, method="PUT", content=b"abc").read() == b"abc"
            assert [request.line for request in proxy.requests] == [f"PUT {url} HTTP/1.1"]
        assert server.requests[0].target == "/a%2fb?x=%7e"
        assert server.requests[0].header("host") == [f"{HOST}:{server.port}"]

    def test_secure_request_goes_through_a_tunnel(
        self, secure: LoopbackServer, ca: CertificateAuthority, opened: Open
    ) -> None:
        """The proxy learns host and port, and nothing of the request. A tunnel is used again."""
        with ProxyServer() as proxy:
            transport = opened(through(proxy.proxy_url(), ca_bundle=str(ca.bundle)))
            for _ in range(3):
                url = secure.url("/?sig=1", host=HOST)
                assert self.get(transport, url, headers=Headers({"Authorization": "Bearer t"})).read() == b"secure"
            assert [request.line for request in proxy.requests] == [f"CONNECT {HOST}:{secure.port} HTTP/1.1"]
            assert proxy.requests[0].header("authorization") == []
        assert [request.target for request in secure.requests] == ["/?sig=1"] * 3
        assert secure.connections == 1

    @pytest.mark.parametrize("is_secure", [False, True])
    def test_credentials_go_to_the_proxy_alone(
        self, server: LoopbackServer, secure: LoopbackServer, ca: CertificateAuthority, opened: Open, is_secure: bool
    ) -> None:
        """No server gets a `Proxy-Authorization`, were one among the headers of the request."""
        target = secure if is_secure else server
        with ProxyServer(credentials=WHO) as proxy:
            transport = opened(through(proxy.proxy_url(credentials=WHO), ca_bundle=str(ca.bundle)))
            headers = Headers({"Proxy-Authorization": "Basic bWlzdGFrZQ=="})
            assert self.get(transport, target.url(host=HOST), headers=headers).status == 200
            assert len(proxy.requests) == 1
        assert target.requests[0].header("proxy-authorization") == []

    @pytest.mark.parametrize("is_secure", [False, True])
    @pytest.mark.parametrize(
        ("given", "challenge", "match"),
        [
            (("someone", f"not {WHO[1]}"), "Basic", "does not accept the user and the password from argument proxy"),
            (None, "Basic", "offers Basic.*user:password"),
            (None, "Negotiate", "offers Negotiate.*corporate-networks"),
        ],
        ids=["wrong", "none", "another kind"],
    )
    def test_proxy_that_asks_who_is_calling(
        self,
        server: LoopbackServer,
        secure: LoopbackServer,
        opened: Open,
        is_secure: bool,
        given: tuple[str, str] | None,
        challenge: str,
        match: str,
    ) -> None:
        """The error names the proxy without its credentials. It is permanent: accounts are locked by repetition."""
        target = secure if is_secure else server
        with ProxyServer(credentials=WHO, challenge=challenge) as proxy:
            url = proxy.proxy_url(credentials=given).replace(" ", "%20")
            transport = opened(through(url))
            error = self.not_sent(transport, target.url(host=HOST), f"proxy http://127.0.0.1:{proxy.port} .*{match}")
            assert error.is_permanent
            assert len(proxy.requests) == 1
        assert target.requests == []

    @pytest.mark.parametrize("is_secure", [False, True])
    @pytest.mark.parametrize("scheme", ["http", "socks5h"])
    def test_proxy_that_is_not_there(
        self, server: LoopbackServer, secure: LoopbackServer, opened: Open, is_secure: bool, scheme: str
    ) -> None:
        """The error says that it is the proxy, and not the server, that refused."""
        port = unused_port()
        transport = opened(through(f"{scheme}://{':'.join(WHO)}@127.0.0.1:{port}"))
        url = (secure if is_secure else server).url(host=HOST)
        self.not_sent(transport, url, f"the proxy {scheme}://127.0.0.1:{port} refused the connection")

    def test_proxy_that_nobody_knows(self, server: LoopbackServer, opened: Open) -> None:
        """The error names it."""
        transport = opened(through("http://nosuchproxy.invalid:8080"))
        self.not_sent(transport, server.url(host=HOST), r"nosuchproxy\.invalid")

    @pytest.mark.parametrize(("behavior", "match"), NO_TUNNEL.values(), ids=NO_TUNNEL.keys())
    def test_proxy_that_makes_no_tunnel(
        self, secure: LoopbackServer, opened: Open, behavior: Behavior, match: str
    ) -> None:
        """Whatever it says or does, nothing was sent."""
        with ProxyServer() as proxy:
            proxy.enqueue(behavior)
            error = self.not_sent(opened(through(proxy.proxy_url())), secure.url(host=HOST), match, method="POST")
            assert f"127.0.0.1:{proxy.port}" in str(error)
            assert len(proxy.requests) == 1
        assert secure.connections == 0

    def test_proxy_that_is_silent(self, secure: LoopbackServer, opened: Open) -> None:
        """The time-out for connecting covers the tunnel."""
        with ProxyServer() as proxy:
            proxy.enqueue(behaviors.stall(proxy.gate()))
            transport = opened(through(proxy.proxy_url()))
            said = rf"proxy http://127\.0\.0\.1:{proxy.port} did not answer within 0\.2 seconds: is it an HTTP proxy"
            self.not_sent(transport, secure.url(host=HOST), said, timeout=Timeout(connect=0.2))

    def test_answer_of_a_forwarding_proxy_is_an_answer(self, server: LoopbackServer, opened: Open) -> None:
        """Its 502 is a status like any other; what it means is for the core to say."""
        with ProxyServer() as proxy:
            transport = opened(through(proxy.proxy_url()))
            assert self.get(transport, f"http://{HOST}:{unused_port()}/").status == 502

    def test_proxy_with_tls(self, server: LoopbackServer, ca: CertificateAuthority, opened: Open) -> None:
        """With `https://` in front of the proxy, its own certificate is verified, and the password is not in the
        open."""
        with ProxyServer(credentials=WHO, tls=ca.server_context("localhost")) as proxy:
            url = proxy.proxy_url(credentials=WHO, host="localhost")
            transport = opened(through(url, ca_bundle=str(ca.bundle)))
            assert self.get(transport, server.url(host=HOST)).status == 200
            untrusting = opened(through(url))
            match = f"certificate of the proxy https://localhost:{proxy.port} cannot be verified"
            self.not_sent(untrusting, server.url(host=HOST), match)
        assert len(server.requests) == 1

    def test_tls_through_a_proxy_with_tls(self, secure: LoopbackServer, ca: CertificateAuthority, opened: Open) -> None:
        """TLS within TLS, with bodies of many records in both directions, and for many threads."""
        secure.script("/echo", echo())
        with ProxyServer(tls=ca.server_context("localhost")) as proxy:
            transport = opened(through(proxy.proxy_url(host="localhost"), ca_bundle=str(ca.bundle)))
            body = bytes(range(256)) * 4000

            def send(_: int) -> bool:
                return self.get(transport, secure.url("/echo", host=HOST), method="PUT", content=body).read() == body

            with ThreadPoolExecutor(4) as threads:
                assert all(threads.map(send, range(8)))
            assert {request.method for request in proxy.requests} == {"CONNECT"}

    def test_end_of_an_answer_through_a_proxy_with_tls(
        self, secure: LoopbackServer, ca: CertificateAuthority, opened: Open
    ) -> None:
        """An answer that ends with the connection is whole."""
        secure.script("/", behaviors.answer_until_close(b"all of it"))
        with ProxyServer(tls=ca.server_context("localhost")) as proxy:
            transport = opened(through(proxy.proxy_url(host="localhost"), ca_bundle=str(ca.bundle)))
            assert self.get(transport, secure.url(host=HOST)).read() == b"all of it"

    @pytest.mark.parametrize("is_secure", [False, True])
    def test_socks(
        self, server: LoopbackServer, secure: LoopbackServer, ca: CertificateAuthority, opened: Open, is_secure: bool
    ) -> None:
        """With `socks5h`, names are looked up by the proxy. The server sees a request as it always does."""
        target = secure if is_secure else server
        with SocksServer(credentials=WHO) as proxy:
            transport = opened(through(proxy.proxy_url(credentials=WHO), ca_bundle=str(ca.bundle)))
            for _ in range(2):
                assert self.get(transport, target.url("/x?y=1", host=HOST)).status == 200
            assert proxy.destinations == [(HOST, target.port)]
        assert [request.target for request in target.requests] == ["/x?y=1"] * 2

    def test_socks_with_names_looked_up_here(self, server: LoopbackServer, opened: Open) -> None:
        """With `socks5`, the proxy gets an address; a name that is not known here is an error with advice."""
        with SocksServer() as proxy:
            transport = opened(through(proxy.proxy_url("socks5"), no_proxy="<-loopback>"))
            assert self.get(transport, server.url(host="localhost")).status == 200
            assert [host for host, _ in proxy.destinations] in (["127.0.0.1"], ["::1"])
            self.not_sent(transport, server.url(host="nosuchhost.invalid"), "not known here.*socks5h://")

    @pytest.mark.parametrize("given", [("someone", "wrong"), None])
    def test_socks_that_asks_who_is_calling(
        self, server: LoopbackServer, opened: Open, given: tuple[str, str] | None
    ) -> None:
        """A permanent error, as with HTTP."""
        with SocksServer(credentials=WHO) as proxy:
            transport = opened(through(proxy.proxy_url(credentials=given)))
            match = "does not accept the user" if given else "wants to know who"
            assert self.not_sent(transport, server.url(host=HOST), match).is_permanent
        assert server.connections == 0

    def test_socks_that_cannot_reach_the_server(self, server: LoopbackServer, opened: Open) -> None:
        """The error names both."""
        with SocksServer() as proxy:
            url = f"http://{HOST}:{unused_port()}/"
            self.not_sent(opened(through(proxy.proxy_url())), url, f"did not connect to {HOST}:.*refused")

    @pytest.mark.parametrize("behavior", [behaviors.hang_up(), behaviors.garbage()], ids=["hang up", "HTTP"])
    def test_what_does_not_speak_socks(self, server: LoopbackServer, opened: Open, behavior: Behavior) -> None:
        """Such as an HTTP proxy, by mistake."""
        with LoopbackServer() as other:
            other.on_connect(behaviors.garbage(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
            transport = opened(through(f"socks5h://127.0.0.1:{other.port}"))
            self.not_sent(transport, server.url(host=HOST), "is not SOCKS 5|hung up|no connection")

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_this_machine_is_spoken_to_directly(self, server: LoopbackServer, opened: Open, host: str) -> None:
        """Without being asked for."""
        transport = opened(through(f"http://127.0.0.1:{unused_port()}"))
        assert self.get(transport, server.url(host=host)).status == 200

    def test_this_machine_through_a_proxy_if_asked_for(self, server: LoopbackServer, opened: Open) -> None:
        """To look at what is said."""
        with ProxyServer() as proxy:
            transport = opened(through(proxy.proxy_url(), no_proxy="<-loopback>"))
            assert self.get(transport, server.url()).status == 200
            assert len(proxy.requests) == 1

    def test_hosts_of_no_proxy_are_spoken_to_directly(self, server: LoopbackServer, opened: Open) -> None:
        """All others are not."""
        with ProxyServer() as proxy:
            transport = opened(through(proxy.proxy_url(), no_proxy="<-loopback>,127.0.0.1"))
            assert self.get(transport, server.url()).status == 200
            assert proxy.requests == []
            assert self.get(transport, server.url(host="localhost")).status == 200
            assert len(proxy.requests) == 1

    @pytest.mark.parametrize("room", [1, 32])
    @pytest.mark.parametrize("is_secure", [False, True])
    def test_direct_request_takes_no_proxy(
        self,
        server: LoopbackServer,
        secure: LoopbackServer,
        ca: CertificateAuthority,
        opened: Open,
        is_secure: bool,
        room: int,
    ) -> None:
        """Nor a connection that another request has through one; nor do others take its."""
        target = secure if is_secure else server
        with ProxyServer() as proxy:
            settings = through(
                proxy.proxy_url(), no_proxy="<-loopback>", ca_bundle=str(ca.bundle), max_connections=room
            )
            transport = opened(settings)
            for direct in (False, True, False, True):
                taken = proxy.connections, len(proxy.requests)
                self.get(transport, target.url(), direct=direct).read()
                assert not direct or taken == (proxy.connections, len(proxy.requests))
            assert len(proxy.requests) in ((1, 2) if is_secure else (2,))
        # Those that came through the proxy, and those that did not, each had a connection of their own.
        assert len(target.requests) == 4
        assert target.connections >= 2

    def test_each_kind_of_url_has_its_proxy(
        self, server: LoopbackServer, secure: LoopbackServer, ca: CertificateAuthority, opened: Open
    ) -> None:
        """As `HTTP_PROXY` and `HTTPS_PROXY` say."""
        with ProxyServer() as one, ProxyServer() as other:
            plain, tls = through(one.proxy_url()).http_proxy, through(other.proxy_url()).https_proxy
            transport = opened(TransportSettings(http_proxy=plain, https_proxy=tls, ca_bundle=str(ca.bundle)))
            self.get(transport, server.url(host=HOST)).read()
            self.get(transport, secure.url(host=HOST)).read()
            assert [request.method for request in (*one.requests, *other.requests)] == ["GET", "CONNECT"]

    @pytest.mark.parametrize("is_secure", [False, True])
    def test_environment_overrules_no_setting(
        self,
        server: LoopbackServer,
        secure: LoopbackServer,
        ca: CertificateAuthority,
        opened: Open,
        monkeypatch: pytest.MonkeyPatch,
        is_secure: bool,
    ) -> None:
        """What counts of it is in the settings by then, and `trust_env` may be off."""
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            for variable in (name, name.lower()):
                monkeypatch.setenv(variable, f"http://127.0.0.1:{unused_port()}")
        for variable in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(variable, "*")
        with ProxyServer() as proxy:
            transport = opened(replace(through(proxy.proxy_url()), ca_bundle=str(ca.bundle)))
            assert self.get(transport, (secure if is_secure else server).url(host=HOST)).status == 200
            assert len(proxy.requests) == 1

    @needs_ipv6
    @pytest.mark.parametrize("is_secure", [False, True])
    def test_ipv6(self, ca: CertificateAuthority, opened: Open, is_secure: bool) -> None:
        """A server, a proxy, and a server behind a proxy."""
        tls = ca.server_context("::1") if is_secure else None
        with LoopbackServer(host="::1", tls=tls) as server, ProxyServer(host="::1") as proxy:
            plain = opened(TransportSettings(ca_bundle=str(ca.bundle)))
            assert self.get(plain, server.url()).status == 200
            behind = opened(through(proxy.proxy_url(), no_proxy="<-loopback>", ca_bundle=str(ca.bundle)))
            assert self.get(behind, server.url()).status == 200
            assert f"[::1]:{server.port}" in proxy.requests[0].line
            assert [request.header("host") for request in server.requests] == [[f"[::1]:{server.port}"]] * 2

    def test_settings_show_no_password(self) -> None:
        """Neither do the transport and what it was opened with."""
        settings = through(f"http://{':'.join(WHO)}@127.0.0.1:1")
        transport: Transport = self.open_transport(settings)
        assert WHO[1] not in repr(settings) + repr(transport) + str(settings.http_proxy)
        transport.close()
