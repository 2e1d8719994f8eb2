"""What users configure in the place of a key: a function, an entry of a keyring, or a command."""

from __future__ import annotations

import inspect
import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tilde_core.access_token import AccessToken
from tilde_core.exceptions import ConfigurationError
from tilde_core.sources import Setting, Sources

__all__ = [
    "ApiKeyFunction",
    "CredentialProcess",
    "KeyringEntry",
    "check_function",
    "find_keyring_entry",
    "find_process",
]

ApiKeyFunction: TypeAlias = Callable[[], str | AccessToken]

_PROCESS_TIMEOUT = 60.0  # seconds: enough for somebody who has to confirm something in a browser or on a phone


@dataclass(frozen=True, slots=True)
class CredentialProcess:
    """A command that prints a token: its words, the seconds that it may take, and where it was configured.

    The repr does not show the words, for one may be a secret.
    """

    command: tuple[str, ...] = field(repr=False)
    timeout: float
    source: str

    @property
    def described(self) -> str:
        """The program without its arguments, for messages."""
        return f"the command {self.command[0].partition(' -')[0]!r} ({self.source})"


@dataclass(frozen=True, slots=True)
class KeyringEntry:
    """Where in the keyring the key is: what `keyring.get_password` takes, and where that was configured."""

    service: str
    username: str
    source: str

    @property
    def described(self) -> str:
        """What it is, for messages."""
        return f"password of {self.username!r} for {self.service!r} ({self.source})"


def check_function(function: Any) -> ApiKeyFunction:
    """Return what was given in the place of a key. Raises `ConfigurationError` for what cannot be one."""
    if not callable(function):
        raise ConfigurationError(
            f"api_key must be a str, or a function that returns a str or an AccessToken, not {type(function).__name__}"
        )
    if inspect.iscoroutinefunction(function):
        raise ConfigurationError("api_key must be a plain function: nobody would await what an async one returns")
    checked: ApiKeyFunction = function
    return checked


def find_keyring_entry(sources: Sources) -> Setting[KeyringEntry | None]:
    """Return the entry that the config file names. Raises `ConfigurationError`."""
    found = sources.find_in_file("api_key_keyring")
    if found.value is None:
        return Setting(None, "default")
    names: dict[Any, Any] = found.value if isinstance(found.value, dict) else {}
    service, username = names.get("service", ""), names.get("username", "")
    if len(names) != 2 or not all(isinstance(name, str) and name for name in (service, username)):
        raise ConfigurationError(f"{found.source} must hold `service` and `username`, both text, and nothing else")
    return Setting(KeyringEntry(service, username, found.source), found.source)


def find_process(sources: Sources) -> Setting[CredentialProcess | None]:
    """Return the command that the config file names. Raises `ConfigurationError`.

    From the file alone: whoever can set a variable must not thereby choose what is run.
    """
    found = sources.find_in_file("credential_process")
    limit = sources.find_in_file("credential_process_timeout")
    if found.value is None:
        return Setting(None, "default")
    words, seconds = _words(found), _PROCESS_TIMEOUT if limit.value is None else _seconds(limit)
    return Setting(CredentialProcess(words, seconds, found.source), found.source, secret=True)


def _words(found: Setting[Any]) -> tuple[str, ...]:
    words = found.value
    if isinstance(words, str):
        try:
            words = shlex.split(words)
        except ValueError as error:
            raise ConfigurationError(f"{found.source} cannot be split into words: {error}") from error
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words) or not words or not words[0]:
        raise ConfigurationError(
            f"{found.source} must be a command: text, or a list of its words, each of them text (numbers in quotes)"
        )
    return tuple(words)


def _seconds(found: Setting[Any]) -> float:
    seconds = found.value
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds < math.inf:
        raise ConfigurationError(f"{found.source} must be a number of seconds above 0")
    return float(seconds)
