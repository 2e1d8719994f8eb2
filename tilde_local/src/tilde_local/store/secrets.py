"""Secrets of repositories and agents. Their values are encrypted."""

from __future__ import annotations

import re
import sqlite3
from typing import NamedTuple

from tilde_local.encryption import Encryption
from tilde_local.errors import BadRequest, NotFound
from tilde_local.store.records import Principal

__all__ = ["Owner", "Secret", "delete", "get", "list_of", "put"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,255}")


class Owner(NamedTuple):
    """What secrets belong to: a `repository` or an `agent`, by its id."""

    type: str
    id: str


class Secret(NamedTuple):
    """What is listed of a secret."""

    name: str
    created_by_type: str
    created_by: str
    created_at: str
    updated_at: str


def put(
    db: sqlite3.Connection, encryption: Encryption, owner: Owner, name: str, value: str, by: Principal, now: str
) -> None:
    """Store a value under a name, in place of the one before. Raises BadRequest for a name that is none."""
    if not _NAME.fullmatch(name):
        raise BadRequest(f"secret_key: must match ^{_NAME.pattern}$, got {name!r}")
    db.execute(
        "INSERT INTO secrets (owner_type, owner_id, name, value, created_by_type, created_by, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (owner_type, owner_id, name)"
        " DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
        (*owner, name, encryption.encrypt(value, *owner, name), by.type, by.id, now, now),
    )


def get(db: sqlite3.Connection, encryption: Encryption, owner: Owner, name: str) -> str:
    """The value. Raises NotFound."""
    row = db.execute(
        "SELECT value FROM secrets WHERE owner_type = ? AND owner_id = ? AND name = ?", (*owner, name)
    ).fetchone()
    if row is None:
        raise NotFound(f"no secret {name!r}")
    return encryption.decrypt(row[0], *owner, name)


def list_of(db: sqlite3.Connection, owner: Owner) -> list[Secret]:
    """The names, without values, in their order."""
    rows = db.execute(
        "SELECT name, created_by_type, created_by, created_at, updated_at FROM secrets"
        " WHERE owner_type = ? AND owner_id = ? ORDER BY name",
        owner,
    )
    return [Secret(*row) for row in rows]


def delete(db: sqlite3.Connection, owner: Owner, name: str) -> None:
    """Delete a secret. Raises NotFound."""
    deleted = db.execute("DELETE FROM secrets WHERE owner_type = ? AND owner_id = ? AND name = ?", (*owner, name))
    if not deleted.rowcount:
        raise NotFound(f"no secret {name!r}")
