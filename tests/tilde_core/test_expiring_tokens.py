"""Expiring tokens in a client: who is told of them, and what their failures mean for the request."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from support import FakeClock, answer, fake_client
from tilde import Client
from tilde.exceptions import (
    AuthenticationError,
    ConfigurationError,
    CredentialsError,
    NotSentError,
    OutcomeUnknownError,
    PluginError,
    SerializationError,
    TildeError,
)
from tilde.plugins import (
    AccessToken,
    CredentialOffer,
    CredentialProvider,
    CredentialSettings,
    CredentialsRefreshed,
    Event,
    RefreshableCredentials,
    RequestStarted,
    hookimpl,
)

ORG = {"id": "1", "name": "my-team"}
ENDS = datetime(2036, 1, 1, tzinfo=timezone.utc)


class Vault:
    """A plugin whose tokens are numbered, and which observes too."""

    def __init__(self, fetch: Callable[[], AccessToken] | None = None) -> None:
        self.count = 0
        self.events: list[Event] = []
        self.settings: CredentialSettings | None = None
        self._fetch = fetch or self.fetch

    def fetch(self) -> AccessToken:
        self.count += 1
        return AccessToken(f"vault-token-{self.count}", ENDS)

    def open(self, settings: CredentialSettings) -> CredentialProvider:
        self.settings = settings
        return RefreshableCredentials(settings, self._fetch)

    @hookimpl
    def tilde_credentials(self) -> CredentialOffer:
        return CredentialOffer("vault", 10, self.open)

    @hookimpl
    def tilde_event(self, event: Event) -> None:
        self.events.append(event)


def failing(error: Exception) -> Vault:
    def fetch() -> AccessToken:
        raise error

    return Vault(fetch)


def test_observers_are_told_of_a_refresh_and_not_of_the_token() -> None:
    vault = Vault()
    client, transport, _ = fake_client([answer(401), answer(200, ORG)], api_key=None, plugins=[vault])
    client.organizations.get("my-team")
    kinds = [type(event) for event in vault.events if isinstance(event, (CredentialsRefreshed, RequestStarted))]
    assert kinds == [CredentialsRefreshed, RequestStarted, CredentialsRefreshed, RequestStarted]
    assert vault.events[0] == CredentialsRefreshed(credentials="vault", expires_at=ENDS)
    assert [request.headers["Authorization"][-1] for request in transport.requests] == ["1", "2"]
    assert "vault-token" not in repr(vault.events)


def test_a_second_refusal_is_final() -> None:
    vault = Vault()
    client, transport, _ = fake_client(lambda request: answer(401), api_key=None, plugins=[vault])
    with pytest.raises(AuthenticationError):
        client.organizations.get("my-team")
    assert (len(transport.requests), vault.count) == (2, 2)


def test_plugins_get_the_clock_of_the_client() -> None:
    vault = Vault()
    client, _, clock = fake_client([answer(200, ORG)], api_key=None, plugins=[vault])
    client.organizations.get("my-team")
    assert vault.settings is not None
    assert vault.settings.clock.monotonic() == clock.now
    assert vault.settings.clock.wall() == FakeClock.EPOCH + clock.now


@pytest.mark.parametrize("error", [NotSentError("x"), OutcomeUnknownError("x"), SerializationError("x")])
def test_a_failed_fetch_is_no_failure_of_the_request(error: TildeError) -> None:
    """A commit whose outcome is unknown would be looked for; this one was never sent."""
    client, transport, _ = fake_client([], api_key=None, plugins=[failing(error)])
    with pytest.raises(CredentialsError, match=r"plugin Vault \(given to the client\) has no token: x") as caught:
        client.repository("a/b").attach("s").commit("m")
    assert caught.value.operation == "sessions.commit"
    assert isinstance(caught.value.__cause__, type(error))
    assert transport.requests == []


@pytest.mark.parametrize("error", [ConfigurationError("sealed"), CredentialsError("sealed")])
def test_what_says_it_all_passes_as_it_is(error: TildeError) -> None:
    client, _, _ = fake_client([], api_key=None, plugins=[failing(error)])
    with pytest.raises(type(error), match=r"^organizations\.get: sealed$"):
        client.organizations.get("x")


def test_any_other_error_names_the_plugin() -> None:
    client, _, _ = fake_client([], api_key=None, plugins=[failing(KeyError("x"))])
    with pytest.raises(PluginError, match=r"plugin Vault .* failed in token\(\): KeyError"):
        client.organizations.get("x")


def test_the_token_in_use_can_be_asked_for() -> None:
    vault = Vault()
    client, _, _ = fake_client([answer(200, ORG)], api_key=None, plugins=[vault])
    token = client.access_token()
    assert token is not None
    assert (token.token, token.expires_at) == ("vault-token-1", ENDS)
    client.organizations.get("my-team")
    assert vault.count == 1


def test_an_api_key_has_no_end() -> None:
    client, _, _ = fake_client([])
    assert client.access_token() is None


def test_no_credentials_at_all() -> None:
    with pytest.raises(ConfigurationError, match=r"no API key: .* no TILDE_SANDBOX_CREDENTIALS_URI as in a sandbox"):
        fake_client([], api_key=None)[0].access_token()


@pytest.mark.parametrize("token", ["a b", "", "a\nb", "é"])
def test_tokens_that_no_header_can_carry(token: str, caplog: pytest.LogCaptureFixture) -> None:
    client, transport, _ = fake_client([], api_key=None, plugins=[Vault(lambda: AccessToken(token, ENDS))])
    with pytest.raises(PluginError, match="gave a token that cannot be sent"):
        client.organizations.get("x")
    assert transport.requests == []


def test_no_log_shows_a_token(caplog: pytest.LogCaptureFixture) -> None:
    vault = Vault()
    client, _, _ = fake_client([answer(401), answer(200, ORG)], api_key=None, plugins=[vault])
    with caplog.at_level(logging.DEBUG):
        client.organizations.get("my-team")
    assert "vault-token" not in caplog.text + repr(client) + repr(client.config)


def test_settings_show_no_secret() -> None:
    def send(request: Any) -> Any: ...

    settings = CredentialSettings(
        endpoint_url="https://tilde.test", api_key="tuk-1", send=send, sandbox_credentials_uri="http://127.0.0.1/tst-2"
    )
    assert "tuk-1" not in repr(settings)
    assert "tst-2" not in repr(settings)


class TestSandboxVariable:
    def test_it_is_read_when_the_client_is_made(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TILDE_SANDBOX_CREDENTIALS_URI", " http://127.0.0.1/secret ")
        vault = Vault()
        client, _, _ = fake_client([], api_key=None, plugins=[vault])
        monkeypatch.setenv("TILDE_SANDBOX_CREDENTIALS_URI", "http://127.0.0.1/other")
        client.access_token()
        assert vault.settings is not None
        assert vault.settings.sandbox_credentials_uri == "http://127.0.0.1/secret"
        assert client.config.sandbox_credentials_uri.source == "environment variable TILDE_SANDBOX_CREDENTIALS_URI"

    def test_no_repr_shows_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TILDE_SANDBOX_CREDENTIALS_URI", "http://127.0.0.1/secret")
        assert "/secret" not in repr(Client().config)

    def test_without_the_plugin_the_error_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TILDE_SANDBOX_CREDENTIALS_URI", "http://127.0.0.1/secret")
        monkeypatch.setenv("TILDE_DISABLE_PLUGINS", "sandbox, default-retry")
        client, _, _ = fake_client([], api_key=None)
        with pytest.raises(
            ConfigurationError, match="Install tilde-auth-sandbox, which comes with tilde-sdk"
        ) as caught:
            client.organizations.get("x")
        assert "Not used: default-retry (tilde-core" in str(caught.value)
        assert "/secret" not in str(caught.value)
