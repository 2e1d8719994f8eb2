"""Turning what a session staged into a commit. Every statement touches the rows of the staged paths, and no others."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping

import msgspec

from tilde_local.errors import BadRequest, Conflict
from tilde_local.schema import COMMIT_COLUMNS, ENTRY_COLUMNS
from tilde_local.store import entries, sessions, trigger_runs
from tilde_local.store.records import Commit, Principal, Repository, Session, View

__all__ = ["check", "commit", "revert"]

_NAMED_PATHS = 10
_BATCH = 1000


def commit(
    db: sqlite3.Connection,
    repository: Repository,
    session: Session,
    author: Principal,
    message: str,
    metadata: Mapping[str, str],
    now: str,
) -> str:
    """Commit the session and close it; the id of the new commit. Raises what `check` does: it then stays as it was."""
    check(db, session)
    return _record(db, repository, session, author, message, metadata, now)


def check(db: sqlite3.Connection, session: Session) -> None:
    """Raise BadRequest if nothing is staged, Conflict if a staged path has changed since the session was opened."""
    if not _has_changes(db, session):
        raise BadRequest(f"session {session.id} has no staged changes to commit", code="no_changes")
    if paths := _conflicts(db, session):
        raise Conflict(
            f"{_name(paths)} changed in another commit since this session was opened:"
            " roll back and start again from the newest commit"
        )


def revert(
    db: sqlite3.Connection,
    repository: Repository,
    target: Commit,
    author: Principal,
    message: str,
    metadata: Mapping[str, str],
    now: str,
) -> str:
    """Commit the inverse of what `target` changed; the id of the new commit.

    Raises BadRequest if `target` is the first commit or there is nothing to undo, Conflict if a path it changed has
    changed again since.
    """
    if target.parent is None:
        raise BadRequest(f"commit {target.id} is the first one: it has no parent to go back to", code="root_commit")
    # A session as if opened when `target` was the newest: later changes of its paths are conflicts.
    session = sessions.create(db, repository._replace(head=target.seq), author, now)
    for paths in _changed_paths(db, repository, target.seq):
        _stage_inverse(db, repository, session, target, paths)
    if not _has_changes(db, session):
        raise BadRequest(f"commit {target.id} changed nothing that could be undone", code="no_changes")
    if paths := _conflicts(db, session):
        raise Conflict(f"cannot revert {target.id}: {_name(paths)} changed again in a later commit")
    return _record(db, repository, session, author, message, metadata, now)


def _has_changes(db: sqlite3.Connection, session: Session) -> bool:
    return db.execute("SELECT 1 FROM staged WHERE session = ? LIMIT 1", (session.key,)).fetchone() is not None


def _conflicts(db: sqlite3.Connection, session: Session) -> list[str]:
    rows = db.execute(
        "SELECT path FROM staged WHERE session = ? AND EXISTS (SELECT 1 FROM changes c WHERE c.repository = ?"
        " AND c.path = staged.path AND c.seq > ?) ORDER BY path",
        (session.key, session.repository, session.base),
    )
    return [row[0] for row in rows]


def _name(paths: list[str]) -> str:
    named = ", ".join(repr(path) for path in paths[:_NAMED_PATHS])
    more = len(paths) - _NAMED_PATHS
    return f"{named} and {more} more" if more > 0 else named


def _record(
    db: sqlite3.Connection,
    repository: Repository,
    session: Session,
    author: Principal,
    message: str,
    metadata: Mapping[str, str],
    now: str,
) -> str:
    seq, parent = repository.head + 1, _head_id(db, repository)
    text = msgspec.json.encode(metadata).decode() if metadata else ""
    origin = [repository.id, parent, author.id, message, text, now, session.id]
    commit_id = _commit_id(db, session, origin)
    record = Commit(seq, commit_id, parent, author.type, author.name, author.id, message, text, now)
    db.execute(
        f"INSERT INTO commits (repository, {COMMIT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (repository.key, *record),
    )
    _apply(db, repository, session, seq)
    trigger_runs.note_commit(db, repository, session, author, seq)
    sessions.close(db, session, commit_id)
    return commit_id


def _head_id(db: sqlite3.Connection, repository: Repository) -> str | None:
    row = db.execute(
        "SELECT id FROM commits WHERE repository = ? AND seq = ?", (repository.key, repository.head)
    ).fetchone()
    return row and str(row[0])


def _commit_id(db: sqlite3.Connection, session: Session, origin: list[str | None]) -> str:
    """SHA-256 over where the commit comes from and everything it changes."""
    digest = hashlib.sha256(msgspec.json.encode(origin))
    query = f"SELECT path, {ENTRY_COLUMNS} FROM staged WHERE session = ? ORDER BY path"
    for row in db.execute(query, (session.key,)):
        digest.update(msgspec.json.encode(row))
    return digest.hexdigest()


def _apply(db: sqlite3.Connection, repository: Repository, session: Session, seq: int) -> None:
    names = {"repository": repository.key, "session": session.key, "seq": seq}
    for statement in (
        # CROSS JOIN fixes the order of the walk: from the few staged paths to their rows.
        f"INSERT INTO history (repository, path, until, since, {ENTRY_COLUMNS})"
        " SELECT l.repository, l.path, :seq, l.since, l.blob, l.size, l.etag, l.content_type, l.metadata, l.modified,"
        " l.source"
        " FROM staged s CROSS JOIN live l ON l.repository = :repository AND l.path = s.path WHERE s.session = :session",
        "DELETE FROM live WHERE repository = :repository"
        " AND path IN (SELECT path FROM staged WHERE session = :session)",
        f"INSERT INTO live (repository, path, since, {ENTRY_COLUMNS})"
        f" SELECT :repository, path, :seq, {ENTRY_COLUMNS} FROM staged WHERE session = :session AND blob IS NOT NULL",
        "INSERT INTO changes SELECT :repository, :seq, path FROM staged WHERE session = :session",
        "UPDATE repositories SET head = :seq WHERE key = :repository",
    ):
        db.execute(statement, names)


def _stage_inverse(
    db: sqlite3.Connection, repository: Repository, session: Session, target: Commit, paths: list[str]
) -> None:
    before = entries.find_many(db, View(repository.key, target.seq - 1, repository.head), paths)
    after = entries.find_many(db, View(repository.key, target.seq, repository.head), paths)
    restored = [(path, entry) for path, entry in before.items() if not entry.same_content(after.get(path))]
    sessions.stage(db, session, restored)
    sessions.stage_deletes(db, session, repository, [path for path in after if path not in before])


def _changed_paths(db: sqlite3.Connection, repository: Repository, seq: int) -> Iterator[list[str]]:
    cursor = db.execute("SELECT path FROM changes WHERE repository = ? AND seq = ?", (repository.key, seq))
    while rows := cursor.fetchmany(_BATCH):
        yield [row[0] for row in rows]
