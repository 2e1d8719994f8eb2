"""What a caller may do: the policies in force for him, and the refusal that names what is missing."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from tilde_local.errors import Forbidden
from tilde_local.policy.builtin import BUILT_IN
from tilde_local.policy.grants import Grants, Permissions
from tilde_local.policy.language import parse
from tilde_local.store.records import Organization, Principal

__all__ = ["GROUPS_OF", "Caller", "policy_text"]

# Every group that a subject is in, directly or through groups in groups. UNION keeps what a circle would repeat out.
GROUPS_OF = (
    "WITH RECURSIVE mine (id) AS (SELECT group_id FROM group_members WHERE subject_type = :type AND subject_id = :id"
    " UNION SELECT m.group_id FROM group_members m JOIN mine ON m.subject_type = 'group' AND m.subject_id = mine.id)"
)


def policy_text(name: str, text: str, is_builtin: int) -> str:
    """The text of a policy: that of a built-in one is the server's own, so that it knows every action there is."""
    return BUILT_IN[name].text if is_builtin else text


class Caller(NamedTuple):
    """A principal in an organization, with what the policies in force let him do there."""

    principal: Principal
    permissions: Permissions

    @classmethod
    def of(cls, db: sqlite3.Connection, principal: Principal, organization: Organization) -> Caller:
        """Look up what `principal`, who belongs to `organization`, may do in it."""
        return cls(principal, _permissions(db, principal, organization))

    def require(self, action: str, arguments: Mapping[str, str]) -> None:
        """Raise Forbidden, naming the action, unless it is allowed."""
        if not self.permissions.allows(action, arguments):
            raise Forbidden(self._refusal(action, arguments), code="missing_permission")

    def require_any(self, action: str) -> None:
        """Raise Forbidden unless `action` is allowed for anything: then what is listed is picked one by one."""
        if not self.permissions.grants_any(action):
            raise Forbidden(self._refusal(action, {}), code="missing_permission")

    def _refusal(self, action: str, arguments: Mapping[str, str]) -> str:
        call = ", ".join(f"{name}: {_quoted(value)}" for name, value in arguments.items())
        of_agent = " (an agent may do what its inline policy grants and its creator may do himself)"
        return (
            f"{self.principal.type} {self.principal.name!r} may not {action}({call}): no policy in force allows it"
            f"{of_agent if self.principal.type == 'agent' else ''}"
        )


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _permissions(db: sqlite3.Connection, principal: Principal, organization: Organization) -> Permissions:
    if principal.type != "agent":
        return Permissions(_attached(db, principal.type, principal.id, organization))
    inline, creator_type, creator = db.execute(
        "SELECT inline_policy, created_by_type, created_by FROM agents WHERE id = ?", (principal.id,)
    ).fetchone()
    own = Grants(parse(inline) if inline else ())
    return Permissions(own, _attached(db, creator_type, creator, organization))


def _attached(db: sqlite3.Connection, kind: str, principal_id: str, organization: Organization) -> Grants:
    """What the policies grant that are attached to the user or role, or to a group he is in."""
    rows = db.execute(
        f"{GROUPS_OF} SELECT DISTINCT name, policy_text, is_builtin FROM policies JOIN attachments"
        " ON policy_id = policies.id WHERE organization_id = :organization AND (principal_type = :type"
        " AND principal_id = :id OR principal_type = 'group' AND principal_id IN (SELECT id FROM mine))",
        {"type": kind, "id": principal_id, "organization": organization.id},
    )
    return Grants(statement for row in rows for statement in parse(policy_text(*row)))
