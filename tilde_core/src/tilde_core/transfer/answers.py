"""Which bytes of an object an answer holds."""

from __future__ import annotations

from dataclasses import dataclass

from tilde_core.exceptions import IntegrityError, error_for_status
from tilde_core.http import Response
from tilde_core.transfer.ranges import ContentRange, range_header

__all__ = ["Span", "span_of"]

_PARTIAL, _NOT_SATISFIABLE = 206, 416


@dataclass(frozen=True, slots=True)
class Span:
    """What is to be read, and what the body holds; positions in the object, ends exclusive and `None` if not known.

    `first` and `end` are what was asked for, `body_starts` and `body_ends` what came: more, when a range was asked for
    and the whole object came. `total` is the size of the object.
    """

    first: int
    end: int | None
    body_starts: int
    body_ends: int | None
    total: int | None


def span_of(response: Response, byte_range: tuple[int, int | None] | None, operation: str) -> Span:
    """Return what `response` holds of `byte_range` (ends inclusive; `None` asks for everything).

    Raises `IntegrityError` for another range than the one asked for, `APIError` for one beyond the end.
    """
    if response.status == _PARTIAL:
        return _part(response, byte_range, operation)
    total = _content_length(response, operation)
    first, last = byte_range or (0, None)
    if byte_range is not None and total is not None and first >= total:
        raise error_for_status(_NOT_SATISFIABLE)(
            f"byte_range={byte_range} begins beyond the end of the object, which has {total} bytes",
            status_code=_NOT_SATISFIABLE,
            operation=operation,
            request_id=response.headers.request_id,
        )
    ends = [end for end in (total, None if last is None else last + 1) if end is not None]
    # Without any, only the end of the body tells where the object ends.
    return Span(first, min(ends, default=None), 0, total, total)


def _part(response: Response, byte_range: tuple[int, int | None] | None, operation: str) -> Span:
    value = response.headers.get("Content-Range", "")
    found = ContentRange.parsed(value)
    if found is None or byte_range is None or not _fits(found, *byte_range):
        asked = "the whole object" if byte_range is None else range_header(*byte_range)
        raise _wrong(response, f"asked for {asked} and got {value or 'a part of it'!r} instead", operation)
    length = _content_length(response, operation)
    if length not in (None, found.last + 1 - found.first):
        raise _wrong(response, f"the answer has {length} bytes and says it is {value!r}", operation)
    return Span(found.first, found.last + 1, found.first, found.last + 1, found.total)


def _fits(found: ContentRange, first: int, last: int | None) -> bool:
    """Whether it is the range asked for, which the end of the object may cut short."""
    if found.first != first or (last is not None and found.last > last):
        return False
    return found.last == last or found.total is None or found.last == found.total - 1


def _content_length(response: Response, operation: str) -> int | None:
    value = response.headers.get("Content-Length")
    if value is None:
        return None
    if not (value.isascii() and value.isdigit()):
        raise _wrong(response, f"the answer has the length {value!r}, which is no number", operation)
    return int(value)


def _wrong(response: Response, message: str, operation: str) -> IntegrityError:
    return IntegrityError(message, operation=operation, request_id=response.headers.request_id)
