"""Secrets at rest: AES-256-GCM, each bound to whom it belongs to, so that a row cannot be moved to another owner."""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tilde_local.errors import ApiError

__all__ = ["Encryption"]

_NONCE_BYTES = 12


class Encryption:
    """Encrypts and decrypts with one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def encrypt(self, text: str, *owner: str) -> bytes:
        """`text` as it is stored; only the same `owner` gets it back."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), _bound_to(owner))

    def decrypt(self, stored: bytes, *owner: str) -> str:
        """What was encrypted. Raises ApiError if the key or the data is not that of then."""
        try:
            plain = self._cipher.decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], _bound_to(owner))
        except InvalidTag as error:
            raise ApiError(
                "this cannot be decrypted: encryption.key in the data directory is not the one it was stored with;"
                " put that file back, or store the value anew",
                code="cannot_decrypt",
            ) from error
        return plain.decode()


def _bound_to(owner: tuple[str, ...]) -> bytes:
    return "\x00".join(owner).encode()
