"""Policies of an organization, built-in ones and others."""

from __future__ import annotations

import sqlite3
import uuid

from tilde_local.errors import BadRequest, Conflict, NotFound
from tilde_local.policy.builtin import BUILT_IN
from tilde_local.policy.language import PolicyError, parse
from tilde_local.store.groups import check_name
from tilde_local.store.permissions import policy_text
from tilde_local.store.records import Organization, Policy, Principal

__all__ = [
    "ADMINISTRATOR",
    "add_built_in",
    "add_missing_built_in",
    "built_in_id",
    "check_text",
    "create",
    "delete",
    "find",
    "list_in",
    "update",
]

ADMINISTRATOR = "Administrator"
_COLUMNS = (
    "policies.id, organization_id, name, description, policy_text, is_builtin, created_by_type, created_by, created_at,"
    " updated_at"
)


def check_text(text: str, field: str) -> str:
    """`text`, if it is a policy. Raises BadRequest that names line and column of what is wrong."""
    try:
        parse(text)
    except PolicyError as error:
        raise BadRequest(f"{field}: {error}", code="invalid_policy") from error
    return text


def built_in_id(organization_id: str, name: str) -> str:
    """The id of a built-in policy in an organization: the same whenever it is made."""
    return str(uuid.uuid5(uuid.UUID(organization_id), name))


def add_built_in(db: sqlite3.Connection, organization_id: str, owner_type: str, owner_id: str, now: str) -> None:
    """Give an organization the built-in policies that it lacks. Their texts are not stored: they are the server's.

    A policy of its own that has one of their names gets its id behind it: it was there before that one was built in.
    """
    db.executemany(
        "UPDATE policies SET name = name || ' ' || id WHERE organization_id = ? AND name = ? AND NOT is_builtin",
        ((organization_id, name) for name in BUILT_IN),
    )
    db.executemany(
        "INSERT OR IGNORE INTO policies VALUES (?, ?, ?, '', '', 1, ?, ?, ?, ?)",
        (
            (built_in_id(organization_id, name), organization_id, name, owner_type, owner_id, now, now)
            for name in BUILT_IN
        ),
    )


def add_missing_built_in(db: sqlite3.Connection, now: str) -> None:
    """Give every organization the built-in policies that came with a later version than it."""
    rows = db.execute(
        "SELECT organization_id, created_by_type, created_by FROM policies WHERE is_builtin AND name = ?",
        (ADMINISTRATOR,),
    ).fetchall()
    for organization_id, owner_type, owner_id in rows:
        add_built_in(db, organization_id, owner_type, owner_id, now)


def _policy(row: tuple[object, ...]) -> Policy:
    stored = Policy(*row)  # type: ignore[arg-type]
    if not stored.is_builtin:
        return stored
    return stored._replace(
        description=BUILT_IN[stored.name].description, policy_text=policy_text(stored.name, "", is_builtin=1)
    )


def create(
    db: sqlite3.Connection,
    organization: Organization,
    name: str,
    text: str,
    description: str,
    creator: Principal,
    now: str,
) -> Policy:
    """A new policy that is attached to nobody. Raises BadRequest, and Conflict for a name that is taken."""
    policy = Policy(
        id=str(uuid.uuid4()),
        organization_id=organization.id,
        name=check_name(name),
        description=description,
        policy_text=check_text(text, "policy_text"),
        is_builtin=0,
        created_by_type=creator.type,
        created_by=creator.id,
        created_at=now,
        updated_at=now,
    )
    _refuse_taken(db, policy)
    db.execute("INSERT INTO policies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", policy)
    return policy


def _refuse_taken(db: sqlite3.Connection, policy: Policy) -> None:
    taken = db.execute(
        "SELECT 1 FROM policies WHERE organization_id = ? AND name = ? AND id <> ?",
        (policy.organization_id, policy.name, policy.id),
    ).fetchone()
    if taken:
        raise Conflict(f"a policy named {policy.name!r} exists already")


def find(db: sqlite3.Connection, organization: Organization, policy_id: str) -> Policy:
    """The policy. Raises NotFound."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM policies WHERE id = ? AND organization_id = ?", (policy_id, organization.id)
    ).fetchone()
    if row is None:
        raise NotFound(f"no policy {policy_id!r} in organization {organization.name!r}")
    return _policy(row)


def list_in(db: sqlite3.Connection, organization: Organization, after: str, limit: int) -> list[tuple[Policy, int]]:
    """At most `limit` policies with names after `after`, by name, each with the number of its attachments."""
    rows = db.execute(
        f"SELECT {_COLUMNS}, (SELECT count(*) FROM attachments WHERE policy_id = policies.id) FROM policies"
        " WHERE organization_id = ? AND name > ? ORDER BY name LIMIT ?",
        (organization.id, after, limit),
    )
    return [(_policy(row[:-1]), row[-1]) for row in rows]


def update(db: sqlite3.Connection, policy: Policy, name: str, text: str, description: str, now: str) -> Policy:
    """The policy with new values. Raises BadRequest, also for a built-in one, and Conflict."""
    _refuse_built_in(policy)
    changed = policy._replace(
        name=check_name(name), policy_text=check_text(text, "policy_text"), description=description, updated_at=now
    )
    _refuse_taken(db, changed)
    db.execute(
        "UPDATE policies SET name = ?, policy_text = ?, description = ?, updated_at = ? WHERE id = ?",
        (changed.name, text, description, now, policy.id),
    )
    return changed


def delete(db: sqlite3.Connection, policy: Policy) -> None:
    """Delete the policy; it is in force for nobody any more. Raises BadRequest for a built-in one."""
    _refuse_built_in(policy)
    db.execute("DELETE FROM policies WHERE id = ?", (policy.id,))


def _refuse_built_in(policy: Policy) -> None:
    if policy.is_builtin:
        raise BadRequest(
            f"the policy {policy.name!r} is built in: it cannot be changed or deleted, only attached and detached",
            code="built_in_policy",
        )
