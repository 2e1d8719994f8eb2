"""Which policies are in force for whom."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from tilde_local.errors import Conflict, NotFound
from tilde_local.store.permissions import GROUPS_OF
from tilde_local.store.policies import ADMINISTRATOR, built_in_id
from tilde_local.store.records import Organization, Policy, Principal

__all__ = [
    "Attachment",
    "EffectivePolicy",
    "attach",
    "detach",
    "effective",
    "list_in",
    "of_policy",
    "of_principal",
    "require_administrator",
]


class Attachment(NamedTuple):
    """One policy that is in force for one principal."""

    policy_id: str
    policy_name: str
    is_builtin: int
    principal_type: str
    principal_id: str
    principal_name: str
    attached_by_type: str
    attached_by: str
    attached_at: str


class EffectivePolicy(NamedTuple):
    """A policy that is in force for a principal, and the group that this comes from: empty if it is direct."""

    id: str
    name: str
    is_builtin: int
    through: str


_SELECT = (
    "SELECT policies.id, policies.name, is_builtin, principal_type, principal_id,"
    " coalesce(username, roles.name, agents.name, groups.name), attached_by_type, attached_by, attached_at"
    " FROM attachments JOIN policies ON policies.id = policy_id"
    " LEFT JOIN users ON principal_type = 'user' AND users.id = principal_id"
    " LEFT JOIN roles ON principal_type = 'role' AND roles.id = principal_id"
    " LEFT JOIN agents ON principal_type = 'agent' AND agents.id = principal_id"
    " LEFT JOIN groups ON principal_type = 'group' AND groups.id = principal_id"
)
_ORDER = "ORDER BY policies.name, principal_type, principal_id"


def attach(db: sqlite3.Connection, policy_id: str, principal: Principal, by: Principal, now: str) -> None:
    """Put the policy in force for a principal. Once more is fine: the first time counts."""
    db.execute(
        "INSERT OR IGNORE INTO attachments VALUES (?, ?, ?, ?, ?, ?)",
        (policy_id, principal.type, principal.id, by.type, by.id, now),
    )


def detach(db: sqlite3.Connection, policy: Policy, kind: str, principal_id: str) -> None:
    """Put the policy out of force for a principal. Raises NotFound if it was not attached."""
    removed = db.execute(
        "DELETE FROM attachments WHERE policy_id = ? AND principal_type = ? AND principal_id = ?",
        (policy.id, kind, principal_id),
    )
    if not removed.rowcount:
        raise NotFound(f"the policy {policy.name!r} is not attached to {kind} {principal_id!r}")


def list_in(db: sqlite3.Connection, organization: Organization) -> list[Attachment]:
    """All attachments of the organization, by the policies' names."""
    rows = db.execute(f"{_SELECT} WHERE policies.organization_id = ? {_ORDER}", (organization.id,))
    return [Attachment(*row) for row in rows]


def of_policy(db: sqlite3.Connection, policy: Policy) -> list[Attachment]:
    """Whom the policy is attached to."""
    return [Attachment(*row) for row in db.execute(f"{_SELECT} WHERE policy_id = ? {_ORDER}", (policy.id,))]


def of_principal(db: sqlite3.Connection, principal: Principal) -> list[Attachment]:
    """What is attached to the principal itself."""
    rows = db.execute(
        f"{_SELECT} WHERE principal_type = ? AND principal_id = ? {_ORDER}", (principal.type, principal.id)
    )
    return [Attachment(*row) for row in rows]


def effective(db: sqlite3.Connection, organization: Organization, principal: Principal) -> Iterator[EffectivePolicy]:
    """What is in force for a user, role or group: attached to it, or to a group that it is in. By name."""
    rows = db.execute(
        f"{GROUPS_OF} SELECT policies.id, policies.name, is_builtin,"
        " min(CASE WHEN principal_type = :type AND principal_id = :id THEN '' ELSE groups.name END)"
        " FROM policies JOIN attachments ON policy_id = policies.id"
        " LEFT JOIN groups ON principal_type = 'group' AND groups.id = principal_id"
        " WHERE policies.organization_id = :organization AND (principal_type = :type AND principal_id = :id"
        " OR principal_type = 'group' AND principal_id IN (SELECT id FROM mine))"
        " GROUP BY policies.id ORDER BY policies.name",
        {"type": principal.type, "id": principal.id, "organization": organization.id},
    )
    return (EffectivePolicy(*row) for row in rows)


# Up from the policy to all users: through groups, and groups in them.
_ADMINISTRATORS = (
    "WITH RECURSIVE holders (type, id) AS ("
    " SELECT principal_type, principal_id FROM attachments WHERE policy_id = :policy"
    " UNION SELECT subject_type, subject_id FROM group_members JOIN holders"
    "  ON holders.type = 'group' AND group_id = holders.id)"
    " SELECT 1 FROM holders JOIN members ON user_id = holders.id AND organization_id = :organization"
    " WHERE type = 'user' LIMIT 1"
)


def require_administrator(db: sqlite3.Connection, organization: Organization) -> None:
    """Raise Conflict if no user is an administrator any more: nobody could ever let anyone in again.

    To be called after each change that takes something away, in its transaction.
    """
    names = {"policy": built_in_id(organization.id, ADMINISTRATOR), "organization": organization.id}
    if db.execute(_ADMINISTRATORS, names).fetchone() is None:
        raise Conflict(
            f"this would leave {organization.name!r} without an administrator: attach the policy {ADMINISTRATOR!r} to"
            " another user first",
            code="last_administrator",
        )
