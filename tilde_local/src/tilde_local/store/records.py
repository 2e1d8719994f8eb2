"""The rows that the modules of the store hand to each other and to the API."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Commit", "Entry", "Organization", "Repository", "Session", "User", "View"]


class User(NamedTuple):
    """Who calls."""

    id: str
    username: str
    email: str
    full_name: str
    created_at: str


class Organization(NamedTuple):
    """An organization that is not deleted."""

    id: str
    name: str
    display_name: str
    created_at: str


class Repository(NamedTuple):
    """A repository that is not deleted. `head` is the number of its newest commit, 0 if there is none."""

    key: int
    id: str
    organization_id: str
    name: str
    description: str
    retention_days: int
    created_by: str
    created_at: str
    head: int


class Session(NamedTuple):
    """An open session. `base` is the number of the commit it sees below its own changes."""

    key: int
    id: str
    repository: int
    base: int


class Commit(NamedTuple):
    """A commit. `seq` counts from 1 in its repository; `metadata` is a JSON object as text, or empty."""

    seq: int
    id: str
    parent: str | None
    committer: str
    committer_id: str
    message: str
    metadata: str
    created_at: str


class Entry(NamedTuple):
    """What a path holds. `etag` has its double quotes; `metadata` is a JSON object as text, or empty."""

    blob: bytes
    size: int
    etag: str
    content_type: str
    metadata: str
    modified: str

    def same_content(self, other: Entry | None) -> bool:
        """Whether a reader could tell the two apart by anything but their age."""
        return other is not None and self[:1] + self[3:5] == other[:1] + other[3:5]


class View(NamedTuple):
    """What a read sees: commit number `seq` of a repository, below the changes of `session` if there is one."""

    repository: int
    seq: int
    head: int
    session: int | None = None
