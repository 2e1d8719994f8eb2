"""Who is in an organization."""

from __future__ import annotations

import sqlite3

from tilde_local.errors import Conflict, NotFound
from tilde_local.store.records import Organization, Principal, User

__all__ = ["add", "forget", "is_member", "list_of", "remove"]


def is_member(db: sqlite3.Connection, organization: Organization, user_id: str) -> bool:
    """Whether the user is in the organization."""
    query = "SELECT 1 FROM members WHERE organization_id = ? AND user_id = ?"
    return db.execute(query, (organization.id, user_id)).fetchone() is not None


def add(db: sqlite3.Connection, organization: Organization, user: Principal, now: str) -> None:
    """Make the user a member; what he may do is for policies to say. Raises Conflict if he is one."""
    if is_member(db, organization, user.id):
        raise Conflict(f"{user.name!r} is a member of {organization.name!r} already")
    db.execute("INSERT INTO members VALUES (?, ?, ?)", (organization.id, user.id, now))


def list_of(db: sqlite3.Connection, organization: Organization) -> list[tuple[User, str]]:
    """The members with the time they joined, by username."""
    rows = db.execute(
        "SELECT users.id, username, email, full_name, users.created_at, joined_at"
        " FROM members JOIN users ON users.id = user_id WHERE organization_id = ? ORDER BY username",
        (organization.id,),
    )
    return [(User(*row[:5]), row[5]) for row in rows]


def remove(db: sqlite3.Connection, organization: Organization, user_id: str) -> None:
    """Take the user out of the organization, its groups and policies. Raises NotFound if he is no member."""
    if not is_member(db, organization, user_id):
        raise NotFound(f"no member {user_id!r} in organization {organization.name!r}")
    db.execute("DELETE FROM members WHERE organization_id = ? AND user_id = ?", (organization.id, user_id))
    forget(db, organization, "user", user_id)


def forget(db: sqlite3.Connection, organization: Organization, kind: str, principal_id: str) -> None:
    """Take a principal out of the organization's groups and policies."""
    db.execute(
        "DELETE FROM group_members WHERE subject_type = ? AND subject_id = ?"
        " AND group_id IN (SELECT id FROM groups WHERE organization_id = ?)",
        (kind, principal_id, organization.id),
    )
    db.execute(
        "DELETE FROM attachments WHERE principal_type = ? AND principal_id = ?"
        " AND policy_id IN (SELECT id FROM policies WHERE organization_id = ?)",
        (kind, principal_id, organization.id),
    )
