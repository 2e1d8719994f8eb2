"""Tokens from a function of the user's own, as in `Client(api_key=function)`."""

from __future__ import annotations

import re
from typing import Any

from tilde_core.access_token import AccessToken
from tilde_core.credentials.configured import ApiKeyFunction
from tilde_core.exceptions import CredentialsError, TildeError
from tilde_core.hooks.offers import CredentialSettings
from tilde_core.refreshable_credentials import RefreshableCredentials

__all__ = ["FunctionCredentials"]

_PRINTABLE = re.compile(r"[\x21-\x7e]+\Z")


class FunctionCredentials:
    """Asks `function` for a token when one is needed. Used by many threads at once; the function is by one.

    An `AccessToken` is kept and replaced as `RefreshableCredentials` does it. Nobody knows when a `str` ends, so it is
    asked for anew each time; those who ask while a call is under way share what it returns.
    """

    def __init__(self, settings: CredentialSettings, function: ApiKeyFunction) -> None:
        self._function = function
        self._tokens = RefreshableCredentials(settings, self._fetch)

    def token(self) -> str:
        """Return a token that is valid now. Raises `CredentialsError`, and the function's own `TildeError`."""
        try:
            return self._tokens.token()
        except _TextGiven as given:
            return given.text

    def current(self) -> AccessToken | None:
        """Return the token in use; `None` if the function returns a text. Raises what `token` raises."""
        try:
            return self._tokens.current()
        except _TextGiven:
            return None

    def invalidate(self, token: str) -> bool:
        """Drop `token`, which the service refused. Return `True`: the function may have another."""
        return self._tokens.invalidate(token)

    def _fetch(self) -> AccessToken:
        given = self._called()
        if isinstance(given, AccessToken):
            _check_token(given.token)
            return given
        if not isinstance(given, str):
            raise CredentialsError(
                f"the function given as api_key returned {type(given).__name__}; it must return a str or an AccessToken"
            )
        _check_token(given)
        raise _TextGiven(given)

    def _called(self) -> Any:
        try:
            return self._function()
        except TildeError:
            raise
        except Exception as error:
            raise CredentialsError(f"the function given as api_key failed: {type(error).__name__}: {error}") from error


class _TextGiven(Exception):
    """The function returned a text, which is to be used once and not kept."""

    def __init__(self, text: str) -> None:
        super().__init__()  # not with the text: whatever shows an error would show it
        self.text = text


def _check_token(token: str) -> None:
    if not _PRINTABLE.match(token):
        raise CredentialsError(
            "the function given as api_key returned a token that cannot be sent: it must be printable ASCII without "
            "spaces, and not empty. Does it end with a line break? Then strip() it"
        )
