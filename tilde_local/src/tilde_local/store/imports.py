"""Imports: what was asked for, how far each is, and what became of it."""

from __future__ import annotations

import sqlite3
import uuid
from typing import NamedTuple

from tilde_local.errors import NotFound
from tilde_local.store import repositories, sessions
from tilde_local.store.records import ImportJob, Principal, Repository, Session

__all__ = ["Order", "advance", "begin", "complete", "fail", "find", "next_unfinished", "start"]

_SELECT = (
    "SELECT i.id, i.repository, r.id, i.connector_id, i.source_repository, s.id, o.name, s.name, destination_path,"
    " source_prefix, commit_message, status, objects_imported, session_id, commit_id, error, i.created_by_type,"
    " i.created_by, i.created_at, i.updated_at FROM imports i JOIN repositories r ON r.key = i.repository"
    " LEFT JOIN repositories s ON s.key = i.source_repository LEFT JOIN organizations o ON o.id = s.organization_id"
)


class Order(NamedTuple):
    """What to import: from a connector, by its id, or from a repository, by its key."""

    connector_id: str | None
    source_repository: int | None
    destination_path: str
    source_prefix: str
    commit_message: str


def start(db: sqlite3.Connection, repository: Repository, order: Order, creator: Principal, now: str) -> str:
    """Write an import down, to be run as soon as it is its turn; its id."""
    job_id = str(uuid.uuid4())
    db.execute(
        "INSERT INTO imports (id, repository, connector_id, source_repository, destination_path, source_prefix,"
        " commit_message, status, objects_imported, error, created_by_type, created_by, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'pending', 0, '', ?, ?, ?, ?)",
        (job_id, repository.key, *order, creator.type, creator.id, now, now),
    )
    return job_id


def find(db: sqlite3.Connection, repository: Repository, job_id: str) -> ImportJob:
    """The import. Raises NotFound."""
    row = db.execute(f"{_SELECT} WHERE i.id = ? AND i.repository = ?", (job_id, repository.key)).fetchone()
    if row is None:
        raise NotFound(f"no import {job_id!r} in repository {repository.name!r}")
    return _job(row)


def next_unfinished(db: sqlite3.Connection) -> ImportJob | None:
    """The oldest import that waits or was interrupted."""
    row = db.execute(
        f"{_SELECT} WHERE i.status IN ('pending', 'running') ORDER BY i.created_at, i.id LIMIT 1"
    ).fetchone()
    return row and _job(row)


def _job(row: tuple[object, ...]) -> ImportJob:
    return ImportJob._make((*row[:6], (row[6] or "", row[7] or ""), *row[8:]))


def begin(db: sqlite3.Connection, job: ImportJob, now: str) -> tuple[Repository, Session]:
    """Open a session for the import, from the beginning: what an interrupted one has staged is rolled back.

    Raises NotFound if the repository is gone.
    """
    repository = repositories.find_by_key(db, job.repository)
    _roll_back(db, job)
    creator = Principal(job.created_by_type, job.created_by, "", None)
    session = sessions.create(db, repository, creator, now)
    db.execute(
        "UPDATE imports SET status = 'running', objects_imported = 0, session_id = ?, updated_at = ? WHERE id = ?",
        (session.id, now, job.id),
    )
    return repository, session


def advance(db: sqlite3.Connection, job: ImportJob, objects: int, now: str) -> None:
    """Count objects that were staged."""
    db.execute(
        "UPDATE imports SET objects_imported = objects_imported + ?, updated_at = ? WHERE id = ?",
        (objects, now, job.id),
    )


def complete(db: sqlite3.Connection, job: ImportJob, commit_id: str, now: str) -> None:
    """It ended with a commit."""
    db.execute(
        "UPDATE imports SET status = 'completed', commit_id = ?, updated_at = ? WHERE id = ?", (commit_id, now, job.id)
    )


def fail(db: sqlite3.Connection, job: ImportJob, reason: str, now: str) -> None:
    """It did not work: what was staged is rolled back."""
    _roll_back(db, job)
    db.execute("UPDATE imports SET status = 'failed', error = ?, updated_at = ? WHERE id = ?", (reason, now, job.id))


def _roll_back(db: sqlite3.Connection, job: ImportJob) -> None:
    row = db.execute(
        "SELECT s.key, s.id, s.repository, s.base, s.state FROM imports i JOIN sessions s ON s.id = i.session_id"
        " WHERE i.id = ? AND s.state = 'open'",
        (job.id,),
    ).fetchone()
    if row is not None:
        sessions.close(db, Session(*row), None)
