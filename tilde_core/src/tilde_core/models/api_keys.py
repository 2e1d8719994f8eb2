"""API keys on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from tilde_core.models.base import Model, OrDefault
from tilde_core.models.confidential import Confidential

__all__ = ["APIKeyData", "CreatedAPIKey"]


class APIKeyData(Model, frozen=True, kw_only=True):
    """An API key as lists describe it: without the token."""

    id: str
    user_id: OrDefault[str] = ""
    name: OrDefault[str] = ""
    description: OrDefault[str] = ""
    token_hint: OrDefault[str] = ""
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class CreatedAPIKey(Confidential, frozen=True, kw_only=True):
    """A new API key. `token` is the credential itself: it is told only here, and never shown in a `repr`."""

    secret: ClassVar[str] = "token"

    token: str
    id: str
    name: OrDefault[str] = ""
    description: OrDefault[str] = ""
