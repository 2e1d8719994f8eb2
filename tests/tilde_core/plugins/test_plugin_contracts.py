"""The built-in plugins keep the contracts that are asked of everybody's."""

from __future__ import annotations

import pytest

from tilde_core.hooks.offers import RetryPolicy, RetrySettings
from tilde_core.plugins import default_retry, static_credentials, websocket_connector
from tilde_core.testing.contract import CredentialContract, CredentialSource, PluginContract, RetryContract


class TestStaticCredentials(CredentialContract):
    @pytest.fixture
    def source(self) -> CredentialSource:
        return CredentialSource(static_credentials.tilde_credentials().open, lambda: {"api_key": "tuk-s3cret"})


class TestDefaultRetry(RetryContract):
    def open_policy(self, settings: RetrySettings) -> RetryPolicy:
        return default_retry.tilde_retry_policy().open(settings)


class TestStaticCredentialsPlugin(PluginContract):
    def plugin(self) -> object:
        return static_credentials


class TestDefaultRetryPlugin(PluginContract):
    def plugin(self) -> object:
        return default_retry


class TestWebSocketConnectorPlugin(PluginContract):
    def plugin(self) -> object:
        return websocket_connector
