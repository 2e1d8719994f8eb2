"""Sandboxes: what was asked for, how far each is, and what became of it.

A sandbox is a session of whom it runs as, and has its id. These are its states, and the reasons for them:

    starting    created, initializing
    running
    done        committed, no_changes, awaiting_approval
    errored     exit_non_zero
    failed      internal_error, image_not_found, sandbox_lost, timeout, commit_failed, policy_violation,
                storage_not_ready
    cancelled   cancelled_by_user, user_initiated_cancel
"""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

from tilde_local.errors import NotFound
from tilde_local.store.records import Repository, Sandbox, Session

__all__ = [
    "Outcome",
    "add",
    "begin",
    "conclude",
    "ended_before",
    "find",
    "find_by_id",
    "list_active",
    "list_of",
    "next_waiting",
    "session_of",
    "start_running",
]

_COLUMNS = (
    "s.id, s.repository, r.id, s.image, s.command, s.mountpoint, s.path_prefix, s.timeout_seconds, s.mode, s.env_vars,"
    " s.runs_as_type, s.runs_as, s.trigger_run_id, s.isolation, s.status, s.status_reason, s.error_message,"
    " s.exit_code, s.commit_id, s.web_url, s.created_by_type, s.created_by, s.created_at, s.updated_at, s.finished_at"
)
_SELECT = f"SELECT {_COLUMNS} FROM sandboxes s JOIN repositories r ON r.key = s.repository"


class Outcome(NamedTuple):
    """How a sandbox ended."""

    status: str
    reason: str
    error_message: str = ""
    exit_code: int | None = None
    commit_id: str = ""
    web_url: str = ""


def add(db: sqlite3.Connection, sandbox: Sandbox) -> None:
    """Write a new sandbox down; its session is there already."""
    values = (*sandbox[:2], *sandbox[3:])
    db.execute(f"INSERT INTO sandboxes VALUES ({', '.join('?' * len(values))})", values)


def find(db: sqlite3.Connection, repository: Repository, sandbox_id: str) -> Sandbox:
    """The sandbox. Raises NotFound."""
    found = find_by_id(db, sandbox_id)
    if found is None or found.repository != repository.key:
        raise NotFound(f"no sandbox {sandbox_id!r} in repository {repository.name!r}")
    return found


def find_by_id(db: sqlite3.Connection, sandbox_id: str) -> Sandbox | None:
    """The sandbox of any repository."""
    return _one(db.execute(f"{_SELECT} WHERE s.id = ?", (sandbox_id,)))


def _one(cursor: sqlite3.Cursor) -> Sandbox | None:
    row = cursor.fetchone()
    return row and Sandbox(*row)


def list_of(db: sqlite3.Connection, repository: Repository, after: str, limit: int) -> list[Sandbox]:
    """At most `limit` sandboxes, the newest first: those before the one with the id `after`, if that is given.

    Raises NotFound if there is no such one.
    """
    condition, last = "", ("", "")
    if after:
        last = find(db, repository, after).created_at, after
        condition = " AND (s.created_at, s.id) < (?, ?)"
    rows = db.execute(
        f"{_SELECT} WHERE s.repository = ?{condition} ORDER BY s.created_at DESC, s.id DESC LIMIT ?",
        (repository.key, *(last if after else ()), limit),
    )
    return [Sandbox(*row) for row in rows]


def list_active(db: sqlite3.Connection) -> list[Sandbox]:
    """Those that have not come to an end, oldest first."""
    return [
        Sandbox(*row)
        for row in db.execute(f"{_SELECT} WHERE s.status IN ('starting', 'running') ORDER BY s.created_at, s.id")
    ]


def ended_before(db: sqlite3.Connection, time: str) -> list[str]:
    """The ids of those that ended before `time`."""
    return [row[0] for row in db.execute("SELECT id FROM sandboxes WHERE finished_at < ?", (time,))]


def next_waiting(db: sqlite3.Connection) -> Sandbox | None:
    """The oldest that nobody has taken up yet."""
    return _one(
        db.execute(
            f"{_SELECT} WHERE s.status = 'starting' AND s.status_reason = 'created' ORDER BY s.created_at, s.id LIMIT 1"
        )
    )


def begin(db: sqlite3.Connection, sandbox: Sandbox, isolation: str, now: str) -> bool:
    """Take it up, with the runner of that name. False if it was cancelled before."""
    return _change(
        db, sandbox, "status_reason = 'initializing', isolation = ?", (isolation,), "status_reason = 'created'", now
    )


def start_running(db: sqlite3.Connection, sandbox: Sandbox, now: str) -> bool:
    """It is ready for commands. False if it has come to an end meanwhile."""
    return _change(db, sandbox, "status = 'running', status_reason = ''", (), "status = 'starting'", now)


def conclude(db: sqlite3.Connection, sandbox: Sandbox, outcome: Outcome, now: str) -> bool:
    """It has come to its end. False if it had already: the first end counts."""
    changes = (
        "status = ?, status_reason = ?, error_message = ?, exit_code = ?, commit_id = ?, web_url = ?, finished_at = ?"
    )
    return _change(db, sandbox, changes, (*outcome, now), "status IN ('starting', 'running')", now)


def _change(
    db: sqlite3.Connection, sandbox: Sandbox, changes: str, values: tuple[Any, ...], condition: str, now: str
) -> bool:
    changed = db.execute(
        f"UPDATE sandboxes SET {changes}, updated_at = ? WHERE id = ? AND {condition}", (*values, now, sandbox.id)
    )
    return bool(changed.rowcount)


def session_of(db: sqlite3.Connection, sandbox: Sandbox) -> Session | None:
    """The session that its changes go to; None if it is not open any more."""
    row = db.execute(
        "SELECT key, id, repository, base, state FROM sessions WHERE id = ? AND state = 'open'", (sandbox.id,)
    ).fetchone()
    return row and Session(*row)
