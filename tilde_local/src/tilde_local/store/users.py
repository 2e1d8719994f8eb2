"""Users and their API keys. A key is stored as its SHA-256 only: it is shown once, when it is made."""

from __future__ import annotations

import hashlib
import re
import secrets
import sqlite3
import uuid

from tilde_local.errors import BadRequest, Conflict
from tilde_local.store.records import User

__all__ = ["create_user", "find_by_key", "find_by_name", "mint_key"]

_COLUMNS = "users.id, username, email, full_name, users.created_at"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def create_user(db: sqlite3.Connection, username: str, now: str) -> User:
    """A new active user. Raises BadRequest for a name that is none, Conflict for one that is taken."""
    if not _NAME.fullmatch(username):
        raise BadRequest(f"username: letters, digits, '.', '_' and '-', at most 63, got {username!r}")
    if find_by_name(db, username) is not None:
        raise Conflict(f"a user named {username!r} exists already")
    user = User(str(uuid.uuid4()), username, f"{username}@localhost", username, now)
    db.execute("INSERT INTO users VALUES (?, ?, ?, ?, ?)", user)
    return user


def mint_key(db: sqlite3.Connection, user: User, now: str) -> str:
    """A new API key of `user`; the ones before stay valid."""
    key = f"tuk-{secrets.token_urlsafe(32)}"
    db.execute("INSERT INTO api_keys VALUES (?, ?, ?)", (_digest(key), user.id, now))
    return key


def find_by_name(db: sqlite3.Connection, username: str) -> User | None:
    """The user, or None."""
    row = db.execute(f"SELECT {_COLUMNS} FROM users WHERE username = ?", (username,)).fetchone()
    return row and User(*row)


def find_by_key(db: sqlite3.Connection, key: str) -> User | None:
    """The user whose API key this is, or None."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM api_keys JOIN users ON users.id = user_id WHERE digest = ?", (_digest(key),)
    ).fetchone()
    return row and User(*row)
