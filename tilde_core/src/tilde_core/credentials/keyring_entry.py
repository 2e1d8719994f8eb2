"""The key that the keyring of the operating system keeps: Keychain, Credential Locker, Secret Service and so on."""

from __future__ import annotations

import re
import shlex
import threading
from typing import TYPE_CHECKING

from tilde_core.credentials.configured import KeyringEntry
from tilde_core.exceptions import ConfigurationError, CredentialsError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["KeyringCredentials"]

_PRINTABLE = re.compile(r"[\x21-\x7e]+\Z")


class KeyringCredentials:
    """Reads the key of `entry` when it is first needed, and again when the service refuses it.

    Raises `ConfigurationError` if the library `keyring` is not there.
    """

    def __init__(self, entry: KeyringEntry) -> None:
        self._entry = entry
        self._keyring = _library(entry)
        self._lock = threading.Lock()
        self._key: str | None = None

    def token(self) -> str:
        """Return the key. Raises `CredentialsError`."""
        with self._lock:
            if self._key is None:
                self._key = self._read()
            return self._key

    def invalidate(self, token: str) -> bool:
        """Read the key again, as it was refused. Return whether it is another by now. Raises `CredentialsError`."""
        with self._lock:
            if self._key == token:
                self._key = self._read()
            return self._key != token

    def _read(self) -> str:
        key = (self._password() or "").strip()
        command = shlex.join(("keyring", "set", self._entry.service, self._entry.username))
        if not key:
            raise CredentialsError(f"the keyring has no {self._entry.described}; `{command}` puts it there")
        if not _PRINTABLE.match(key):
            raise CredentialsError(
                f"the keyring's {self._entry.described} cannot be sent: it holds spaces, control or non-ASCII "
                f"characters; `{command}` replaces it"
            )
        return key

    def _password(self) -> str | None:
        errors = self._keyring.errors
        try:
            password: str | None = self._keyring.get_password(self._entry.service, self._entry.username)
        except errors.NoKeyringError as error:
            raise CredentialsError(
                f"this machine has no keyring that could hold the {self._entry.described}; `keyring diagnose` tells "
                "what there is. Set TILDE_API_KEY where there is none"
            ) from error
        except errors.KeyringLocked as error:
            raise CredentialsError(f"the keyring with the {self._entry.described} is locked: unlock it") from error
        except Exception as error:
            # Each system has errors of its own, and not all of them come as the library's.
            raise CredentialsError(
                f"the keyring did not give out the {self._entry.described} ({type(error).__name__}); "
                "`keyring diagnose` tells which one is in use"
            ) from error
        return password


def _library(entry: KeyringEntry) -> ModuleType:
    try:
        import keyring
        import keyring.errors
    except ImportError as error:
        raise ConfigurationError(
            f"{entry.source} needs the library keyring, which is not installed: it comes with the extra `keyring` of "
            "tilde-sdk and tilde-core"
        ) from error
    return keyring
