"""Offers the tokens of the sandbox to the SDK. HTTP and TLS are imported inside a sandbox only."""

from __future__ import annotations

from tilde.plugins import CredentialOffer, CredentialProvider, CredentialSettings, RefreshableCredentials, hookimpl

__all__ = ["open_provider", "tilde_credentials"]


def open_provider(settings: CredentialSettings) -> CredentialProvider | None:
    """Return a provider inside a sandbox, `None` elsewhere. Raises `ConfigurationError` for a URI that is not safe to
    ask."""
    if settings.sandbox_credentials_uri is None:
        return None
    from tilde_auth_sandbox.metadata import MetadataEndpoint

    endpoint = MetadataEndpoint(settings.sandbox_credentials_uri, settings.clock, settings.network)
    return RefreshableCredentials(settings, endpoint.fetch)


@hookimpl
def tilde_credentials() -> CredentialOffer:
    """Offer the sandbox's tokens, behind all other sources."""
    return CredentialOffer("sandbox", -1000, open_provider)
