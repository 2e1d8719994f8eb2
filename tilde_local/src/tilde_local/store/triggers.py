"""Triggers: which changes start a sandbox, and what it runs."""

from __future__ import annotations

import sqlite3
import uuid
from typing import NamedTuple

from tilde_local.errors import Conflict, NotFound
from tilde_local.store.records import Principal, Repository, Trigger

__all__ = ["TriggerText", "create", "delete", "enable", "find", "find_by_id", "list_in", "replace"]

_COLUMNS = (
    "t.id, t.repository, r.id, t.name, t.description, t.enabled, t.conditions, t.sandbox_config, t.run_as_type,"
    " t.run_as_id, t.created_by_type, t.created_by, t.created_at, t.updated_at"
)
_SELECT = f"SELECT {_COLUMNS} FROM sandbox_triggers t JOIN repositories r ON r.key = t.repository"


class TriggerText(NamedTuple):
    """What the creator of a trigger says of it, and its replacement replaces. `conditions` and `sandbox_config` are
    JSON as text."""

    name: str
    description: str
    conditions: str
    sandbox_config: str
    run_as_type: str | None
    run_as_id: str | None


def create(
    db: sqlite3.Connection, repository: Repository, text: TriggerText, enabled: bool, creator: Principal, now: str
) -> Trigger:
    """A new trigger. Raises Conflict for a name that is taken."""
    _refuse_taken(db, repository, text.name)
    trigger_id = str(uuid.uuid4())
    db.execute(
        "INSERT INTO sandbox_triggers (id, repository, name, description, conditions, sandbox_config, run_as_type,"
        " run_as_id, enabled, created_by_type, created_by, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (trigger_id, repository.key, *text, enabled, creator.type, creator.id, now, now),
    )
    return find(db, repository, trigger_id)


def _refuse_taken(db: sqlite3.Connection, repository: Repository, name: str, own: str = "") -> None:
    row = db.execute(
        "SELECT 1 FROM sandbox_triggers WHERE repository = ? AND name = ? AND id <> ?",
        (repository.key, name, own),
    ).fetchone()
    if row is not None:
        raise Conflict(f"a trigger named {name!r} exists already in repository {repository.name!r}")


def find(db: sqlite3.Connection, repository: Repository, trigger_id: str) -> Trigger:
    """The trigger. Raises NotFound."""
    row = db.execute(f"{_SELECT} WHERE t.id = ? AND t.repository = ?", (trigger_id, repository.key)).fetchone()
    if row is None:
        raise NotFound(f"no trigger {trigger_id!r} in repository {repository.name!r}")
    return Trigger(*row)


def find_by_id(db: sqlite3.Connection, trigger_id: str) -> Trigger | None:
    """The trigger, for the server's own use; None if it was deleted."""
    row = db.execute(f"{_SELECT} WHERE t.id = ?", (trigger_id,)).fetchone()
    return row and Trigger(*row)


def list_in(db: sqlite3.Connection, repository: Repository, after: str, limit: int) -> list[Trigger]:
    """At most `limit` triggers with names after `after`, by name."""
    rows = db.execute(
        f"{_SELECT} WHERE t.repository = ? AND t.name > ? ORDER BY t.name LIMIT ?",
        (repository.key, after, limit),
    )
    return [Trigger(*row) for row in rows]


def replace(db: sqlite3.Connection, repository: Repository, trigger: Trigger, text: TriggerText, now: str) -> Trigger:
    """The trigger with a new text. Raises Conflict for a name that another one has."""
    _refuse_taken(db, repository, text.name, trigger.id)
    db.execute(
        "UPDATE sandbox_triggers SET name = ?, description = ?, conditions = ?, sandbox_config = ?, run_as_type = ?,"
        " run_as_id = ?, updated_at = ? WHERE id = ?",
        (*text, now, trigger.id),
    )
    return find(db, repository, trigger.id)


def enable(db: sqlite3.Connection, trigger: Trigger, enabled: bool, now: str) -> Trigger:
    """The trigger, firing on the commits to come, or no longer."""
    db.execute("UPDATE sandbox_triggers SET enabled = ?, updated_at = ? WHERE id = ?", (enabled, now, trigger.id))
    return trigger._replace(enabled=int(enabled), updated_at=now)


def delete(db: sqlite3.Connection, trigger: Trigger) -> None:
    """Delete the trigger with its runs. Sandboxes that it started go on."""
    db.execute("DELETE FROM sandbox_triggers WHERE id = ?", (trigger.id,))
