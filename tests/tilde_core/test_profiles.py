"""Profiles of the config file: which one counts, what it holds, and where a setting says that it comes from."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import pytest

import tilde
from support import fake_client
from tilde import Client, Timeout
from tilde.exceptions import ConfigurationError
from tilde.models import Setting
from tilde_core.config import Config, resolve_config
from tilde_core.default_client import default_client
from tilde_core.network_config import NetworkArguments

SECRET = "tuk-s3cret"
FILE = """
api_key: tuk-top
endpoint_url: https://top.example
transport: httpx
proxy: http://top.example:1
profiles:
  staging:
    api_key: tuk-staging
    endpoint_url: https://staging.example/
  7:
    api_key: tuk-seven
"""
STAGING = "profile 'staging' of ~/.tilde/config.yaml"


@pytest.fixture
def file(no_settings: Path) -> Path:
    path = no_settings / ".tilde" / "config.yaml"
    path.parent.mkdir()
    path.write_text(FILE)
    return path


def key(config: Config) -> str | None:
    return config.api_key.value


def test_the_top_level_is_in_use_as_long_as_no_profile_is(file: Path) -> None:
    config = resolve_config()
    assert config.api_key == Setting("tuk-top", "~/.tilde/config.yaml")
    assert config.profile == Setting(None, "default")


def test_an_argument_or_a_variable_chooses(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = resolve_config(profile="staging")
    assert config.profile == Setting("staging", "argument profile")
    assert config.api_key == Setting("tuk-staging", STAGING)
    assert config.endpoint_url == Setting("https://staging.example", STAGING)
    monkeypatch.setenv("TILDE_PROFILE", "staging")
    assert resolve_config().profile == Setting("staging", "environment variable TILDE_PROFILE")
    assert key(resolve_config()) == "tuk-staging"
    assert key(resolve_config(profile="7")) == "tuk-seven"


def test_clients_take_it(file: Path) -> None:
    assert Client(profile="staging").config.endpoint_url.value == "https://staging.example"
    tilde.configure(profile="staging")
    assert default_client().config.endpoint_url.value == "https://staging.example"


def test_nothing_is_taken_from_the_top_level(file: Path) -> None:
    config = resolve_config(profile="7")
    assert config.endpoint_url == Setting("https://tilde.run", "default")
    assert config.transport.value is None
    assert config.network.https_proxy.value is None
    file.write_text("api_key: tuk-top\nprofiles: {staging: {endpoint_url: https://staging.example}}")
    assert key(resolve_config(profile="staging")) is None


def test_profiles_share_what_yaml_lets_them_share(file: Path) -> None:
    file.write_text(
        "company: &company {max_connections: 7}\n"
        "profiles:\n  staging:\n    <<: *company\n    api_key: tuk-staging\n  prod:\n    <<: *company\n"
    )
    for name, of_it in (("staging", "tuk-staging"), ("prod", None)):
        config = resolve_config(profile=name)
        assert (config.network.max_connections.value, key(config)) == (7, of_it)


class TestOrder:
    def test_the_environment_comes_before_a_profile_that_it_names(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TILDE_PROFILE", "staging")
        monkeypatch.setenv("TILDE_API_KEY", "tuk-env")
        config = resolve_config()
        assert (key(config), config.endpoint_url.value) == ("tuk-env", "https://staging.example")

    def test_a_profile_that_is_named_in_code_comes_before_the_environment(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TILDE_PROFILE", "7")
        monkeypatch.setenv("TILDE_API_KEY", "tuk-env")
        monkeypatch.setenv("TILDE_API_URL", "https://env.example")
        monkeypatch.setenv("TILDE_MAX_CONNECTIONS", "3")
        config = resolve_config(profile="staging")
        assert (key(config), config.endpoint_url.value) == ("tuk-staging", "https://staging.example")
        assert config.network.max_connections.source == "environment variable TILDE_MAX_CONNECTIONS"

    def test_other_arguments_come_before_it(self, file: Path) -> None:
        config = resolve_config(profile="staging", api_key="tuk-given")
        assert (key(config), config.endpoint_url.value) == ("tuk-given", "https://staging.example")

    def test_the_top_level_has_a_name_too(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TILDE_PROFILE", "staging")
        monkeypatch.setenv("TILDE_API_KEY", "tuk-env")
        assert resolve_config(profile="default").api_key == Setting("tuk-top", "~/.tilde/config.yaml")
        file.unlink()
        assert key(resolve_config(profile="default")) == "tuk-env"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("proxy", "http://p.example:3128", None),
        ("no_proxy", "[a.example, b.example]", None),
        ("ca_bundle", "{folder}", "{folder}"),
        ("client_cert", "{folder}", None),
        ("verify", "false", False),
        ("trust_env", "no", False),
        ("timeout", "2.5", Timeout.of(2.5)),
        ("max_connections", "7", 7),
        ("http2", "yes", True),
    ],
)
def test_settings_of_networks(file: Path, name: str, text: str, value: Any) -> None:
    text = text.format(folder=file.parent)
    file.write_text(f"profiles:\n  staging:\n    {name}: {text}\n")
    network = resolve_config(profile="staging").network
    found = network.https_proxy if name == "proxy" else getattr(network, name)
    assert found.source == f"{name} in {STAGING}"
    assert found.value != getattr(resolve_config().network, "https_proxy" if name == "proxy" else name).value
    if value is not None:
        assert found.value == (str(file.parent) if isinstance(value, str) else value)


def test_all_settings_of_networks_are_tested() -> None:
    (mark,) = [m for m in test_settings_of_networks.pytestmark if m.name == "parametrize"]
    assert [row[0] for row in mark.args[1]] == list(NetworkArguments.__slots__)


class TestErrors:
    def test_one_that_is_not_there(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(
            ConfigurationError, match=r"no profile 'prod', which the argument profile .* has 'staging', '7'$"
        ) as caught:
            Client(profile="prod")
        assert "tuk-" not in str(caught.value)
        monkeypatch.setenv("TILDE_PROFILE", "prod")
        with pytest.raises(ConfigurationError, match="which the environment variable TILDE_PROFILE names"):
            Client()

    @pytest.mark.parametrize("text", ["api_key: k", "", "profiles:", "profiles: {}", "profiles: [staging]"])
    def test_a_file_without_profiles(self, file: Path, text: str) -> None:
        file.write_text(text)
        with pytest.raises(ConfigurationError, match="has none; they stand below the key `profiles`"):
            Client(profile="staging")

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"\xff", r"is not used: it cannot be read \(UnicodeDecodeError\)"),
            (b"a: [", r"is not used: it is not valid YAML \(line 1, column 5\)"),
            (b"text", "is not used: it must hold `name: value` lines"),
            (None, "is not there"),
        ],
    )
    def test_no_file_that_can_be_used(
        self, file: Path, content: bytes | None, why: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        file.unlink() if content is None else file.write_bytes(content)
        with caplog.at_level(logging.WARNING), pytest.raises(ConfigurationError, match=rf"names: .*config.yaml {why}$"):
            Client(profile="staging")
        assert ("is not used" in caplog.text) == (content is not None)

    @pytest.mark.parametrize("text", [f"\n    staging:\n    api_key: {SECRET}", f" {{staging: {SECRET}}}"])
    def test_one_that_holds_no_settings(self, file: Path, text: str) -> None:
        file.write_text(f"profiles:{text}\n")
        with pytest.raises(ConfigurationError, match=f"^{STAGING} must hold .* indented more") as caught:
            Client(profile="staging")
        assert SECRET not in str(caught.value)

    def test_the_name_of_the_top_level_is_taken(self, file: Path) -> None:
        file.write_text("profiles: {default: {api_key: k}}")
        assert key(resolve_config()) is None
        with pytest.raises(ConfigurationError, match=r"profile 'default' of .* give it another name"):
            Client(profile="default")

    def test_an_empty_name(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ConfigurationError, match="profile is empty"):
            Client(profile="")
        monkeypatch.setenv("TILDE_PROFILE", " ")
        assert key(resolve_config()) == "tuk-top"

    def test_a_value_that_cannot_be_used_names_its_profile(self, file: Path, caplog: pytest.LogCaptureFixture) -> None:
        file.write_text("profiles: {staging: {api_key: 5, max_connections: none}}")
        with pytest.raises(ConfigurationError, match=f"^max_connections in {STAGING}: "):
            Client(profile="staging")
        assert f"{STAGING}: api_key is not text" in caplog.text

    def test_one_without_a_key(self, file: Path) -> None:
        file.write_text("api_key: tuk-top\nprofiles: {staging: {transport: httpx}}")
        client, _, _ = fake_client([], api_key=None, profile="staging")
        with pytest.raises(ConfigurationError, match=f"no API key: .* or {STAGING}"):
            client.organizations.get("x")


def test_a_copy_keeps_its_profile(file: Path) -> None:
    dumped = pickle.dumps(Client(profile="staging"))
    file.unlink()
    copy = pickle.loads(dumped)
    assert (copy.config.profile.value, key(copy.config)) == ("staging", "tuk-staging")
