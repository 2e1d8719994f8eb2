"""Commits and what committing a session answers."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tilde_core.models.base import Model, OrDefault

__all__ = ["ApprovalResult", "CommitData", "CommitResult"]


class CommitData(Model, frozen=True, kw_only=True):
    """A commit as the service describes it."""

    id: str
    committer: OrDefault[str] = ""
    committer_type: OrDefault[str] = ""
    committer_id: OrDefault[str] = ""
    message: OrDefault[str] = ""
    creation_date: datetime | None = None
    parents: OrDefault[list[str]] = msgspec.field(default_factory=list)
    metadata: OrDefault[dict[str, str]] = msgspec.field(default_factory=dict)
    is_stale: OrDefault[bool] = False


class CommitResult(Model, frozen=True, kw_only=True):
    """What became of a commit: `status` is `"committed"` (see `commit_id`) or `"approval_required"` (see `web_url`)."""

    status: str
    commit_id: str = ""
    web_url: str = ""


class ApprovalResult(Model, frozen=True, kw_only=True):
    """How a review ended: `status` is `"approved"` (see `commit_id`) or `"rolled_back"`."""

    status: str
    commit_id: str = ""
