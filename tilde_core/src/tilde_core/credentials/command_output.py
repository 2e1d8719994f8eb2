"""What the command of `credential_process` prints: `{"version": 1, "access_token": …, "expires_at": …}`."""

from __future__ import annotations

import json
import re
from typing import Any

from tilde_core.access_token import AccessToken, parse_expiry
from tilde_core.credentials.command import printed_by
from tilde_core.credentials.configured import CredentialProcess
from tilde_core.exceptions import CredentialsError

__all__ = ["VERSION", "fetch_from", "read_output"]

VERSION = 1

_FORM = '{"version": 1, "access_token": "…", "expires_at": "2026-01-31T12:00:00Z"}'
_PRINTABLE = re.compile(r"[\x21-\x7e]+\Z")


def fetch_from(process: CredentialProcess) -> AccessToken:
    """Run the command and return its token. Raises `CredentialsError`."""
    return read_output(printed_by(process), process)


def read_output(printed: bytes, process: CredentialProcess) -> AccessToken:
    """Return the token that was `printed`. Raises `CredentialsError`, which shows nothing of it."""
    answer = _parsed(printed)
    if not isinstance(answer, dict):
        raise _unusable(process, "it printed no JSON object" if printed.strip() else "it printed nothing")
    _check_version(process, answer.get("version"))
    token, ends = answer.get("access_token"), answer.get("expires_at")
    if not isinstance(token, str) or not _PRINTABLE.match(token):
        raise _unusable(process, "access_token is missing, empty, or not printable ASCII without spaces")
    if not isinstance(ends, str):
        raise _unusable(process, "expires_at is missing, or not a text")
    try:
        return AccessToken(token, parse_expiry(ends))
    except ValueError:
        why = "expires_at is not a time as in 2026-01-31T12:00:00Z, with its zone"
    raise _unusable(process, why)  # not from the error, which may quote what was printed


def _parsed(printed: bytes) -> Any:
    try:
        return json.loads(printed)
    except (ValueError, RecursionError):
        return None  # not raised from the error: that holds the whole text, and perhaps a token


def _check_version(process: CredentialProcess, version: Any) -> None:
    if version is None:
        raise _unusable(process, "it has no version")
    if isinstance(version, bool) or not isinstance(version, int):
        raise _unusable(process, "version is not a number")
    if version != VERSION:
        raise CredentialsError(
            f"{process.described} printed version {version} of the format, and this SDK knows version {VERSION}: "
            "update tilde-core, or let the command print that one"
        )


def _unusable(process: CredentialProcess, why: str) -> CredentialsError:
    return CredentialsError(f"{process.described} gave no token: {why}. It must print {_FORM} and nothing else")
