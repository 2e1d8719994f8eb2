from __future__ import annotations

import json

import pytest

pytest.importorskip("tilde_auth_sandbox.plugin")

from tilde_auth_sandbox import metadata, plugin
from tilde_core.testing import Behavior, LoopbackServer, behaviors
from tilde_core.testing.contract import CredentialContract, CredentialSource, Grant, PluginContract


def granted(grant: Grant) -> Behavior:
    body = {"access_token": grant.token, "expires_at": grant.expires_at.isoformat()}
    return behaviors.answer(200, json.dumps(body).encode(), [("Content-Type", "application/json")])


class TestSandboxCredentials(CredentialContract):
    @pytest.fixture
    def source(self, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> CredentialSource:
        monkeypatch.setattr(metadata, "TIMEOUT", 60.0)  # it is not what is tested here
        home = {"sandbox_credentials_uri": server.url("/token")}
        return CredentialSource(plugin.open_provider, lambda: home, granted)


class TestSandboxPlugin(PluginContract):
    def plugin(self) -> object:
        return plugin
