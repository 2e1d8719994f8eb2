"""What a session remembers of itself."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Staged"]


@dataclass(frozen=True, slots=True)
class Staged:
    """One change of a session: a path and the ETag it was given (`""` if that is not known), or that it was removed."""

    path: str
    etag: str = ""
    is_deleted: bool = False
