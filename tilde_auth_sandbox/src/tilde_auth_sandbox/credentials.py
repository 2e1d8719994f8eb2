"""What the metadata endpoint answers: a token, and whose it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tilde import Client
from tilde.exceptions import ConfigurationError, SerializationError
from tilde.plugins import AccessToken, parse_expiry

__all__ = ["SandboxCredentials", "read_credentials"]

_PRINTABLE = re.compile(r"[\x21-\x7e]+\Z")


@dataclass(frozen=True, slots=True)
class SandboxCredentials(AccessToken):
    """A token of the sandbox, good until `expires_at`, and the principal that it stands for.

    `principal_type` is `"user"`, `"role"` or `"agent"`. `api_url` is the service. What the endpoint left out is `""`.
    """

    principal_type: str = ""
    principal_id: str = ""
    principal_name: str = ""
    organization_id: str = ""
    api_url: str = ""

    @classmethod
    def of(cls, client: Client) -> SandboxCredentials:
        """Return what `client` uses now, fetching it if need be.

        Raises `ConfigurationError` if it uses other credentials, or has none, and `CredentialsError`.
        """
        token = client.access_token()
        if isinstance(token, cls):
            return token
        raise ConfigurationError(
            "this client does not use the credentials of a sandbox: either it runs in none (there is no "
            "TILDE_SANDBOX_CREDENTIALS_URI), or an API key or another plugin came first"
        )


def read_credentials(body: bytes) -> SandboxCredentials:
    """Return what `body` says. Raises `SerializationError`, which shows nothing of it."""
    answer = _parsed(body)
    if not isinstance(answer, dict):
        raise _unusable("it is not a JSON object")
    token = _text(answer, "access_token")
    if not _PRINTABLE.match(token):
        raise _unusable("access_token is missing, empty, or not printable ASCII without spaces")
    try:
        expires_at = parse_expiry(_text(answer, "expires_at"))
    except ValueError as error:
        raise _unusable(f"expires_at is {error}") from error
    names = ("principal_type", "principal_id", "principal_name", "organization_id", "api_url")
    return SandboxCredentials(token, expires_at, **{name: _text(answer, name) for name in names})


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None  # not raised from the error: that holds the whole text, and perhaps a token


def _text(answer: Mapping[str, Any], name: str) -> str:
    """The text of that name; a missing one and `null` are the empty text."""
    value = answer.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _unusable(f"{name} is not a text")
    return value


def _unusable(why: str) -> SerializationError:
    return SerializationError(f"the sandbox's metadata endpoint gave an answer that cannot be used: {why}")
