"""The variables that commands in a sandbox see."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from tilde_local.encryption import Encryption
from tilde_local.store import secrets
from tilde_local.store.records import Sandbox
from tilde_local.store.secrets import Owner

__all__ = ["fixed", "variables"]

_LOOPBACK = "localhost,127.0.0.1,::1"


def variables(db: sqlite3.Connection, encryption: Encryption, sandbox: Sandbox) -> dict[str, str]:
    """The repository's secrets; over these the agent's, if it runs as one; over these what was asked for.

    Raises ApiError if the secrets cannot be decrypted.
    """
    owners = [Owner("repository", sandbox.repository_id)]
    if sandbox.runs_as_type == "agent":
        owners.append(Owner("agent", sandbox.runs_as))
    found: dict[str, str] = {}
    for owner in owners:
        for secret in secrets.list_of(db, owner):
            found[secret.name] = secrets.get(db, encryption, owner, secret.name)
    asked: dict[str, Any] = msgspec.json.decode(sandbox.env_vars)
    return {**found, **asked}


def fixed(sandbox_id: str, api_url: str, credentials_uri: str, proxy_url: str) -> dict[str, str]:
    """What every sandbox has, whatever was asked for: the ways out of it, and its name."""
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), proxy_url) | {"NO_PROXY": _LOOPBACK}
    return {
        "TILDE_API_URL": api_url,
        "TILDE_SANDBOX_CREDENTIALS_URI": credentials_uri,
        "TILDE_SANDBOX_ID": sandbox_id,
        **proxies,
        **{name.lower(): value for name, value in proxies.items()},
    }
