"""API keys of users (`tuk-`), roles (`trk-`) and agents (`tak-`).

A key is stored as its SHA-256 only: it is shown once, when it is made.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import uuid
from datetime import datetime, timedelta
from typing import NamedTuple

from tilde_local.clock import parse_stamp, stamp
from tilde_local.errors import BadRequest, NotFound
from tilde_local.store.records import ApiKey, Principal

__all__ = ["KeyUse", "create", "find_caller", "find_owner", "last_use", "list_of", "note_use", "revoke", "revoke_all"]

_PREFIXES = {"user": "tuk", "role": "trk", "agent": "tak"}
_COLUMNS = "id, principal_id, name, description, hint, created_at, last_used_at, revoked_at"
# Keys with their owners' names, which are missing of those that were deleted.
_OWNERS = (
    "SELECT k.id, k.last_used_at, k.principal_type, k.principal_id, coalesce(username, roles.name, agents.name),"
    " coalesce(roles.organization_id, agents.organization_id) FROM api_keys k"
    " LEFT JOIN users ON principal_type = 'user' AND users.id = principal_id"
    " LEFT JOIN roles ON principal_type = 'role' AND roles.id = principal_id"
    " LEFT JOIN agents ON principal_type = 'agent' AND agents.id = principal_id"
)
_HINT = 4
# A use is written down at most so often: a read must not cost a write each time.
_USE_INTERVAL = timedelta(minutes=5)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def create(db: sqlite3.Connection, owner: Principal, name: str, description: str, now: str) -> tuple[str, str]:
    """A new API key: the token and its id. The keys before stay valid. Raises BadRequest for an empty name."""
    if not name.strip():
        raise BadRequest("name: cannot be empty")
    token, key_id = f"{_PREFIXES[owner.type]}-{secrets.token_urlsafe(32)}", str(uuid.uuid4())
    db.execute(
        "INSERT INTO api_keys (id, digest, principal_type, principal_id, name, description, hint, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (key_id, _digest(token), owner.type, owner.id, name, description, token[-_HINT:], now),
    )
    return token, key_id


def list_of(db: sqlite3.Connection, owner: Principal) -> list[ApiKey]:
    """The keys of `owner`, the revoked ones too, oldest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM api_keys WHERE principal_type = ? AND principal_id = ? ORDER BY created_at, id",
        (owner.type, owner.id),
    )
    return [ApiKey(*row) for row in rows]


def revoke(db: sqlite3.Connection, owner: Principal, key_id: str, now: str) -> None:
    """Make a key invalid for good. Once more is fine. Raises NotFound if `owner` has no such key."""
    changed = db.execute(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ? AND principal_type = ?"
        " AND principal_id = ?",
        (now, key_id, owner.type, owner.id),
    )
    if not changed.rowcount:
        raise NotFound(f"no API key {key_id!r}")


def revoke_all(db: sqlite3.Connection, owner: Principal, now: str) -> None:
    """Make every key of `owner` invalid."""
    db.execute(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE principal_type = ? AND principal_id = ?",
        (now, owner.type, owner.id),
    )


class KeyUse(NamedTuple):
    """A valid key that somebody has shown. `is_noted`: that it is in use was written down a moment ago."""

    owner: Principal
    key_id: str
    is_noted: bool


def find_caller(db: sqlite3.Connection, token: str, now: datetime) -> KeyUse | None:
    """Whose key this is; None if it is not valid."""
    row = db.execute(f"{_OWNERS} WHERE digest = ? AND revoked_at IS NULL", (_digest(token),)).fetchone()
    if row is None or row[4] is None:
        return None
    key_id, last_used, *owner = row
    return KeyUse(Principal(*owner), key_id, last_used is not None and now - parse_stamp(last_used) < _USE_INTERVAL)


def find_owner(db: sqlite3.Connection, key_id: str) -> Principal | None:
    """Whose key has this id; None if it is not valid any more."""
    row = db.execute(f"{_OWNERS} WHERE k.id = ? AND revoked_at IS NULL", (key_id,)).fetchone()
    return None if row is None or row[4] is None else Principal(*row[2:])


def last_use(db: sqlite3.Connection, owner: Principal) -> str | None:
    """When a key of `owner` was last used, to within five minutes."""
    query = "SELECT max(last_used_at) FROM api_keys WHERE principal_type = ? AND principal_id = ?"
    used: str | None = db.execute(query, (owner.type, owner.id)).fetchone()[0]
    return used


def note_use(db: sqlite3.Connection, key_id: str, now: datetime) -> None:
    """Write down that the key was used."""
    db.execute("UPDATE api_keys SET last_used_at = ? WHERE id = ?", (stamp(now), key_id))
