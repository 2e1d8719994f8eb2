"""No test sees the machine's own Tilde settings."""

from __future__ import annotations

from pathlib import Path

import pytest

import tilde_core.default_client

VARIABLES = (
    "TILDE_API_KEY",
    "TILDE_ENDPOINT_URL",
    "TILDE_API_URL",
    "TILDE_DEFAULT_SANDBOX_IMAGE",
    "TILDE_TRANSPORT",
    "TILDE_CREDENTIALS",
    "TILDE_DISABLE_PLUGINS",
)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unset every variable, and give an empty home directory, which is returned."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(tilde_core.default_client, "_client", None)
    return home
