"""Roles: identities of programs."""

from __future__ import annotations

import re
import sqlite3
import uuid

from tilde_local.errors import BadRequest, Conflict, NotFound
from tilde_local.store import keys, members
from tilde_local.store.records import Organization, Principal, Role

__all__ = ["check_name", "create", "delete", "find", "list_in"]

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
_COLUMNS = "id, organization_id, name, description, created_by_type, created_by, created_at"


def check_name(name: str) -> str:
    """`name`, if a role or an agent can be called so. Raises BadRequest."""
    if not _NAME.fullmatch(name):
        raise BadRequest(f"name: must match ^{_NAME.pattern}$, got {name!r}")
    return name


def create(
    db: sqlite3.Connection, organization: Organization, name: str, description: str, creator: Principal, now: str
) -> Role:
    """A new role that may do nothing yet. Raises BadRequest, and Conflict for a name that is taken."""
    role = Role(str(uuid.uuid4()), organization.id, check_name(name), description, creator.type, creator.id, now)
    if _select(db, organization, name) is not None:
        raise Conflict(f"a role named {name!r} exists already")
    db.execute(f"INSERT INTO roles ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", role)
    return role


def _select(db: sqlite3.Connection, organization: Organization, name: str) -> Role | None:
    row = db.execute(
        f"SELECT {_COLUMNS} FROM roles WHERE organization_id = ? AND name = ?", (organization.id, name)
    ).fetchone()
    return row and Role(*row)


def find(db: sqlite3.Connection, organization: Organization, name: str) -> Role:
    """The role. Raises NotFound."""
    role = _select(db, organization, name)
    if role is None:
        raise NotFound(f"no role {name!r} in organization {organization.name!r}")
    return role


def list_in(db: sqlite3.Connection, organization: Organization, after: str, limit: int) -> list[Role]:
    """At most `limit` roles with names after `after`, by name."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM roles WHERE organization_id = ? AND name > ? ORDER BY name LIMIT ?",
        (organization.id, after, limit),
    )
    return [Role(*row) for row in rows]


def delete(db: sqlite3.Connection, organization: Organization, role: Role, now: str) -> None:
    """Delete the role: its keys are void, and it leaves groups and policies."""
    keys.revoke_all(db, role.principal, now)
    members.forget(db, organization, "role", role.id)
    db.execute("DELETE FROM roles WHERE id = ?", (role.id,))
