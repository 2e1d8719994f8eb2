"""Which URIs a token is fetched from, and which are refused."""

from __future__ import annotations

import pytest

pytest.importorskip("tilde_auth_sandbox.endpoint")

from tilde.exceptions import ConfigurationError
from tilde_auth_sandbox.endpoint import Endpoint, parse_endpoint


@pytest.mark.parametrize(
    ("uri", "name", "hosts", "port"),
    [
        ("http://127.0.0.1/a", "127.0.0.1", ("127.0.0.1",), 80),
        ("http://127.255.0.9:8080/a", "127.255.0.9", ("127.255.0.9",), 8080),
        ("http://169.254.169.254/a", "169.254.169.254", ("169.254.169.254",), 80),
        ("HTTP://LocalHost:1/a", "localhost", ("127.0.0.1", "::1"), 1),
        ("http://[::1]:65535/a", "::1", ("::1",), 65535),
        ("http://[0:0:0:0:0:0:0:1]/a", "0:0:0:0:0:0:0:1", ("0:0:0:0:0:0:0:1",), 80),
        ("http://[fe80::1]/a", "fe80::1", ("fe80::1",), 80),
        ("http://[fe80::1%25br-lan]/a", "fe80::1", ("fe80::1%br-lan",), 80),
        ("http://[febf::1%25eth0]:99/a", "febf::1", ("febf::1%eth0",), 99),
        ("https://metadata.example.com/a", "metadata.example.com", ("metadata.example.com",), 443),
        ("https://8.8.8.8:444/a", "8.8.8.8", ("8.8.8.8",), 444),
        ("https://[2001:db8::1]/a", "2001:db8::1", ("2001:db8::1",), 443),
    ],
)
def test_what_is_asked(uri: str, name: str, hosts: tuple[str, ...], port: int) -> None:
    assert parse_endpoint(uri) == Endpoint(uri.lower().startswith("https"), name, hosts, port, "/a")


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("http://127.0.0.1", "/"),
        ("http://127.0.0.1/", "/"),
        ("http://127.0.0.1/a%2Fb/../c?d=e&f=http://x/@:g", "/a%2Fb/../c?d=e&f=http://x/@:g"),
    ],
)
def test_the_target_is_asked_for_to_the_letter(uri: str, target: str) -> None:
    assert parse_endpoint(uri).target == target


@pytest.mark.parametrize(
    "uri",
    [
        "http://example.com/a",
        "http://10.0.0.1/a",
        "http://8.8.8.8/a",
        "http://0.0.0.0/a",
        "http://127.1/a",
        "http://2130706433/a",
        "http://0x7f.0.0.1/a",
        "http://0177.0.0.1/a",
        "http://128.0.0.1/a",
        "http://169.255.0.1/a",
        "http://127.0.0.1.example.com/a",
        "http://localhost.example.com/a",
        "http://localhost./a",
        "http://[::]/a",
        "http://[::2]/a",
        "http://[fec0::1]/a",
        "http://[::ffff:127.0.0.1]/a",
        "http://[2001:db8::1]/a",
        "http://[localhost]/a",
        "http://metadata/a",
    ],
)
def test_plain_http_stays_on_the_machine_and_its_link(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="plain http is for addresses of this machine and its link only"):
        parse_endpoint(uri)


@pytest.mark.parametrize("uri", ["ftp://127.0.0.1/a", "file:///etc/passwd", "httpx://127.0.0.1/a", "javascript:a"])
def test_other_schemes(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="another scheme than http or https"):
        parse_endpoint(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "127.0.0.1/tst-secret",
        "http:/127.0.0.1/tst-secret",
        "http:///tst-secret",
        "http://user@127.0.0.1/tst-secret",
        "http://user:pass@127.0.0.1/tst-secret",
        "http://127.0.0.1@example.com/tst-secret",
        "http://127.0.0.1:/tst-secret",
        "http://127.0.0.1:+80/tst-secret",
        "http://127.0.0.1:8_0/tst-secret",
        "http://127.0.0.1:123456/tst-secret",
        "http://127.0.0.1:port/tst-secret",
        "http://127.0.0.1?tst-secret",
        "http://127.0.0.1/tst-secret#x",
        "http://127.0.0.1/tst secret",
        "http://127.0.0.1/tst-secret\r\nX: y",
        "http://127.0.0.1\\@example.com/tst-secret",
        "http://127.0.0.1/tst-secret\u00e9",
        "http://\uff11\uff12\uff17.0.0.1/tst-secret",
        "http://::1/tst-secret",
        "http://[::1/tst-secret",
        "https://ex_ample.com:x/tst-secret",
    ],
)
def test_what_can_be_read_in_two_ways(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="must look like http://host") as caught:
        parse_endpoint(uri)
    assert "secret" not in str(caught.value)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize("port", [0, 65536, 99999])
def test_ports_that_are_none(port: int) -> None:
    with pytest.raises(ConfigurationError, match=f"{port} is not a port"):
        parse_endpoint(f"http://127.0.0.1:{port}/a")


def test_an_address_in_brackets_is_an_address() -> None:
    with pytest.raises(ConfigurationError, match=r"\[abc\] is not an IPv6 address"):
        parse_endpoint("https://[abc]/a")


def test_errors_say_what_to_do_and_not_the_secret() -> None:
    with pytest.raises(ConfigurationError, match=r"unset it and set TILDE_API_KEY") as caught:
        parse_endpoint("http://example.com/tst-secret?token=tst-secret")
    assert "tst-secret" not in str(caught.value)


def test_no_repr_shows_the_path() -> None:
    endpoint = parse_endpoint("http://[::1]:99/tst-secret")
    assert "tst-secret" not in repr(endpoint) + endpoint.origin
    assert endpoint.origin == "http://[::1]:99"
