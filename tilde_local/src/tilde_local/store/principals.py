"""Principals of all kinds by their ids: who is who, and what they are called."""

from __future__ import annotations

import sqlite3

from tilde_local.errors import NotFound
from tilde_local.store.records import Organization, Principal

__all__ = ["created_at", "find", "find_any", "find_by_id", "name_of"]

# `groups` are no principals that could call, but policies are attached to them and they are members of others.
_NAMES = {
    "user": "SELECT username FROM users WHERE id = ?",
    "role": "SELECT name FROM roles WHERE id = ?",
    "agent": "SELECT name FROM agents WHERE id = ?",
    "group": "SELECT name FROM groups WHERE id = ?",
}
_ANYWHERE = {
    "user": "SELECT id, username, NULL FROM users WHERE id = ?",
    "role": "SELECT id, name, organization_id FROM roles WHERE id = ?",
    "agent": "SELECT id, name, organization_id FROM agents WHERE id = ?",
}
_IN_ORGANIZATION = {
    "user": "SELECT users.id, username FROM users JOIN members ON user_id = users.id WHERE users.id = ?"
    " AND members.organization_id = ?",
    "role": "SELECT id, name FROM roles WHERE id = ? AND organization_id = ?",
    "agent": "SELECT id, name FROM agents WHERE id = ? AND organization_id = ?",
    "group": "SELECT id, name FROM groups WHERE id = ? AND organization_id = ?",
}


def name_of(db: sqlite3.Connection, kind: str, principal_id: str) -> str:
    """What the principal is called; empty if it is there no more."""
    row = db.execute(_NAMES[kind], (principal_id,)).fetchone()
    return str(row[0]) if row else ""


def created_at(db: sqlite3.Connection, caller: Principal) -> str:
    """When a role or an agent was made."""
    table = {"role": "roles", "agent": "agents"}[caller.type]
    return str(db.execute(f"SELECT created_at FROM {table} WHERE id = ?", (caller.id,)).fetchone()[0])


def find_any(db: sqlite3.Connection, kind: str, principal_id: str) -> Principal | None:
    """The user, role or agent with this id, as a caller; None if it is there no more."""
    row = db.execute(_ANYWHERE[kind], (principal_id,)).fetchone()
    return row and Principal(kind, *row)


def find_by_id(db: sqlite3.Connection, kind: str, principal_id: str, organization: Organization) -> Principal | None:
    """The user, role, agent or group with this id, if it is of this organization."""
    row = db.execute(_IN_ORGANIZATION[kind], (principal_id, organization.id)).fetchone()
    return row and Principal(kind, row[0], row[1], None if kind == "user" else organization.id)


def find(db: sqlite3.Connection, kind: str, principal_id: str, organization: Organization) -> Principal:
    """Likewise. Raises NotFound."""
    found = find_by_id(db, kind, principal_id, organization)
    if found is None:
        raise NotFound(f"no {kind} {principal_id!r} in organization {organization.name!r}")
    return found
