"""The command `credential_process` of the config file. What runs it is imported only where there is one."""

from __future__ import annotations

from functools import partial

from tilde_core.hooks.layer import PROCESS_CREDENTIALS
from tilde_core.hooks.offers import CredentialOffer, CredentialProvider, CredentialSettings
from tilde_core.hooks.spec import hookimpl

__all__ = ["tilde_credentials"]


def _open(settings: CredentialSettings) -> CredentialProvider | None:
    if settings.credential_process is None:
        return None
    from tilde_core.credentials.command_output import fetch_from
    from tilde_core.refreshable_credentials import RefreshableCredentials

    return RefreshableCredentials(settings, partial(fetch_from, settings.credential_process))


@hookimpl
def tilde_credentials() -> CredentialOffer:
    """Offer what the command prints."""
    return CredentialOffer(PROCESS_CREDENTIALS, 1000, _open)
