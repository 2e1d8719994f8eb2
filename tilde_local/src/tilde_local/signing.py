"""Presigned URLs and upload tokens: HMAC-SHA-256 with a secret that never leaves the data directory."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from tilde_local.clock import Clock
from tilde_local.errors import BadRequest, Forbidden

__all__ = ["Signer", "pack", "unpack"]


def pack(value: Any) -> str:
    """`value` as JSON in URL-safe base64, without padding."""
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=").decode("ascii")


def unpack(text: str) -> Any:
    """What `pack` made. Raises ValueError."""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError) as error:
        raise ValueError("not a packed value") from error


class Signer:
    """Signs and checks. `secret` is at least 32 random bytes."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def _mac(self, purpose: str, message: str) -> str:
        # The purpose comes first and has no newline: a token can never pass for a URL.
        return hmac.new(self._secret, f"{purpose}\n{message}".encode(), hashlib.sha256).hexdigest()

    def url(self, method: str, path: str, query: Mapping[str, str], lifetime: int) -> str:
        """`path?query` that is good for one method, and for `lifetime` seconds."""
        signed = {**query, "expires": str(int(self._clock().timestamp()) + lifetime)}
        signature = self._mac("url", _canonical(method, path, list(signed.items())))
        return f"{path}?{urlencode({**signed, 'signature': signature})}"

    def check_url(self, method: str, path: str, query_string: str) -> dict[str, str]:
        """The query of a URL that `url` made. Raises Forbidden if it was altered or has expired."""
        pairs = parse_qsl(query_string, keep_blank_values=True)
        signatures = [value for name, value in pairs if name == "signature"]
        signed = [pair for pair in pairs if pair[0] != "signature"]
        expected = self._mac("url", _canonical(method, path, signed))
        if len(signatures) != 1 or not hmac.compare_digest(signatures[0].encode(), expected.encode()):
            raise Forbidden("the signature does not match this method and URL", code="invalid_signature")
        query = dict(signed)
        if int(query["expires"]) <= self._clock().timestamp():
            raise Forbidden("this URL has expired: ask the API for a new one", code="expired_url")
        return query

    def token(self, purpose: str, claims: Mapping[str, str]) -> str:
        """An opaque token that holds `claims`."""
        packed = pack(claims)
        return f"{packed}.{self._mac(purpose, packed)}"

    def claims(self, purpose: str, token: str) -> dict[str, str] | None:
        """The claims of a token made for `purpose`, None if this server made no such token."""
        packed, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._mac(purpose, packed).encode()):
            return None
        claims: dict[str, str] = unpack(packed)
        return claims

    def check_token(self, purpose: str, token: str, expected: Mapping[str, str]) -> dict[str, str]:
        """The claims of an upload token made for `purpose` that agree with `expected`. Raises BadRequest."""
        claims = self.claims(purpose, token)
        if claims is None:
            raise BadRequest("upload_token: not a token of this server", code="invalid_upload_token")
        for name, value in expected.items():
            if claims.get(name) != value:
                raise BadRequest(f"upload_token: was issued for another {name}", code="invalid_upload_token")
        return claims


def _canonical(method: str, path: str, query: list[tuple[str, str]]) -> str:
    return f"{method}\n{path}\n{urlencode(sorted(query))}"
