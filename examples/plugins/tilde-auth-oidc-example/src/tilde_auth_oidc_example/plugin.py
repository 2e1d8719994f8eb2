"""What the entry point leads to: the credentials that the environment describes, if it describes any."""

from __future__ import annotations

from collections.abc import Mapping
from os import environ

from tilde.plugins import CredentialOffer, CredentialProvider, CredentialSettings, RefreshableCredentials, hookimpl

__all__ = ["OidcCredentials", "tilde_credentials"]

EXCHANGE_URL = "OIDC_EXCHANGE_URL"
AUDIENCE = "OIDC_AUDIENCE"


class OidcCredentials:
    """A plugin for one client: `Client(plugins=[OidcCredentials("https://id.example.com/token", "tilde")])`.

    The token of this machine is given to `exchange_url`, which answers with one for Tilde. `audience` is whom both are
    for. `variables` say where the first one comes from; without them, those of the process do. `name` is what
    `TILDE_CREDENTIALS` may choose: another one than that of the installed plugin, as both may be there.
    """

    def __init__(
        self,
        exchange_url: str | None = None,
        audience: str = "",
        *,
        variables: Mapping[str, str] | None = None,
        name: str = "oidc",
    ) -> None:
        self._exchange_url = exchange_url
        self._audience = audience
        self._variables = variables
        self._name = name

    @hookimpl
    def tilde_credentials(self) -> CredentialOffer:
        """Offer the exchange, ahead of the tokens of a sandbox."""
        return CredentialOffer(self._name, 100, self.open)

    def open(self, settings: CredentialSettings) -> CredentialProvider | None:
        """Return a provider if there is a URL to exchange tokens at, else `None`.

        Raises `ConfigurationError` for a URL that is not safe, and where there is no token to exchange.
        """
        variables = environ if self._variables is None else self._variables
        url = self._exchange_url or variables.get(EXCHANGE_URL)
        if not url:
            return None
        from tilde_auth_oidc_example.exchange import Exchange
        from tilde_auth_oidc_example.identity import identity_of

        audience = self._audience or variables.get(AUDIENCE, "")
        identity = identity_of(variables, audience, settings.send)
        return RefreshableCredentials(settings, Exchange(settings, url, audience, identity).fetch)

    def __repr__(self) -> str:
        return f"OidcCredentials({self._exchange_url!r}, {self._audience!r})"


# The hook of this module: the same, with everything from the environment.
tilde_credentials = OidcCredentials(name="oidc-example").tilde_credentials
