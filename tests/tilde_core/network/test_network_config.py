"""Where the settings of connections come from, and that they arrive."""

from __future__ import annotations

import inspect
import logging
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import tilde
from tilde import Client, Timeout
from tilde.exceptions import ConfigurationError
from tilde.plugins import Transport, TransportOffer, TransportSettings, hookimpl
from tilde_core.network_config import NetworkConfig
from tilde_core.testing import FakeTransport

PASSWORD = "s3cret"
PROXY = f"http://user:{PASSWORD}@proxy.example:3128"


def resolved(**arguments: Any) -> NetworkConfig:
    return Client("key", **arguments).config.network


def write_config(home: Path, text: str) -> None:
    folder = home / ".tilde"
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(text)


def test_defaults() -> None:
    settings = resolved().for_transport()
    assert settings == TransportSettings()
    assert resolved().timeout.value == Timeout()


def test_proxy_order(monkeypatch: pytest.MonkeyPatch, no_settings: Path) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://system.example")
    assert resolved().https_proxy.source == "environment variable HTTPS_PROXY"
    write_config(no_settings, "proxy: http://file.example\n")
    assert str(resolved().https_proxy.value) == "http://file.example:80"
    assert resolved().https_proxy.source == "proxy in ~/.tilde/config.yaml"
    monkeypatch.setenv("TILDE_PROXY", "http://own.example")
    assert resolved().http_proxy.source == "environment variable TILDE_PROXY"
    assert resolved(proxy=PROXY).http_proxy.source == resolved(proxy=PROXY).https_proxy.source == "argument proxy"


@pytest.mark.parametrize(
    ("variables", "http", "https"),
    [
        ({"HTTP_PROXY": "a.test"}, "a.test", None),
        ({"HTTPS_PROXY": "a.test"}, None, "a.test"),
        ({"ALL_PROXY": "a.test"}, "a.test", "a.test"),
        ({"ALL_PROXY": "a.test", "HTTPS_PROXY": "b.test"}, "a.test", "b.test"),
        ({"http_proxy": "a.test", "HTTP_PROXY": "b.test"}, "a.test", None),
        ({"all_proxy": "a.test", "ALL_PROXY": "b.test"}, "a.test", "a.test"),
        ({"HTTPS_PROXY": "  "}, None, None),
        ({"HTTP_PROXY": "a.test", "REQUEST_METHOD": "GET"}, None, None),
        ({"http_proxy": "a.test", "REQUEST_METHOD": "GET"}, "a.test", None),
    ],
)
def test_variables_that_other_programs_know(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], http: str | None, https: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = resolved().for_transport()
    assert [proxy and proxy.host for proxy in (settings.http_proxy, settings.https_proxy)] == [http, https]
    assert resolved(trust_env=False).for_transport() == TransportSettings()
    monkeypatch.setenv("TILDE_TRUST_ENV", "no")
    assert resolved().for_transport() == TransportSettings()


def test_no_proxy_order(monkeypatch: pytest.MonkeyPatch, no_settings: Path) -> None:
    monkeypatch.setenv("NO_PROXY", "a.test,http://not-a-host")
    assert resolved().no_proxy.value.entries == ("a.test",)
    write_config(no_settings, "no_proxy: [b.test, 10.0.0.0/8]\n")
    assert resolved().no_proxy.value.entries == ("b.test", "10.0.0.0/8")
    monkeypatch.setenv("TILDE_NO_PROXY", "c.test")
    assert resolved().no_proxy.value.entries == ("c.test",)
    assert resolved(no_proxy=["d.test"]).no_proxy.value.entries == ("d.test",)
    assert resolved(no_proxy="d.test e.test").no_proxy.value.entries == ("d.test", "e.test")


