"""The contracts that the SDK asks of every source of credentials, and of every plugin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tilde_auth_oidc_example import OidcCredentials, identity, plugin
from tilde_core.testing import Behavior, LoopbackServer, behaviors
from tilde_core.testing.contract import CredentialContract, CredentialSource, Grant, PluginContract

VARIABLES = ["OIDC_EXCHANGE_URL", "OIDC_AUDIENCE", "OIDC_TOKEN_FILE", "KUBERNETES_SERVICE_HOST"]
VARIABLES += ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"]


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests may run in GitHub Actions themselves."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def granted(grant: Grant) -> Behavior:
    """Answer as RFC 8693 has it."""
    body = {"access_token": grant.token, "token_type": "Bearer", "expires_in": grant.expires_in}
    return behaviors.answer(200, json.dumps(body).encode(), [("Content-Type", "application/json")])


class TestTokenFile(CredentialContract):
    @pytest.fixture
    def source(self, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CredentialSource:
        def enter() -> dict[str, object]:
            (tmp_path / "token").write_text("header.s3cret.signature\n")
            monkeypatch.setenv("OIDC_EXCHANGE_URL", server.url("/token"))
            monkeypatch.setenv("OIDC_TOKEN_FILE", str(tmp_path / "token"))
            return {}

        return CredentialSource(plugin.tilde_credentials().open, enter, granted)


class TestGitHubActions(CredentialContract):
    @pytest.fixture
    def source(self, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> CredentialSource:
        def enter() -> dict[str, object]:
            server.script("/identity", behaviors.answer(200, b'{"value": "header.s3cret.signature"}'))
            monkeypatch.setenv("OIDC_EXCHANGE_URL", server.url("/token"))
            monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", server.url("/identity?api-version=2.0"))
            monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-s3cret")
            return {}

        return CredentialSource(plugin.tilde_credentials().open, enter, granted)


class TestKubernetes(CredentialContract):
    @pytest.fixture
    def source(self, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CredentialSource:
        def enter() -> dict[str, object]:
            (tmp_path / "oidc").write_text("header.s3cret.signature")
            monkeypatch.setenv("OIDC_EXCHANGE_URL", server.url("/token"))
            monkeypatch.setattr(identity, "KUBERNETES_FILE", str(tmp_path / "oidc"))
            monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
            return {}

        return CredentialSource(OidcCredentials().open, enter, granted)


class TestPlugin(PluginContract):
    def plugin(self) -> object:
        return plugin
