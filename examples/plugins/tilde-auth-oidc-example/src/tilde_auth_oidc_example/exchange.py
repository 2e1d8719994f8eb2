"""The exchange of one token for another, by RFC 8693."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

from tilde.exceptions import CredentialsError
from tilde.plugins import AccessToken, CredentialSettings, Headers, Request
from tilde_auth_oidc_example.answers import checked_url, json_of, text_of
from tilde_auth_oidc_example.identity import Identity

__all__ = ["Exchange"]

_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_TYPE = "urn:ietf:params:oauth:token-type:"
_UNSAID = 300.0  # seconds that a token is taken to be good for if the answer does not say


class Exchange:
    """Exchanges the token of this machine at `url`. Raises `ConfigurationError` for a URL that is not safe."""

    def __init__(self, settings: CredentialSettings, url: str, audience: str, identity: Identity) -> None:
        self._settings = settings
        self._url = checked_url(url, "the URL of the exchange")
        self._audience = audience
        self._identity = identity

    def fetch(self) -> AccessToken:
        """Return a fresh token. Raises `TildeError`."""
        request = self._request(self._identity())
        answer = json_of(request, self._settings.send(request))
        kind = answer.get("token_type", "Bearer")
        if str(kind).lower() != "bearer":
            raise CredentialsError(f"{request.safe_url} gave a token that is no bearer token")
        return AccessToken(text_of(answer, "access_token", request), self._end(answer, request))

    def _request(self, subject_token: str) -> Request:
        form = {
            "grant_type": _GRANT,
            "subject_token": subject_token,
            "subject_token_type": f"{_TYPE}jwt",
            "requested_token_type": f"{_TYPE}access_token",
        }
        if self._audience:
            form["audience"] = self._audience
        headers = Headers({"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"})
        return Request(
            method="POST",
            url=self._url,
            headers=headers,
            content=urlencode(form).encode(),
            operation="oidc.exchange",
        )

    def _end(self, answer: dict[str, Any], request: Request) -> datetime:
        seconds = answer.get("expires_in", _UNSAID)
        now = datetime.fromtimestamp(self._settings.clock.wall(), timezone.utc)
        try:
            return now + timedelta(seconds=float(seconds))
        except (TypeError, ValueError, OverflowError):
            raise CredentialsError(f"{request.safe_url} gave an expires_in that is no number of seconds") from None