def test_ca_bundle_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_settings: Path) -> None:
    files = {name: tmp_path / f"{name}.pem" for name in ("system", "requests", "file", "own", "given")}
    for file in files.values():
        file.write_text("")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(files["requests"]))
    assert resolved().ca_bundle.value == str(files["requests"])
    monkeypatch.setenv("SSL_CERT_FILE", str(files["system"]))
    assert resolved().ca_bundle.source == "environment variable SSL_CERT_FILE"
    assert resolved(trust_env=False).ca_bundle.value is None
    write_config(no_settings, f"ca_bundle: {files['file']}\n")
    assert resolved().ca_bundle.value == str(files["file"])
    monkeypatch.setenv("TILDE_CA_BUNDLE", str(files["own"]))
    assert resolved().ca_bundle.value == str(files["own"])
    assert resolved(ca_bundle=files["given"]).ca_bundle.value == str(files["given"])


def test_a_bundle_of_other_programs_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with caplog.at_level(logging.WARNING, logger="tilde"):
        assert resolved().ca_bundle.value is None
    assert "environment variable SSL_CERT_FILE is not used: there is no file /nowhere/ca.pem" in caplog.text


def test_client_cert_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_settings: Path) -> None:
    names = ("cert", "key", "other")
    cert, key, other = (tmp_path / f"{name}.pem" for name in names)
    for file in (cert, key, other):
        file.write_text("")
    write_config(no_settings, f"client_cert: {cert}\nclient_key: {key}\nclient_key_password: {PASSWORD}\n")
    found = resolved().client_cert
    assert found.value is not None
    assert (found.value.certificate, found.value.key, found.value.password) == (str(cert), str(key), PASSWORD)
    assert PASSWORD not in repr(found)
    monkeypatch.setenv("TILDE_CLIENT_CERT", str(other))
    monkeypatch.setenv("TILDE_CLIENT_KEY", str(cert))
    monkeypatch.setenv("TILDE_CLIENT_KEY_PASSWORD", "another")
    assert resolved().client_cert.value == type(found.value)(str(other), str(cert), "another")
    assert resolved(client_cert=cert).client_cert.value == type(found.value)(str(cert))
    assert resolved(client_cert=(cert, key)).client_cert.value == type(found.value)(str(cert), str(key))
    assert resolved(client_cert=(cert, key, "w")).client_cert.value == type(found.value)(str(cert), str(key), "w")


