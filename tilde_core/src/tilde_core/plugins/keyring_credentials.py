"""The entry `api_key_keyring` of the config file. The library `keyring` is imported only where there is one."""

from __future__ import annotations

from tilde_core.hooks.layer import KEYRING_CREDENTIALS
from tilde_core.hooks.offers import CredentialOffer, CredentialProvider, CredentialSettings
from tilde_core.hooks.spec import hookimpl

__all__ = ["tilde_credentials"]


def _open(settings: CredentialSettings) -> CredentialProvider | None:
    if settings.api_key_keyring is None:
        return None
    from tilde_core.credentials.keyring_entry import KeyringCredentials

    return KeyringCredentials(settings.api_key_keyring)


@hookimpl
def tilde_credentials() -> CredentialOffer:
    """Offer the key in the keyring."""
    return CredentialOffer(KEYRING_CREDENTIALS, 1000, _open)
