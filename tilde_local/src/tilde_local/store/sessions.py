"""Sessions: a view of one commit, and the changes staged on top of it."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Sequence

from tilde_local.errors import Conflict, NotFound
from tilde_local.schema import ENTRY_COLUMNS
from tilde_local.store import entries
from tilde_local.store.paths import Bound
from tilde_local.store.records import Entry, Principal, Repository, Session, View

__all__ = ["close", "create", "find", "find_open", "stage", "stage_deletes", "staged", "state_of", "view_of"]


def create(db: sqlite3.Connection, repository: Repository, creator: Principal, now: str) -> Session:
    """A new session that sees the newest commit, and keeps seeing it."""
    session_id = str(uuid.uuid4())
    key = db.execute(
        "INSERT INTO sessions (id, repository, base, state, created_by_type, created_by, created_at)"
        " VALUES (?, ?, ?, 'open', ?, ?, ?)",
        (session_id, repository.key, repository.head, creator.type, creator.id, now),
    ).lastrowid
    assert key is not None
    return Session(key, session_id, repository.key, repository.head, "open")


def find(db: sqlite3.Connection, repository: Repository, session_id: str) -> Session:
    """The session. Raises NotFound if it is of another repository, or over; the message says which."""
    row = db.execute(
        "SELECT key, id, repository, base, state, commit_id FROM sessions WHERE id = ? AND repository = ?",
        (session_id, repository.key),
    ).fetchone()
    if row is None:
        raise NotFound(f"no session {session_id!r} in repository {repository.name!r}")
    state, commit_id = row[4:]
    if state == "committed":
        raise NotFound(f"session {session_id} is over: it was committed as {commit_id}")
    if state == "rolled_back":
        raise NotFound(f"session {session_id} is over: it was rolled back")
    return Session(*row[:5])


def state_of(db: sqlite3.Connection, session_id: str) -> tuple[str, str | None]:
    """`open`, `pending`, `committed` or `rolled_back`, and the commit that it became; also of one that is over."""
    state, commit_id = db.execute("SELECT state, commit_id FROM sessions WHERE id = ?", (session_id,)).fetchone()
    return state, commit_id


def find_open(db: sqlite3.Connection, repository: Repository, session_id: str) -> Session:
    """The session, to stage something in it. Raises NotFound, and Conflict if it waits for approval."""
    session = find(db, repository, session_id)
    if session.state != "open":
        raise Conflict(
            f"session {session_id} waits for approval: nothing can be staged in it any more", code="approval_pending"
        )
    return session


def view_of(session: Session, repository: Repository) -> View:
    """What the session sees."""
    return View(repository.key, session.base, repository.head, session.key)


def stage(db: sqlite3.Connection, session: Session, changes: Iterable[tuple[str, Entry]]) -> None:
    """Stage each path with what it shall hold, in place of what was staged for it before."""
    db.executemany(
        f"INSERT OR REPLACE INTO staged (session, path, {ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((session.key, path, *entry) for path, entry in changes),
    )


def stage_deletes(db: sqlite3.Connection, session: Session, repository: Repository, paths: Sequence[str]) -> None:
    """Stage the removal of each path. One that the session's commit does not hold is just no longer staged."""
    existing = entries.find_many(db, view_of(session, repository), paths)
    db.executemany("DELETE FROM staged WHERE session = ? AND path = ?", ((session.key, path) for path in paths))
    db.executemany("INSERT INTO staged (session, path) VALUES (?, ?)", ((session.key, path) for path in existing))


def staged(
    db: sqlite3.Connection, session: Session, low: Bound, high: Bound, limit: int = -1
) -> Iterator[tuple[str, Entry | None]]:
    """The staged changes with `low <= path < high` in order, at most `limit`; a removal has no entry."""
    rows = db.execute(
        f"SELECT path, {ENTRY_COLUMNS} FROM staged WHERE session = ? AND path >= ? AND path < ? ORDER BY path LIMIT ?",
        (session.key, low, high, limit),
    )
    return ((row[0], None if row[1] is None else Entry(*row[1:])) for row in rows)


def close(db: sqlite3.Connection, session: Session, commit_id: str | None) -> None:
    """End the session: committed as `commit_id`, or rolled back if that is None. What it staged is dropped."""
    state = "rolled_back" if commit_id is None else "committed"
    db.execute("UPDATE sessions SET state = ?, commit_id = ? WHERE key = ?", (state, commit_id, session.key))
    db.execute("DELETE FROM staged WHERE session = ?", (session.key,))