@pytest.mark.parametrize(
    ("name", "text", "value", "argument"),
    [
        ("verify", "false", False, False),
        ("trust_env", "off", False, False),
        ("http2", "YES", True, True),
        ("max_connections", "7", 7, 7),
        ("timeout", "2.5", Timeout.of(2.5), 2.5),
    ],
)
@pytest.mark.filterwarnings("ignore:TLS certificates are not verified")
def test_values_that_are_no_text(
    monkeypatch: pytest.MonkeyPatch, no_settings: Path, name: str, text: str, value: object, argument: object
) -> None:
    assert getattr(resolved(**{name: argument}), name).value == value
    write_config(no_settings, f"{name}: {argument}\n")
    assert getattr(resolved(), name).value == value
    assert getattr(resolved(), name).source == f"{name} in ~/.tilde/config.yaml"
    write_config(no_settings, "")
    monkeypatch.setenv(f"TILDE_{name.upper()}", text)
    assert getattr(resolved(), name).value == value
    assert getattr(resolved(), name).source == f"environment variable TILDE_{name.upper()}"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TILDE_VERIFY", "maybe"),
        ("TILDE_HTTP2", "2"),
        ("TILDE_MAX_CONNECTIONS", "0"),
        ("TILDE_MAX_CONNECTIONS", "many"),
        ("TILDE_TIMEOUT", "-1"),
        ("TILDE_TIMEOUT", "soon"),
        ("TILDE_PROXY", f"ftp://user:{PASSWORD}@proxy.example"),
        ("HTTPS_PROXY", f"http://user:{PASSWORD}@proxy.example:x"),
        ("TILDE_NO_PROXY", "http://a.test"),
        ("TILDE_CA_BUNDLE", "/nowhere/ca.pem"),
        ("TILDE_CLIENT_CERT", "/nowhere/cert.pem"),
    ],
)
def test_what_cannot_be_used_names_its_source(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=f"environment variable {variable}") as caught:
        Client("key")
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"proxy": ""},
        {"proxy": 5},
        {"no_proxy": 5},
        {"no_proxy": [5]},
        {"ca_bundle": 5},
        {"ca_bundle": "/nowhere"},
        {"client_cert": ("/nowhere",)},
        {"client_cert": ("/nowhere", "/nowhere")},
        {"max_connections": 0},
        {"max_connections": True},
        {"max_connections": 1.5},
        {"http2": "perhaps"},
        {"timeout": -1},
        {"timeout": "soon"},
    ],
)
def test_arguments_that_cannot_be_used(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        Client("key", **arguments)


def test_no_repr_shows_the_password() -> None:
    client = Client("key", proxy=PROXY)
    assert PASSWORD not in repr(client) + repr(client.config) + repr(client.config.network.for_transport())


class Recorder:
    """A transport that keeps its settings."""

    def __init__(self) -> None:
        self.settings: list[TransportSettings] = []

    def open(self, settings: TransportSettings) -> Transport:
        self.settings.append(settings)
        return FakeTransport()

    @hookimpl
    def tilde_transport(self) -> TransportOffer:
        return TransportOffer("recorder", 1000, self.open)


def test_settings_arrive_at_the_transport(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    recorder = Recorder()
    client = Client(
        "key", plugins=[recorder], proxy=PROXY, no_proxy="a.test", ca_bundle=tmp_path / "ca.pem", max_connections=3
    )
    client._runtime.transport()
    settings = recorder.settings[0]
    assert settings == client.config.network.for_transport()
    assert settings.proxy_for("https://b.test") is not None
    assert (settings.ca_bundle, settings.max_connections) == (str(tmp_path / "ca.pem"), 3)


def test_timeout_of_the_settings_is_that_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILDE_TIMEOUT", "7")
    transport = FakeTransport(lambda request: tilde.plugins.Response(200, {}, b'{"results": []}'))
    client = Client("key", transport=transport)
    list(client.organizations.list())
    list(client.with_options(timeout=3).organizations.list())
    assert [request.timeout for request in transport.requests] == [Timeout.of(7.0), Timeout.of(3)]


def test_a_pickled_client_keeps_its_settings() -> None:
    client = Client("key", proxy=PROXY, no_proxy="a.test")
    assert pickle.loads(pickle.dumps(client)).config == client.config


def test_switching_verification_off_warns_once_and_says_by_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.warns(UserWarning, match=r"not verified \(argument verify\).*ca_bundle=") as caught:
        client = Client("key", verify=False)
    assert [Path(warning.filename).name for warning in caught] == [Path(__file__).name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client.with_options(timeout=1)
        client._runtime.transport()
    client.close()
    monkeypatch.setenv("TILDE_VERIFY", "0")
    with pytest.warns(UserWarning, match="environment variable TILDE_VERIFY"):
        tilde.configure("key")


def test_arguments_for_a_transport_of_ones_own_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="proxy, http2 cannot be set on a transport that is given"):
        Client("key", transport=FakeTransport(), proxy=PROXY, http2=True)
    Client("key", transport=FakeTransport(), timeout=1, trust_env=False)


def test_configure_takes_what_a_client_takes() -> None:
    client = {name: str(parameter) for name, parameter in inspect.signature(Client.__init__).parameters.items()}
    configure = {name: str(parameter) for name, parameter in inspect.signature(tilde.configure).parameters.items()}
    assert configure == {name: text for name, text in client.items() if name not in ("self", "clock")}


def test_tls_is_not_loaded_before_it_is_needed() -> None:
    program = """
import sys, tilde
client = tilde.Client("key", proxy="http://user:word@proxy.example:3128", no_proxy="a.test")
client.repository("a/b")
sys.exit(", ".join({"ssl", "truststore", "tilde_core.network.tunnel"} & sys.modules.keys()) or 0)
"""
    ran = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
