"""Byte ranges: what a caller asks for, and what an answer says it has."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ContentRange", "checked_byte_range", "range_header"]

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)\Z")


@dataclass(frozen=True, slots=True)
class ContentRange:
    """A `Content-Range`: positions of the first and last byte, and the size of the whole object if it is known."""

    first: int
    last: int
    total: int | None

    @classmethod
    def parsed(cls, value: str) -> ContentRange | None:
        """Return the range that a header value names; `None` if it names none."""
        match = _CONTENT_RANGE.match(value.strip())
        if match is None:
            return None
        first, last, total = match.groups()
        found = cls(int(first), int(last), None if total == "*" else int(total))
        return found if found.first <= found.last and (found.total is None or found.last < found.total) else None

    def __str__(self) -> str:
        return f"bytes {self.first}-{self.last}/{'*' if self.total is None else self.total}"


def checked_byte_range(byte_range: tuple[int, int | None] | None) -> tuple[int, int | None] | None:
    """Return `byte_range`, both ends inclusive. Raises `TypeError` for another form, `ValueError` for another order."""
    if byte_range is None:
        return None
    if not isinstance(byte_range, (tuple, list)) or len(byte_range) != 2:
        raise TypeError(f"byte_range must be a pair (start, end), not {byte_range!r}")
    start, end = byte_range
    for name, value in (("start", start), ("end", 0 if end is None else end)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"byte_range: {name} must be a whole number, not {type(value).__name__}")
    if start < 0 or (end is not None and end < start):
        raise ValueError(f"byte_range={start, end}: start must be 0 or more, and end (inclusive) not before it")
    return start, end


def range_header(first: int, last: int | None) -> str:
    """Return the value of a `Range` header; `last` is inclusive, `None` for the end of the object."""
    return f"bytes={first}-{'' if last is None else last}"
