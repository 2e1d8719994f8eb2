"""Secrets on the wire, where a secret's name is called `key`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from tilde_core.models.base import Model, OrDefault
from tilde_core.models.confidential import Confidential

__all__ = ["SecretData", "SecretEntry"]


class SecretEntry(Model, frozen=True, kw_only=True):
    """A secret as lists describe it: who has created it and when, not its value."""

    name: str = msgspec.field(name="key")
    created_by_type: OrDefault[str] = ""
    created_by: OrDefault[str] = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values; times stay `datetime`."""
        return _with_name(super().to_dict())

    def _cells(self) -> dict[str, Any]:
        return _with_name(super()._cells())


class SecretData(Confidential, frozen=True, kw_only=True):
    """A secret with its value."""

    secret: ClassVar[str] = "value"

    name: str = msgspec.field(name="key")
    value: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, the secret one too."""
        return _with_name(super().to_dict())

    def _cells(self) -> dict[str, Any]:
        return _with_name(super()._cells())


def _with_name(fields: dict[str, Any]) -> dict[str, Any]:
    return {"name": fields.pop("key"), **fields}
