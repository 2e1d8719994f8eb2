"""Repositories. Deleting one hides it; its rows and blobs stay on disk."""

from __future__ import annotations

import re
import sqlite3
import uuid

from tilde_local.errors import BadRequest, Conflict, NotFound
from tilde_local.store import organizations
from tilde_local.store.records import Organization, Repository, User

__all__ = ["DEFAULT_RETENTION_DAYS", "create", "delete", "find", "list_in", "list_of", "update"]

DEFAULT_RETENTION_DAYS = 14
MAX_RETENTION_DAYS = 36_500
_COLUMNS = (
    "repositories.key, repositories.id, repositories.organization_id, repositories.name, description, retention_days,"
    " created_by, repositories.created_at, head"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _check_retention(days: int) -> None:
    if not 1 <= days <= MAX_RETENTION_DAYS:
        raise BadRequest(f"retention_days: expected 1 to {MAX_RETENTION_DAYS} days, got {days}")


def create(
    db: sqlite3.Connection,
    organization: Organization,
    name: str,
    description: str,
    retention_days: int,
    creator: User,
    now: str,
) -> Repository:
    """A new, empty repository. Raises BadRequest for values that are none, Conflict for a name that is taken."""
    if not _NAME.fullmatch(name):
        raise BadRequest(f"name: must match ^{_NAME.pattern}$, got {name!r}")
    _check_retention(retention_days)
    if _select(db, organization, name) is not None:
        raise Conflict(f"a repository {organization.name}/{name} exists already")
    db.execute(
        "INSERT INTO repositories (id, organization_id, name, description, retention_days, created_by, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (str(uuid.uuid4()), organization.id, name, description, retention_days, creator.id, now),
    )
    return find(db, organization.name, name, creator)


def _select(db: sqlite3.Connection, organization: Organization, name: str) -> Repository | None:
    row = db.execute(
        f"SELECT {_COLUMNS} FROM repositories WHERE organization_id = ? AND name = ? AND deleted_at IS NULL",
        (organization.id, name),
    ).fetchone()
    return row and Repository(*row)


def find(db: sqlite3.Connection, organization: str, name: str, user: User) -> Repository:
    """The repository. Raises NotFound, also when `user` is not in the organization."""
    repository = _select(db, organizations.find(db, organization, user), name)
    if repository is None:
        raise NotFound(f"no repository {name!r} in organization {organization!r}")
    return repository


def list_in(db: sqlite3.Connection, organization: Organization, after: str, limit: int) -> list[Repository]:
    """At most `limit` repositories with names after `after`, by name."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM repositories WHERE organization_id = ? AND name > ? AND deleted_at IS NULL"
        " ORDER BY name LIMIT ?",
        (organization.id, after, limit),
    )
    return [Repository(*row) for row in rows]


def list_of(db: sqlite3.Connection, user: User) -> list[tuple[Repository, Organization]]:
    """Every repository that `user` can see, with its organization."""
    return [
        (repository, organization)
        for organization in organizations.list_of(db, user)
        for repository in list_in(db, organization, "", -1)
    ]


def update(db: sqlite3.Connection, repository: Repository, description: str, retention_days: int) -> Repository:
    """The repository with new settings. Raises BadRequest."""
    _check_retention(retention_days)
    db.execute(
        "UPDATE repositories SET description = ?, retention_days = ? WHERE key = ?",
        (description, retention_days, repository.key),
    )
    return repository._replace(description=description, retention_days=retention_days)


def delete(db: sqlite3.Connection, repository: Repository, now: str) -> None:
    """Soft-delete: the repository is found no more and its name is free."""
    db.execute("UPDATE repositories SET deleted_at = ? WHERE key = ?", (now, repository.key))
