"""What a resource asks of the pipeline: one call of the API, not yet a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tilde_core.arguments import checked_text
from tilde_core.exceptions import TildeError
from tilde_core.http import ByteStream, Response

__all__ = ["Operation", "api_path", "checked_segment"]

_REPEATABLE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call of the service, or of an object store that it points to.

    `path` lies below `/api/v1`, made by `api_path`; `url` instead is a presigned URL, sent as it is and without the
    token.
    `query` leaves out what is `None`. `body` goes out as JSON, `content` as it is. `stream` leaves the answer's body
    unread. `repeatable` tells that a duplicate is harmless; by default that goes by the method (not for POST).

    `resolve` finds out what became of an operation that must not happen twice, when an attempt ended without telling:
    it returns the answer that was lost, or `None` if it did not happen and may be sent again, or raises if that
    cannot be told.
    """

    name: str
    method: str
    path: str = ""
    url: str = ""
    query: Mapping[str, str | int | None] = field(default_factory=dict)
    body: Any = None
    content: bytes | ByteStream = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: bool = False
    repeatable: bool | None = None
    resolve: Callable[[TildeError], Response | None] | None = None

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be sent again when it is not known if it was done."""
        return self.method in _REPEATABLE_METHODS if self.repeatable is None else self.repeatable

    def __repr__(self) -> str:
        return f"Operation({self.name!r}, {self.method} {self.path or 'presigned URL'})"


def api_path(*segments: str) -> str:
    """Join segments to a path below `/api/v1`, each percent-encoded. Raises `ValueError` for one that would change
    the path: for a message that names the argument, give it to `checked_segment` first."""
    return "".join(f"/{quote(checked_segment('path segment', segment), safe='')}" for segment in segments)


def checked_segment(name: str, value: str) -> str:
    """Return `value` if it can be one segment of a URL path; slashes can, percent-encoded.

    Raises `TypeError`, and `ValueError` for `""`, `"."`, `".."`, control characters and lone surrogates; both begin
    with `name`, that of the argument.
    """
    if checked_text(name, value) in ("", ".", ".."):
        raise ValueError(f"{name} {value!r} is not allowed: it would change the URL")
    return value
