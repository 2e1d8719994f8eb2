"""Time as the server keeps it: UTC, as text that sorts like the moments it names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

__all__ = ["Clock", "parse_stamp", "stamp", "utc_now"]

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The current time, with its time zone (UTC)."""
    return datetime.now(timezone.utc)


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds: fixed width, so that text order is time order."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_stamp(text: str) -> datetime:
    """The moment that `stamp` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
