"""What a proxy URL and a list of hosts mean; pure, without a network."""

from __future__ import annotations

import pickle

import pytest

from tilde.exceptions import ConfigurationError
from tilde.plugins import NoProxy, Proxy, Route, TransportSettings

SECRET = "p@ss:w/rd"
ENCODED = "p%40ss%3Aw%2Frd"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("http://proxy.example:3128/", "http://proxy.example:3128"),
        ("proxy.example:3128", "http://proxy.example:3128"),
        ("http://proxy.example", "http://proxy.example:80"),
        ("https://proxy.example", "https://proxy.example:443"),
        ("socks5://proxy.example", "socks5://proxy.example:1080"),
        ("SOCKS5H://Proxy.Example:9", "socks5h://proxy.example:9"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("user:word@proxy.example:3128", "http://proxy.example:3128"),
    ],
)
def test_urls_of_proxies(url: str, expected: str) -> None:
    assert str(Proxy.parse(url)) == expected


def test_user_and_password_are_decoded_and_not_shown() -> None:
    proxy = Proxy.parse(f"http://m%C3%BCller:{ENCODED}@proxy.example:3128", "environment variable HTTPS_PROXY")
    assert (proxy.username, proxy.password) == ("müller", SECRET)
    assert proxy.authorization == "Basic bcO8bGxlcjpwQHNzOncvcmQ="
    assert repr(proxy) == "Proxy('http://***@proxy.example:3128')"
    assert SECRET not in f"{proxy} {proxy!r}"
    assert pickle.loads(pickle.dumps(proxy)) == proxy


def test_only_http_proxies_have_a_header() -> None:
    assert Proxy.parse("socks5h://user:word@proxy.example").authorization is None
    assert Proxy.parse("http://proxy.example").authorization is None
    assert Proxy.parse("http://user@proxy.example").authorization == "Basic dXNlcjo="


@pytest.mark.parametrize(
    "url",
    [
        "ftp://user:s3cret@proxy.example",
        "socks4://user:s3cret@proxy.example",
        "http://",
        "http://user:s3cret@",
        "http://user:s3cret@proxy.example:0",
        "http://user:s3cret@proxy.example:99999",
        "http://user:s3cret@proxy.example:x",
        "http://user:s3cret@proxy.example/path",
        "http://user:s3/cret@proxy.example:3128",
        "http://user:s3cret@proxy.example?x=1",
        "http://user:s3cret@proxy.example#x",
        "http://user:s3cret@pro xy.example",
        "http://:s3cret@proxy.example",
        "http://user:s3cret@[::1",
    ],
)
def test_unusable_proxies_are_refused_unprinted(url: str) -> None:
    with pytest.raises(ConfigurationError, match="from environment variable HTTPS_PROXY cannot be used") as caught:
        Proxy.parse(url, "environment variable HTTPS_PROXY")
    assert "cret" not in str(caught.value)
    assert caught.value.__cause__ is None


MATCHES = [
    ("example.com", "example.com", 443, True),
    ("example.com", "EXAMPLE.com.", 443, True),
    ("Example.Com.", "example.com", 443, True),
    ("example.com", "api.example.com", 443, True),
    ("example.com", "badexample.com", 443, False),
    ("example.com", "example.com.evil.test", 443, False),
    (".example.com", "api.example.com", 443, True),
    (".example.com", "example.com", 443, False),
    ("*.example.com", "a.b.example.com", 443, True),
    ("*.example.com", "example.com", 443, False),
    ("example.com:8443", "example.com", 8443, True),
    ("example.com:8443", "example.com", 443, False),
    (".example.com:8443", "a.example.com", 8443, True),
    ("*", "anything.test", 1, True),
    ("*:8080", "anything.test", 8080, True),
    ("*:8080", "anything.test", 80, False),
    ("10.0.0.0/8", "10.1.2.3", 80, True),
    ("10.0.0.0/8", "11.1.2.3", 80, False),
    ("10.0.0.0/8", "ten.example.com", 80, False),
    ("192.0.2.7", "192.0.2.7", 80, True),
    ("192.0.2.7", "192.0.2.77", 80, False),
    ("192.0.2.7:81", "192.0.2.7", 81, True),
    ("192.0.2.7:81", "192.0.2.7", 80, False),
    ("192.0.2.9/24", "192.0.2.7", 80, True),
    ("2.7", "192.0.2.7", 80, False),
    ("192.0.2.7", "::ffff:192.0.2.7", 80, True),
    ("2001:db8::/32", "2001:db8:1::1", 80, True),
    ("[2001:db8::1]", "2001:db8::1", 80, True),
    ("2001:db8::1", "2001:0db8:0::1", 80, True),
    ("[2001:db8::1]:81", "2001:db8::1", 81, True),
    ("[2001:db8::1]:81", "2001:db8::1", 80, False),
    ("2001:db8::/32", "10.0.0.1", 80, False),
    ("bücher.example", "www.xn--bcher-kva.example", 80, True),
    ("a.test, b.test", "b.test", 80, True),
    ("a.test b.test", "b.test", 80, True),
    ("", "a.test", 80, False),
]


