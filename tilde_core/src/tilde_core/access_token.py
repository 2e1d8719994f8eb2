"""A token that ends at a known time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

import msgspec

__all__ = ["AccessToken", "parse_expiry"]


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer `token` that is good until `expires_at`, which has a time zone. The repr does not show the token.

    A plugin may derive from it what else it knows of its tokens.
    """

    token: str = field(repr=False)
    expires_at: datetime

    def __post_init__(self) -> None:
        if not isinstance(self.token, str):
            raise TypeError(f"token must be a str, not {type(self.token).__name__}")
        if not isinstance(self.expires_at, datetime):
            raise TypeError(f"expires_at must be a datetime, not {type(self.expires_at).__name__}")
        if self.expires_at.utcoffset() is None:
            raise ValueError("expires_at must have a time zone: without one, nobody knows when that is")


def parse_expiry(text: str) -> datetime:
    """Return the time that `text` says, such as `"2026-01-31T12:00:00.5Z"` or `"2026-01-31T13:00:00+01:00"`.

    Fractions of a second may have any number of digits, on every version of Python. Raises `ValueError` for another
    form, and for a time without a zone.
    """
    try:
        expiry: datetime = msgspec.convert(text, Annotated[datetime, msgspec.Meta(tz=True)])
    except msgspec.ValidationError as error:
        raise ValueError(f"not a time as in 2026-01-31T12:00:00Z, with its zone: {error}") from error
    return expiry
