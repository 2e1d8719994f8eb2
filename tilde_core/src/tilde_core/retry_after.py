"""The `Retry-After` header in both of its forms."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from tilde_core.http import Headers

__all__ = ["http_date", "retry_after"]


def retry_after(headers: Headers) -> float | None:
    """Return the seconds that `Retry-After` asks to wait (number or HTTP date), `None` if it is missing or unreadable.

    A date is compared with the answer's own `Date`, so that a clock that is off here does no harm.
    """
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isascii() and value.replace(".", "", 1).isdigit():
        return float(value)
    when = http_date(value)
    if when is None:
        return None
    now = http_date(headers.get("Date", "")) or datetime.now(timezone.utc)
    return max(0.0, (when - now).total_seconds())


def http_date(value: str) -> datetime | None:
    """Return the moment that an HTTP date names, with its time zone; `None` if it is not one."""
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=timezone.utc)
