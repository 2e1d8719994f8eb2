"""Organizations and who is in them. A caller sees the organizations he is a member of, and no other."""

from __future__ import annotations

import re
import sqlite3
import uuid

from tilde_local.errors import BadRequest, Conflict, NotFound
from tilde_local.store.records import Organization, User

__all__ = ["availability", "create", "delete", "find", "list_of", "members"]

_COLUMNS = "organizations.id, name, display_name, organizations.created_at"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
# Names that would collide with routes next to /organizations/{organization}.
_RESERVED = frozenset({"check-name"})


def availability(db: sqlite3.Connection, name: str) -> str:
    """Why `name` cannot be taken: `invalid`, `reserved` or `taken`; empty if it can."""
    if not _NAME.fullmatch(name):
        return "invalid"
    if name in _RESERVED:
        return "reserved"
    taken = db.execute("SELECT 1 FROM organizations WHERE name = ? AND deleted_at IS NULL", (name,)).fetchone()
    return "taken" if taken else ""


def create(db: sqlite3.Connection, name: str, display_name: str, owner: User, now: str) -> Organization:
    """A new organization with `owner` as its member. Raises BadRequest or Conflict for its name."""
    reason = availability(db, name)
    if reason == "invalid":
        raise BadRequest(f"name: must match ^[a-z0-9][a-z0-9-]{{1,62}}$, got {name!r}")
    if reason:
        raise Conflict(f"the organization name {name!r} is {reason}")
    organization = Organization(str(uuid.uuid4()), name, display_name, now)
    db.execute("INSERT INTO organizations VALUES (?, ?, ?, ?, NULL)", organization)
    db.execute("INSERT INTO members VALUES (?, ?, ?)", (organization.id, owner.id, now))
    return organization


def list_of(db: sqlite3.Connection, user: User) -> list[Organization]:
    """The organizations that `user` is a member of, by name."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM members JOIN organizations ON organizations.id = organization_id"
        " WHERE user_id = ? AND deleted_at IS NULL ORDER BY name",
        (user.id,),
    )
    return [Organization(*row) for row in rows]


def find(db: sqlite3.Connection, name: str, user: User) -> Organization:
    """The organization. Raises NotFound also when `user` is not in it: names are not for strangers to probe."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM organizations JOIN members ON organization_id = organizations.id AND user_id = ?"
        " WHERE name = ? AND deleted_at IS NULL",
        (user.id, name),
    ).fetchone()
    if row is None:
        raise NotFound(f"no organization {name!r}, or you are not a member of it")
    return Organization(*row)


def delete(db: sqlite3.Connection, organization: Organization, now: str) -> None:
    """Soft-delete the organization and its repositories; the name is free again."""
    db.execute("UPDATE organizations SET deleted_at = ? WHERE id = ?", (now, organization.id))
    db.execute(
        "UPDATE repositories SET deleted_at = ? WHERE organization_id = ? AND deleted_at IS NULL",
        (now, organization.id),
    )


def members(db: sqlite3.Connection, organization: Organization) -> list[tuple[User, str]]:
    """The members with the time they joined, by username."""
    rows = db.execute(
        "SELECT users.id, username, email, full_name, users.created_at, joined_at"
        " FROM members JOIN users ON users.id = user_id WHERE organization_id = ? ORDER BY username",
        (organization.id,),
    )
    return [(User(*row[:5]), row[5]) for row in rows]
