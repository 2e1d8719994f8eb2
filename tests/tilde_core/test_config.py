"""Where each setting comes from, and what cannot be used."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import tilde
from tilde.exceptions import ConfigurationError
from tilde_core.client import Client
from tilde_core.config import resolve_config

SECRET = "tuk-secret-0123456789"


def write_config(home: Path, text: str) -> None:
    folder = home / ".tilde"
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(text)


def test_defaults() -> None:
    config = resolve_config()
    assert config.api_key.value is None
    assert config.endpoint_url.value == "https://tilde.run"
    assert config.default_sandbox_image.value == "ubuntu:22.04"
    assert config.endpoint_url.source == config.default_sandbox_image.source == "default"


def test_api_key_order(monkeypatch: pytest.MonkeyPatch, no_settings: Path) -> None:
    write_config(no_settings, "api_key: from-file\n")
    assert resolve_config().api_key == tilde.models.Setting("from-file", "~/.tilde/config.yaml")
    monkeypatch.setenv("TILDE_API_KEY", "from-env")
    assert resolve_config().api_key == tilde.models.Setting("from-env", "environment variable TILDE_API_KEY")
    assert resolve_config(api_key="given").api_key == tilde.models.Setting("given", "argument api_key")


def test_endpoint_order(monkeypatch: pytest.MonkeyPatch, no_settings: Path) -> None:
    write_config(no_settings, "endpoint_url: https://file.example\n")
    assert resolve_config().endpoint_url.value == "https://file.example"
    monkeypatch.setenv("TILDE_API_URL", "https://api-url.example")
    assert resolve_config().endpoint_url.value == "https://api-url.example"
    monkeypatch.setenv("TILDE_ENDPOINT_URL", "https://endpoint-url.example/")
    assert resolve_config().endpoint_url.value == "https://endpoint-url.example"
    assert resolve_config(endpoint_url="https://given.example").endpoint_url.source == "argument endpoint_url"


def test_sandbox_image_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILDE_DEFAULT_SANDBOX_IMAGE", "debian:12")
    assert resolve_config().default_sandbox_image.value == "debian:12"
    assert resolve_config(default_sandbox_image="python:3.12").default_sandbox_image.value == "python:3.12"


def test_transport_comes_from_the_file_too(monkeypatch: pytest.MonkeyPatch, no_settings: Path) -> None:
    write_config(no_settings, "transport: requests\n")
    assert resolve_config().transport.value == "requests"
    monkeypatch.setenv("TILDE_TRANSPORT", "httpx")
    assert resolve_config().transport.value == "httpx"


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_empty_variables_are_unset(monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    for name in ("TILDE_API_KEY", "TILDE_ENDPOINT_URL", "TILDE_API_URL", "TILDE_DEFAULT_SANDBOX_IMAGE"):
        monkeypatch.setenv(name, empty)
    config = resolve_config()
    assert config.api_key.value is None
    assert config.endpoint_url.value == "https://tilde.run"
    assert config.default_sandbox_image.value == "ubuntu:22.04"


def test_line_breaks_around_a_key_are_trimmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILDE_API_KEY", f"\n{SECRET}\r\n")
    assert resolve_config().api_key.value == SECRET
    assert resolve_config(api_key=f"{SECRET}\n").api_key.value == SECRET


@pytest.mark.parametrize("inside", ["\n", "\r\n", "\x00", "\x1b", "\t", " ", "\x7f", "ü"])
def test_a_key_that_cannot_be_sent_is_refused_unprinted(inside: str) -> None:
    with pytest.raises(ConfigurationError, match="argument api_key") as caught:
        tilde.Client(api_key=f"{SECRET}{inside}{SECRET}")
    assert SECRET not in str(caught.value) + repr(caught.value)


def test_an_empty_argument_does_not_fall_through_to_another_principal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILDE_API_KEY", SECRET)
    with pytest.raises(ConfigurationError, match="api_key is empty"):
        tilde.Client(api_key="")


@pytest.mark.parametrize(
    "url",
    [
        "tilde.run",
        "ftp://tilde.run",
        "https://",
        "https://user:pw@tilde.run",
        "https://:pw@tilde.run",
        "https://@tilde.run",
        "https://tilde.run?",
        "https://tilde.run#",
        "https://tilde.run:0",
        "https://tilde.run?x=1",
        "https://tilde.run#x",
        "https://tilde.run:99999",
        "https://tilde .run",
        "https://[::1",
    ],
)
def test_unusable_endpoints_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="argument endpoint_url"):
        tilde.Client(api_key="k", endpoint_url=url)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"api_key: [unclosed",
        b"- just\n- a list\n",
        b"just text",
        b"api_key: 12345\n",
        b"{" * 5000,
    ],
)
def test_a_file_that_cannot_be_used_is_absent_with_a_warning(
    no_settings: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    folder = no_settings / ".tilde"
    folder.mkdir()
    (folder / "config.yaml").write_bytes(content)
    with caplog.at_level(logging.WARNING, logger="tilde"):
        assert resolve_config().api_key.value is None
    assert "config.yaml" in caplog.text


def test_a_warning_about_the_file_does_not_quote_it(no_settings: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_config(no_settings, f"api_key: {SECRET}\n  nonsense: [\n")
    resolve_config()
    assert "~/.tilde/config.yaml is not used: it is not valid YAML (line 2, column 11)" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"api_key: [", r"it is not valid YAML \(line 1, column 11\)"),
        (b"- a", "it must hold `name: value` lines"),
        (b"\xff", r"it cannot be read \(UnicodeDecodeError\)"),
    ],
)
def test_who_has_a_key_in_a_file_that_cannot_be_used_is_told_so(no_settings: Path, content: bytes, why: str) -> None:
    """To say that there is no key in it would be true, and no help."""
    (no_settings / ".tilde").mkdir()
    (no_settings / ".tilde" / "config.yaml").write_bytes(content)
    with Client() as client, pytest.raises(ConfigurationError, match=rf"config.yaml \(which is not used: {why}\)"):
        client.organizations.get("x")


def test_a_folder_in_place_of_the_file(no_settings: Path, caplog: pytest.LogCaptureFixture) -> None:
    (no_settings / ".tilde" / "config.yaml").mkdir(parents=True)
    assert resolve_config().api_key.value is None
    assert "is not used" in caplog.text


def test_no_file_and_an_empty_file_are_silent(no_settings: Path, caplog: pytest.LogCaptureFixture) -> None:
    resolve_config()
    write_config(no_settings, "")
    resolve_config()
    assert caplog.text == ""


def test_no_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    assert resolve_config().api_key.value is None


def test_other_keys_in_the_file_do_no_harm(no_settings: Path) -> None:
    write_config(no_settings, "api_key: k\nprofile: x\nnested: {a: 1}\n")
    assert resolve_config().api_key.value == "k"


def test_no_repr_shows_the_key() -> None:
    client = tilde.Client(api_key=SECRET)
    assert SECRET not in repr(client) + repr(client.config) + repr(client.repository("a/b"))
    assert SECRET not in repr(client.config.api_key)


def test_arguments_of_the_wrong_type() -> None:
    with pytest.raises(ConfigurationError, match="endpoint_url must be a str, not int"):
        tilde.Client(endpoint_url=5)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="transport must be a name or a Transport, not int"):
        tilde.Client(transport=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["ca_bundel", "proxi", "no_proxys", "endpoint_ur", "verifi", "max_conections"])
def test_a_misspelled_name_in_the_file_is_told(no_settings: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
    write_config(no_settings, f"{name}: {SECRET}\n")
    tilde.Client("key")
    assert f"{name} in ~/.tilde/config.yaml is not used: there is no such setting. Is it meant to be " in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("variable", "meant"),
    [("TILDE_CA_BUNDEL", "TILDE_CA_BUNDLE"), ("TILDE_NOPROXY", "TILDE_NO_PROXY"), ("TILDE_TIMEOUTS", "TILDE_TIMEOUT")],
)
def test_a_misspelled_variable_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, meant: str
) -> None:
    monkeypatch.setenv(variable, SECRET)
    tilde.Client("key")
    assert f"environment variable {variable} is not used: there is no such setting. Is it meant to be {meant}?" in (
        caplog.text
    )
    assert SECRET not in caplog.text


def test_names_of_settings_and_of_others_are_no_misspellings(
    monkeypatch: pytest.MonkeyPatch, no_settings: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """All of them at one time, so that some are not looked at; and what a plugin may read."""
    file = tmp_path / "any.pem"
    file.write_text("")
    names = {"proxy": "http://a.test", "no_proxy": "a.test", "ca_bundle": file, "client_cert": file, "client_key": file}
    more = {"client_key_password": "a", "timeout": "1", "max_connections": "1", "http2": "no", "trust_env": "no"}
    settings = {**names, **more, "verify": "yes", "endpoint_url": "http://a.test", "websocket": "websocket-client"}
    others = {"vault_url": "https://a.test", "profiles": "{}"}
    write_config(no_settings, "".join(f"{name}: {value}\n" for name, value in {**settings, **others}.items()))
    for name, value in {**settings, "vault_url": "https://a.test", "sandbox_id": "a"}.items():
        monkeypatch.setenv(f"TILDE_{name.upper()}", str(value))
    tilde.Client("key", client_cert=file)
    assert "no such setting" not in caplog.text
