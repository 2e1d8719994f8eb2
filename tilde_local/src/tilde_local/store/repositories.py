"""Repositories. Deleting one hides it; its rows and blobs stay on disk."""

from __future__ import annotations

import re
import sqlite3
import uuid
from collections.abc import Iterator

from tilde_local.errors import BadRequest, Conflict, NotFound
from tilde_local.store.records import Organization, Principal, Repository

__all__ = ["DEFAULT_RETENTION_DAYS", "create", "delete", "find", "find_by_key", "list_in", "require_approval", "update"]

DEFAULT_RETENTION_DAYS = 14
MAX_RETENTION_DAYS = 36_500
_COLUMNS = (
    "repositories.key, repositories.id, repositories.organization_id, repositories.name, description, retention_days,"
    " created_by_type, created_by, repositories.created_at, head, requires_approval"
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
    creator: Principal,
    now: str,
) -> Repository:
    """A new, empty repository. Raises BadRequest for values that are none, Conflict for a name that is taken."""
    if not _NAME.fullmatch(name):
        raise BadRequest(f"name: must match ^{_NAME.pattern}$, got {name!r}")
    _check_retention(retention_days)
    if _select(db, organization, name) is not None:
        raise Conflict(f"a repository {organization.name}/{name} exists already")
    db.execute(
        "INSERT INTO repositories"
        " (id, organization_id, name, description, retention_days, created_by_type, created_by, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (str(uuid.uuid4()), organization.id, name, description, retention_days, creator.type, creator.id, now),
    )
    return find(db, organization, name)


def _select(db: sqlite3.Connection, organization: Organization, name: str) -> Repository | None:
    row = db.execute(
        f"SELECT {_COLUMNS} FROM repositories WHERE organization_id = ? AND name = ? AND deleted_at IS NULL",
        (organization.id, name),
    ).fetchone()
    return row and Repository(*row)


def find(db: sqlite3.Connection, organization: Organization, name: str) -> Repository:
    """The repository. Raises NotFound."""
    repository = _select(db, organization, name)
    if repository is None:
        raise NotFound(f"no repository {name!r} in organization {organization.name!r}")
    return repository


def find_by_key(db: sqlite3.Connection, key: int) -> Repository:
    """The repository, for the server's own use. Raises NotFound if it was deleted."""
    row = db.execute(f"SELECT {_COLUMNS}, deleted_at FROM repositories WHERE key = ?", (key,)).fetchone()
    repository = Repository(*row[:-1])
    if row[-1] is not None:
        raise NotFound(f"repository {repository.name!r} was deleted")
    return repository


def list_in(db: sqlite3.Connection, organization: Organization, after: str = "") -> Iterator[Repository]:
    """The repositories with names after `after`, by name. Rows are read as they are asked for."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM repositories WHERE organization_id = ? AND name > ? AND deleted_at IS NULL"
        " ORDER BY name",
        (organization.id, after),
    )
    return (Repository(*row) for row in rows)


def update(db: sqlite3.Connection, repository: Repository, description: str, retention_days: int) -> Repository:
    """The repository with new settings. Raises BadRequest."""
    _check_retention(retention_days)
    db.execute(
        "UPDATE repositories SET description = ?, retention_days = ? WHERE key = ?",
        (description, retention_days, repository.key),
    )
    return repository._replace(description=description, retention_days=retention_days)


def require_approval(db: sqlite3.Connection, repository: Repository, required: bool) -> None:
    """From now on, let commits of agents wait for a review, or no longer. What waits already goes on waiting."""
    db.execute("UPDATE repositories SET requires_approval = ? WHERE key = ?", (required, repository.key))


def delete(db: sqlite3.Connection, repository: Repository, now: str) -> None:
    """Soft-delete: the repository is found no more and its name is free."""
    db.execute("UPDATE repositories SET deleted_at = ? WHERE key = ?", (now, repository.key))
