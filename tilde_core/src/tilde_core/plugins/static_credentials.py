"""The API key from the configuration: the argument, `TILDE_API_KEY` or the config file."""

from __future__ import annotations

from tilde_core.hooks.layer import STATIC_CREDENTIALS
from tilde_core.hooks.offers import CredentialOffer, CredentialProvider, CredentialSettings
from tilde_core.hooks.spec import hookimpl

__all__ = ["tilde_credentials"]


class StaticCredentials:
    """One key that never changes."""

    def __init__(self, api_key: str) -> None:
        self._api_key = api_key

    def token(self) -> str:
        """Return the key."""
        return self._api_key

    def invalidate(self, token: str) -> bool:
        """Return `False`: there is no other key to try."""
        return False


def _open(settings: CredentialSettings) -> CredentialProvider | None:
    return StaticCredentials(settings.api_key) if settings.api_key else None


@hookimpl
def tilde_credentials() -> CredentialOffer:
    """Offer the configured key."""
    return CredentialOffer(STATIC_CREDENTIALS, 1000, _open)