@pytest.mark.parametrize(("text", "host", "port", "expected"), MATCHES)
def test_hosts_without_a_proxy(text: str, host: str, port: int, expected: bool) -> None:
    assert NoProxy.parse(text).matches(host, port) is expected


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "api.localhost",
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "::ffff:127.0.0.1",
        "169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
    ],
)
def test_this_machine_and_its_link_need_no_proxy(host: str) -> None:
    assert NoProxy().matches(host, 80)
    assert not NoProxy.parse("<-loopback>").matches(host, 80)
    assert NoProxy.parse(f"<-loopback> {host.partition('%')[0]}").matches(host, 80)


@pytest.mark.parametrize(
    "host", ["localhost.evil.test", "128.0.0.1", "10.0.0.1", "127.0.0.1.evil.test", "notlocalhost"]
)
def test_others_do(host: str) -> None:
    assert not NoProxy().matches(host, 80)


@pytest.mark.parametrize(
    "entry", ["http://a.test", "a.test/path", "10.0.0.0/99", "a.test:0", "a.test:99999", "a*b.test", "[::1", "<local>"]
)
def test_entries_that_cannot_be_meant(entry: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no_proxy from argument no_proxy: .*is no host"):
        NoProxy.parse(["a.test", entry], "argument no_proxy")
    assert NoProxy.parse(["a.test", entry], strict=False).entries == ("a.test",)


def test_one_url_takes_one_proxy() -> None:
    plain, secure = Proxy.parse("http://plain.test"), Proxy.parse("http://secure.test")
    settings = TransportSettings(http_proxy=plain, https_proxy=secure, no_proxy=NoProxy.parse("inside.test:8443"))
    assert settings.proxy_for("http://a.test/x") is plain
    assert settings.proxy_for("ws://a.test/x") is plain
    assert settings.proxy_for("https://a.test/x") is secure
    assert settings.proxy_for("wss://inside.test/x") is secure
    assert settings.proxy_for("wss://inside.test:8443/x") is None
    assert settings.proxy_for("https://[::1]:8443/x") is None
    assert TransportSettings().proxy_for("https://a.test") is None


def test_what_travels_to_a_transport_shows_no_password_and_pickles() -> None:
    settings = TransportSettings(http_proxy=Proxy.parse(f"http://user:{ENCODED}@proxy.test"), verify=False)
    assert SECRET not in repr(settings)
    assert pickle.loads(pickle.dumps(settings)) == settings


@pytest.mark.parametrize(
    ("url", "name", "forwarded"),
    [
        ("http://a.test/", "a.test", True),
        ("http://a.test:81/", "a.test:81", True),
        ("https://a.test/", "a.test", False),
        ("ws://a.test/", "a.test", False),
        ("https://[2001:db8::1]:444/", "[2001:db8::1]:444", False),
    ],
)
def test_routes(url: str, name: str, forwarded: bool) -> None:
    route = Route.to(url, Proxy.parse("http://user:word@proxy.test"))
    assert (route.name, route.is_forwarded) == (name, forwarded)
    assert route.target("http://a.test", "/x") == ("http://a.test/x" if forwarded else "/x")
    assert ("Proxy-Authorization" in dict(route.lines([]))) is forwarded
    assert not Route.to(url).is_forwarded
    assert not Route.to(url, Proxy.parse("socks5h://proxy.test")).is_forwarded
