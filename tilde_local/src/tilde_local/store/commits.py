"""Commits: one line of history a repository, numbered from 1."""

from __future__ import annotations

import re
import sqlite3
from datetime import datetime, timedelta

from tilde_local.clock import stamp
from tilde_local.errors import BadRequest, Gone, NotFound
from tilde_local.schema import COMMIT_COLUMNS
from tilde_local.store.paths import prefix_end
from tilde_local.store.records import Commit, Repository

__all__ = ["MIN_ABBREVIATION", "find", "is_stale", "log", "refuse_stale", "require"]

MIN_ABBREVIATION = 8
_ID = re.compile(r"[0-9a-f]{8,64}")
_COLUMNS = ", ".join(f"c.{name}" for name in COMMIT_COLUMNS.split(", "))


def find(db: sqlite3.Connection, repository: Repository, ref: str) -> Commit:
    """The commit with this id, or the only one whose id starts so (8 characters or more).

    Raises NotFound, and BadRequest if several commits match.
    """
    if not _ID.fullmatch(ref):
        raise NotFound(f"no commit {ref!r}: a commit id is 64 hexadecimal digits, of which the first 8 or more will do")
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM commits c WHERE repository = ? AND id >= ? AND id < ? LIMIT 2",
        (repository.key, ref, prefix_end(ref)),
    ).fetchall()
    if not rows:
        raise NotFound(f"no commit {ref!r} in repository {repository.name!r}")
    if len(rows) > 1:
        raise BadRequest(f"the commit id {ref!r} is ambiguous: give more of its characters", code="ambiguous_ref")
    return Commit(*rows[0])


def _cutoff(repository: Repository, now: datetime) -> str:
    return stamp(now - timedelta(days=repository.retention_days))


def is_stale(commit: Commit, repository: Repository, now: datetime) -> bool:
    """Whether the commit is beyond the retention period. The newest commit never is."""
    return commit.seq < repository.head and commit.created_at < _cutoff(repository, now)


def refuse_stale(commit: Commit, repository: Repository, now: datetime) -> None:
    """Raise Gone if the commit's objects are not to be listed or read."""
    if is_stale(commit, repository, now):
        raise Gone(
            f"commit {commit.id} is older than the repository's retention of {repository.retention_days} days:"
            " its objects cannot be listed or read",
            code="stale_commit",
        )


def require(db: sqlite3.Connection, repository: Repository, ref: str, now: datetime) -> Commit:
    """The commit, if its objects may be read. Raises NotFound, BadRequest, Gone."""
    commit = find(db, repository, ref)
    refuse_stale(commit, repository, now)
    return commit


def log(
    db: sqlite3.Connection, repository: Repository, newest: int, prefix: str, path: str | None, limit: int
) -> list[Commit]:
    """At most `limit` commits from number `newest` back that changed `path` and something under `prefix`, if given."""
    source, order, conditions = "commits c", "c.seq", "c.repository = :repository AND c.seq <= :newest"
    if path is not None:
        source, order = "changes o CROSS JOIN commits c ON c.repository = o.repository AND c.seq = o.seq", "o.seq"
        conditions = "o.repository = :repository AND o.path = :path AND o.seq <= :newest"
    if prefix:
        conditions += (
            " AND EXISTS (SELECT 1 FROM changes p WHERE p.repository = c.repository AND p.seq = c.seq"
            " AND p.path >= :prefix AND p.path < :high)"
        )
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM {source} WHERE {conditions} ORDER BY {order} DESC LIMIT :limit",
        {
            "repository": repository.key,
            "newest": newest,
            "path": path,
            "prefix": prefix,
            "high": prefix_end(prefix),
            "limit": limit,
        },
    )
    return [Commit(*row) for row in rows]
