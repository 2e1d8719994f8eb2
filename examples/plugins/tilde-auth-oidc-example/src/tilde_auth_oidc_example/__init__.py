"""An example of a third-party plugin: exchanges an OIDC token for one of Tilde."""

from __future__ import annotations

from tilde_auth_oidc_example.plugin import OidcCredentials

__all__ = ["OidcCredentials"]
