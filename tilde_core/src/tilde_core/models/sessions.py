"""What a session remembers of itself."""

from __future__ import annotations

from dataclasses import dataclass

from tilde_core.models.base import Model

__all__ = ["SessionState", "Staged"]


@dataclass(frozen=True, slots=True)
class Staged:
    """One change of a session: a path and the ETag it was given (`""` if that is not known), or that it was removed."""

    path: str
    etag: str = ""
    is_deleted: bool = False


class SessionState(Model, frozen=True, kw_only=True):
    """What a handle knows of its session, without asking.

    `state` is `"open"`, `"approval_required"` (submitted, and not reviewed as far as is known; see `web_url`),
    `"committed"`, `"approved"` (both with a `commit_id`), `"rolled_back"`, or `"reviewed"`: one of the last two, not
    known which.
    """

    session_id: str
    repository: str
    state: str = "open"
    commit_id: str = ""
    web_url: str = ""

    def __str__(self) -> str:
        words = self.state.replace("approval_required", "awaiting approval").replace("_", " ")
        return f"{words} as {self.commit_id}" if self.commit_id else words
