"""Runs of triggers: from a commit that has landed to the sandbox that it started, or the reason why there is none."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from tilde_local.errors import NotFound
from tilde_local.store.records import Principal, Repository, Session, Trigger, TriggerRun

__all__ = [
    "Candidate",
    "drop",
    "find_by_id",
    "list_of",
    "mark_created",
    "mark_ended",
    "next_candidate",
    "next_pending",
    "note_commit",
    "record",
]

_SELECT = (
    "SELECT run.id, run.trigger_id, run.repository, r.id, run.seq, c.id, run.status, run.reason, run.message,"
    " run.sandbox_id, run.matched_paths, run.created_at, run.updated_at FROM trigger_runs run"
    " JOIN repositories r ON r.key = run.repository"
    " JOIN commits c ON c.repository = run.repository AND c.seq = run.seq"
)


class Candidate(NamedTuple):
    """A commit, by its number, and a trigger that was enabled when it landed."""

    repository: int
    seq: int
    trigger_id: str


def note_commit(db: sqlite3.Connection, repository: Repository, session: Session, author: Principal, seq: int) -> None:
    """Remember that a commit may fire triggers, in its own transaction: so that it does, whatever happens next.

    What comes from a sandbox that a trigger started fires none: neither its own commit (its id is that of its session)
    nor those that it makes with its token.
    """
    if author.trigger_run_id is None:
        db.execute(
            "INSERT INTO trigger_candidates SELECT repository, ?, id FROM sandbox_triggers WHERE repository = ?"
            " AND enabled AND NOT EXISTS"
            " (SELECT 1 FROM sandboxes WHERE sandboxes.id = ? AND sandboxes.trigger_run_id IS NOT NULL)",
            (seq, repository.key, session.id),
        )


def next_candidate(db: sqlite3.Connection) -> Candidate | None:
    """One of those with the oldest commit of a repository; None if there are none."""
    row = db.execute(
        "SELECT repository, seq, trigger_id FROM trigger_candidates ORDER BY repository, seq, trigger_id LIMIT 1"
    ).fetchone()
    return row and Candidate(*row)


def drop(db: sqlite3.Connection, candidate: Candidate) -> bool:
    """It is known whether it matches; False if its trigger was deleted meanwhile."""
    done = db.execute("DELETE FROM trigger_candidates WHERE repository = ? AND seq = ? AND trigger_id = ?", candidate)
    return done.rowcount == 1


def record(db: sqlite3.Connection, candidate: Candidate, matched_paths: Sequence[str], now: str) -> None:
    """It matches: a run that waits for its sandbox."""
    paths = msgspec.json.encode(matched_paths).decode()
    db.execute(
        "INSERT INTO trigger_runs (id, repository, seq, trigger_id, status, matched_paths, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, 'pending', ?, ?, ?)",
        (str(uuid.uuid4()), *candidate, paths, now, now),
    )


def next_pending(db: sqlite3.Connection) -> TriggerRun | None:
    """The oldest run that waits for its sandbox."""
    row = db.execute(f"{_SELECT} WHERE run.status = 'pending' ORDER BY run.created_at, run.id LIMIT 1").fetchone()
    return row and TriggerRun(*row)


def find_by_id(db: sqlite3.Connection, run_id: str) -> TriggerRun | None:
    """The run, for the server's own use; None if its trigger was deleted."""
    row = db.execute(f"{_SELECT} WHERE run.id = ?", (run_id,)).fetchone()
    return row and TriggerRun(*row)


def mark_created(db: sqlite3.Connection, run: TriggerRun, sandbox_id: str, now: str) -> None:
    """It has its sandbox. To be written together with the sandbox: then none is started twice."""
    db.execute(
        "UPDATE trigger_runs SET status = 'created', sandbox_id = ?, updated_at = ? WHERE id = ?",
        (sandbox_id, now, run.id),
    )


def mark_ended(db: sqlite3.Connection, run: TriggerRun, status: str, reason: str, message: str, now: str) -> None:
    """It gets no sandbox: `skipped` or `failed`, and why."""
    db.execute(
        "UPDATE trigger_runs SET status = ?, reason = ?, message = ?, updated_at = ? WHERE id = ?",
        (status, reason, message, now, run.id),
    )


def list_of(db: sqlite3.Connection, trigger: Trigger, after: str | None, limit: int) -> list[TriggerRun]:
    """At most `limit` runs, those of the newest commits first, behind the run `after`. Raises NotFound."""
    rows = db.execute(
        f"{_SELECT} WHERE run.trigger_id = ? AND run.seq < ? ORDER BY run.seq DESC LIMIT ?",
        (trigger.id, _position(db, trigger, after), limit),
    )
    return [TriggerRun(*row) for row in rows]


def _position(db: sqlite3.Connection, trigger: Trigger, run_id: str | None) -> int | float:
    if run_id is None:
        return float("inf")
    row = db.execute("SELECT seq FROM trigger_runs WHERE id = ? AND trigger_id = ?", (run_id, trigger.id)).fetchone()
    if row is None:
        raise NotFound(f"no run {run_id!r} of trigger {trigger.name!r}")
    return int(row[0])
