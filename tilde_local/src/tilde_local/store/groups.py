"""Groups of principals, which may hold other groups but never, over whatever way, themselves."""

from __future__ import annotations

import sqlite3
import uuid
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from tilde_local.errors import BadRequest, Conflict, NotFound
from tilde_local.store.permissions import GROUPS_OF
from tilde_local.store.records import Group, Organization, Principal

__all__ = [
    "GroupMember",
    "Membership",
    "add_member",
    "check_name",
    "create",
    "delete",
    "effective",
    "find",
    "list_in",
    "members",
    "remove_member",
    "update",
]

MAX_NAME = 100
_COLUMNS = "id, organization_id, name, description, created_by_type, created_by, created_at"


class GroupMember(NamedTuple):
    """Who is in a group. `username` is empty unless it is a user."""

    subject_type: str
    subject_id: str
    display_name: str
    username: str
    added_at: str


class Membership(NamedTuple):
    """A group that a principal is in; `through` is the group that this comes from, empty if it is direct."""

    id: str
    name: str
    description: str
    through: str


def check_name(name: str) -> str:
    """`name` without spaces around it. Raises BadRequest if nothing or too much is left."""
    if not 1 <= len(name.strip()) <= MAX_NAME:
        raise BadRequest(f"name: 1 to {MAX_NAME} characters, not only spaces, got {name[: MAX_NAME + 1]!r}")
    return name.strip()


def create(
    db: sqlite3.Connection, organization: Organization, name: str, description: str, creator: Principal, now: str
) -> Group:
    """A new group without members. Raises BadRequest, and Conflict for a name that is taken."""
    group = Group(str(uuid.uuid4()), organization.id, check_name(name), description, creator.type, creator.id, now)
    _refuse_taken(db, group)
    db.execute(f"INSERT INTO groups ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", group)
    return group


def _refuse_taken(db: sqlite3.Connection, group: Group) -> None:
    taken = db.execute(
        "SELECT 1 FROM groups WHERE organization_id = ? AND name = ? AND id <> ?",
        (group.organization_id, group.name, group.id),
    ).fetchone()
    if taken:
        raise Conflict(f"a group named {group.name!r} exists already")


def find(db: sqlite3.Connection, organization: Organization, group_id: str) -> Group:
    """The group. Raises NotFound."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM groups WHERE id = ? AND organization_id = ?", (group_id, organization.id)
    ).fetchone()
    if row is None:
        raise NotFound(f"no group {group_id!r} in organization {organization.name!r}")
    return Group(*row)


def list_in(db: sqlite3.Connection, organization: Organization, after: str, limit: int) -> list[Group]:
    """At most `limit` groups with names after `after`, by name."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM groups WHERE organization_id = ? AND name > ? ORDER BY name LIMIT ?",
        (organization.id, after, limit),
    )
    return [Group(*row) for row in rows]


def update(db: sqlite3.Connection, group: Group, name: str, description: str) -> Group:
    """The group with a new name and description. Raises BadRequest, Conflict."""
    changed = group._replace(name=check_name(name), description=description)
    _refuse_taken(db, changed)
    db.execute("UPDATE groups SET name = ?, description = ? WHERE id = ?", (changed.name, description, group.id))
    return changed


def delete(db: sqlite3.Connection, group: Group) -> None:
    """Delete the group; it leaves other groups and policies."""
    db.execute("DELETE FROM group_members WHERE subject_type = 'group' AND subject_id = ?", (group.id,))
    db.execute("DELETE FROM attachments WHERE principal_type = 'group' AND principal_id = ?", (group.id,))
    db.execute("DELETE FROM groups WHERE id = ?", (group.id,))


def members(db: sqlite3.Connection, group: Group) -> list[GroupMember]:
    """Who is in the group directly, in the order in which they came."""
    rows = db.execute(
        "SELECT subject_type, subject_id, coalesce(full_name, roles.name, agents.name, groups.name),"
        " coalesce(username, ''), added_at FROM group_members"
        " LEFT JOIN users ON subject_type = 'user' AND users.id = subject_id"
        " LEFT JOIN roles ON subject_type = 'role' AND roles.id = subject_id"
        " LEFT JOIN agents ON subject_type = 'agent' AND agents.id = subject_id"
        " LEFT JOIN groups ON subject_type = 'group' AND groups.id = subject_id"
        " WHERE group_id = ? ORDER BY added_at, subject_id",
        (group.id,),
    )
    return [GroupMember(*row) for row in rows]


def add_member(db: sqlite3.Connection, group: Group, subject: Principal, now: str) -> None:
    """Put `subject` into the group. Raises Conflict if it is there, or if the group would come to hold itself."""
    if subject.type == "group":
        _refuse_circle(db, group, subject)
    added = db.execute(
        "INSERT OR IGNORE INTO group_members VALUES (?, ?, ?, ?)", (group.id, subject.type, subject.id, now)
    )
    if not added.rowcount:
        raise Conflict(f"{subject.type} {subject.name!r} is in the group {group.name!r} already")


def _refuse_circle(db: sqlite3.Connection, group: Group, subject: Principal) -> None:
    if subject.id == group.id:
        raise Conflict(f"the group {group.name!r} cannot be a member of itself", code="circular_membership")
    way = _way_up(db, group, subject)
    if way:
        raise Conflict(
            f"the group {group.name!r} cannot hold {subject.name!r}: it is in "
            + ", which is in ".join(repr(name) for name in way),
            code="circular_membership",
        )


def _way_up(db: sqlite3.Connection, group: Group, top: Principal) -> tuple[str, ...]:
    """The names of the groups on the shortest way from `group` up to `top`; none if it is not in it."""
    ways: dict[str, tuple[str, ...]] = {group.id: ()}
    waiting = deque([group.id])
    while waiting and top.id not in ways:
        inner = waiting.popleft()
        query = "SELECT id, name FROM group_members JOIN groups ON id = group_id WHERE subject_id = ? ORDER BY name"
        for outer, name in db.execute(query, (inner,)):
            if outer not in ways:
                ways[outer] = (*ways[inner], name)
                waiting.append(outer)
    return ways.get(top.id, ())


def remove_member(db: sqlite3.Connection, group: Group, subject_type: str, subject_id: str) -> None:
    """Take a subject out of the group. Raises NotFound if it is not in it."""
    removed = db.execute(
        "DELETE FROM group_members WHERE group_id = ? AND subject_type = ? AND subject_id = ?",
        (group.id, subject_type, subject_id),
    )
    if not removed.rowcount:
        raise NotFound(f"{subject_type} {subject_id!r} is not in the group {group.name!r}")


def effective(db: sqlite3.Connection, organization_id: str, kind: str, principal_id: str) -> Iterator[Membership]:
    """Every group of the organization that the principal is in, directly or through others, by name."""
    rows = db.execute(
        f"{GROUPS_OF} SELECT g.id, g.name, g.description, CASE WHEN EXISTS (SELECT 1 FROM group_members d"
        "  WHERE d.group_id = g.id AND d.subject_type = :type AND d.subject_id = :id) THEN '' ELSE"
        "  (SELECT min(within.name) FROM group_members m JOIN groups within ON within.id = m.subject_id"
        "   WHERE m.group_id = g.id AND m.subject_type = 'group' AND m.subject_id IN (SELECT id FROM mine)) END"
        " FROM mine JOIN groups g ON g.id = mine.id WHERE g.organization_id = :organization ORDER BY g.name",
        {"type": kind, "id": principal_id, "organization": organization_id},
    )
    return (Membership(*row) for row in rows)
