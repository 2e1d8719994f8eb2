"""Where the token of this machine comes from: a file, GitHub Actions, or Kubernetes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from tilde.exceptions import ConfigurationError, CredentialsError
from tilde.plugins import Headers, Request, Response
from tilde_auth_oidc_example.answers import checked_url, json_of, text_of

__all__ = ["KUBERNETES_FILE", "Identity", "identity_of"]

TOKEN_FILE = "OIDC_TOKEN_FILE"
GITHUB_URL = "ACTIONS_ID_TOKEN_REQUEST_URL"
GITHUB_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
KUBERNETES_HOST = "KUBERNETES_SERVICE_HOST"
KUBERNETES_FILE = "/var/run/secrets/tokens/oidc"

Identity = Callable[[], str]
"""Returns the token of this machine, anew each time: all of them live for some minutes only."""


def identity_of(variables: Mapping[str, str], audience: str, send: Callable[[Request], Response]) -> Identity:
    """Return the first that there is. Raises `ConfigurationError` if there is none, or one that cannot work."""
    if path := variables.get(TOKEN_FILE):  # an empty variable is as good as none
        return _file(path)
    if variables.get(GITHUB_URL):
        return _github(variables, audience, send)
    if variables.get(KUBERNETES_HOST):
        return _file(KUBERNETES_FILE)
    raise ConfigurationError(
        f"there is no OIDC token to exchange: set {TOKEN_FILE} to a file with one, give the job in GitHub Actions the "
        f"permission id-token: write, or project a service account token to {KUBERNETES_FILE} in Kubernetes"
    )


def _file(path: str) -> Identity:
    """Somebody else keeps the file fresh: kubelet, or an agent of the identity provider."""

    def read() -> str:
        try:
            token = Path(path).read_text(encoding="ascii").strip()
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not ASCII"
            raise CredentialsError(f"the OIDC token in {path} cannot be read: {reason}") from None
        if not token:
            raise CredentialsError(f"the file {path} is to hold an OIDC token, and is empty")
        return token

    return read


def _github(variables: Mapping[str, str], audience: str, send: Callable[[Request], Response]) -> Identity:
    """See "OpenID Connect" in the documentation of GitHub Actions."""
    url = checked_url(variables[GITHUB_URL], GITHUB_URL)
    token = variables.get(GITHUB_TOKEN)
    if not token:
        raise ConfigurationError(
            f"{GITHUB_URL} is set and {GITHUB_TOKEN} is not: hand both on to this step, as GitHub Actions sets them"
        )
    if audience:
        url += f"{'&' if '?' in url else '?'}audience={quote(audience, safe='')}"
    headers = Headers({"Authorization": f"Bearer {token}", "Accept": "application/json"})
    request = Request(method="GET", url=url, headers=headers, operation="oidc.identity")

    def fetch() -> str:
        return text_of(json_of(request, send(request)), "value", request)

    return fetch
