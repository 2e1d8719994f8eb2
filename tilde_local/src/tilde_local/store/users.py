"""Users."""

from __future__ import annotations

import re
import sqlite3
import uuid

from tilde_local.errors import BadRequest, Conflict
from tilde_local.store.paths import prefix_end
from tilde_local.store.records import User

__all__ = ["create", "find", "find_by_email", "find_by_name", "is_name", "search"]

_COLUMNS = "users.id, username, email, full_name, users.created_at"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def is_name(username: str) -> bool:
    """Whether a user can be called so."""
    return _NAME.fullmatch(username) is not None


def create(db: sqlite3.Connection, username: str, now: str) -> User:
    """A new active user. Raises BadRequest for a name that is none, Conflict for one that is taken."""
    if not is_name(username):
        raise BadRequest(f"username: letters, digits, '.', '_' and '-', at most 63, got {username!r}")
    if find_by_name(db, username) is not None:
        raise Conflict(f"a user named {username!r} exists already")
    user = User(str(uuid.uuid4()), username, f"{username}@localhost", username, now)
    db.execute("INSERT INTO users VALUES (?, ?, ?, ?, ?)", user)
    return user


def find(db: sqlite3.Connection, user_id: str) -> User:
    """The user with this id, which a caller's key belongs to."""
    return User(*db.execute(f"SELECT {_COLUMNS} FROM users WHERE id = ?", (user_id,)).fetchone())


def find_by_name(db: sqlite3.Connection, username: str) -> User | None:
    """The user, or None."""
    row = db.execute(f"SELECT {_COLUMNS} FROM users WHERE username = ?", (username,)).fetchone()
    return row and User(*row)


def find_by_email(db: sqlite3.Connection, email: str) -> User | None:
    """The user with this address, or None."""
    row = db.execute(f"SELECT {_COLUMNS} FROM users WHERE email = ?", (email,)).fetchone()
    return row and User(*row)


def search(db: sqlite3.Connection, prefix: str, limit: int) -> list[User]:
    """At most `limit` users whose names begin with `prefix`, by name."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM users WHERE username >= ? AND username < ? ORDER BY username LIMIT ?",
        (prefix, prefix_end(prefix), limit),
    )
    return [User(*row) for row in rows]
