"""The function that was given as `Client(api_key=...)`."""

from __future__ import annotations

from tilde_core.hooks.layer import FUNCTION_CREDENTIALS
from tilde_core.hooks.offers import CredentialOffer, CredentialProvider, CredentialSettings
from tilde_core.hooks.spec import hookimpl

__all__ = ["tilde_credentials"]


def _open(settings: CredentialSettings) -> CredentialProvider | None:
    from tilde_core.credentials.given_function import FunctionCredentials

    function = settings.api_key_function
    return None if function is None else FunctionCredentials(settings, function)


@hookimpl
def tilde_credentials() -> CredentialOffer:
    """Offer what the function returns."""
    return CredentialOffer(FUNCTION_CREDENTIALS, 1000, _open)
