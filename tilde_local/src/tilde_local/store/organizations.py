"""Organizations. A caller sees those that he belongs to, and no other."""

from __future__ import annotations

import re
import sqlite3
import uuid

from tilde_local.errors import BadRequest, Conflict, NotFound
from tilde_local.store import attachments, members, policies
from tilde_local.store.records import Organization, Principal

__all__ = ["availability", "create", "delete", "find", "find_any", "find_by_id", "list_of"]

_COLUMNS = "organizations.id, name, display_name, organizations.created_at"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
# Names that would collide with routes next to /organizations/{organization}.
_RESERVED = frozenset({"check-name"})
# Roles and agents are of one organization, users are members of any number.
_BELONGS = (
    "(organizations.id = :own OR :own IS NULL AND EXISTS"
    " (SELECT 1 FROM members WHERE organization_id = organizations.id AND user_id = :user))"
)


def availability(db: sqlite3.Connection, name: str) -> str:
    """Why `name` cannot be taken: `invalid`, `reserved` or `taken`; empty if it can."""
    if not _NAME.fullmatch(name):
        return "invalid"
    if name in _RESERVED:
        return "reserved"
    taken = db.execute("SELECT 1 FROM organizations WHERE name = ? AND deleted_at IS NULL", (name,)).fetchone()
    return "taken" if taken else ""


def create(db: sqlite3.Connection, name: str, display_name: str, owner: Principal, now: str) -> Organization:
    """A new organization whose administrator is `owner`, a user. Raises BadRequest or Conflict for its name."""
    reason = availability(db, name)
    if reason == "invalid":
        raise BadRequest(f"name: must match ^[a-z0-9][a-z0-9-]{{1,62}}$, got {name!r}")
    if reason:
        raise Conflict(f"the organization name {name!r} is {reason}")
    organization = Organization(str(uuid.uuid4()), name, display_name, now)
    db.execute("INSERT INTO organizations VALUES (?, ?, ?, ?, NULL)", organization)
    members.add(db, organization, owner, now)
    policies.add_built_in(db, organization.id, owner.type, owner.id, now)
    attachments.attach(db, policies.built_in_id(organization.id, policies.ADMINISTRATOR), owner, owner, now)
    return organization


def list_of(db: sqlite3.Connection, caller: Principal) -> list[Organization]:
    """The organizations that `caller` belongs to, by name."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM organizations WHERE {_BELONGS} AND deleted_at IS NULL ORDER BY name",
        _belonging(caller),
    )
    return [Organization(*row) for row in rows]


def find(db: sqlite3.Connection, name: str, caller: Principal) -> Organization:
    """The organization. Raises NotFound also when `caller` is not of it: names are not for strangers to probe."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM organizations WHERE name = :name AND deleted_at IS NULL AND {_BELONGS}",
        {"name": name, **_belonging(caller)},
    ).fetchone()
    if row is None:
        raise NotFound(f"no organization {name!r}, or you are not a member of it")
    return Organization(*row)


def find_by_id(db: sqlite3.Connection, organization_id: str, caller: Principal) -> Organization | None:
    """The organization; None if it was deleted, or `caller` is not of it."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM organizations WHERE organizations.id = :id AND deleted_at IS NULL AND {_BELONGS}",
        {"id": organization_id, **_belonging(caller)},
    ).fetchone()
    return row and Organization(*row)


def find_any(db: sqlite3.Connection, name: str) -> Organization:
    """The organization, for the server's own use: whoever belongs to it. Raises NotFound."""
    row = db.execute(f"SELECT {_COLUMNS} FROM organizations WHERE name = ? AND deleted_at IS NULL", (name,)).fetchone()
    if row is None:
        raise NotFound(f"no organization {name!r}")
    return Organization(*row)


def _belonging(caller: Principal) -> dict[str, str | None]:
    return {"own": caller.organization_id, "user": caller.id}


def delete(db: sqlite3.Connection, organization: Organization, now: str) -> None:
    """Soft-delete the organization and its repositories; the name is free again."""
    db.execute("UPDATE organizations SET deleted_at = ? WHERE id = ?", (now, organization.id))
    db.execute(
        "UPDATE repositories SET deleted_at = ? WHERE organization_id = ? AND deleted_at IS NULL",
        (now, organization.id),
    )
