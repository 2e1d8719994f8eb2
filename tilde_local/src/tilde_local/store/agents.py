"""Agents: identities that may do what their inline policy grants, and never more than who created them."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Mapping

import msgspec

from tilde_local.errors import Conflict, Forbidden, NotFound
from tilde_local.store import keys, members
from tilde_local.store.policies import check_text
from tilde_local.store.records import Agent, Organization, Principal
from tilde_local.store.roles import check_name

__all__ = ["create", "delete", "find", "list_in", "update"]

_COLUMNS = (
    "id, organization_id, name, description, metadata, inline_policy, inline_policy_updated_at, created_by_type,"
    " created_by, created_at"
)


def create(
    db: sqlite3.Connection,
    organization: Organization,
    name: str,
    description: str,
    metadata: Mapping[str, str],
    inline_policy: str,
    creator: Principal,
    now: str,
) -> Agent:
    """A new agent. Raises BadRequest, Conflict for a name that is taken, Forbidden if the creator is an agent."""
    if creator.type == "agent":
        raise Forbidden("an agent cannot create agents: it may do what its creator may do, who is a user or a role")
    agent = Agent(
        id=str(uuid.uuid4()),
        organization_id=organization.id,
        name=check_name(name),
        description=description,
        metadata=msgspec.json.encode(metadata).decode(),
        inline_policy=_checked(inline_policy),
        inline_policy_updated_at=now if inline_policy else None,
        created_by_type=creator.type,
        created_by=creator.id,
        created_at=now,
    )
    if _select(db, organization, name) is not None:
        raise Conflict(f"an agent named {name!r} exists already")
    db.execute(f"INSERT INTO agents ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", agent)
    return agent


def _checked(inline_policy: str) -> str:
    """The policy; an empty one is none. Raises BadRequest."""
    return check_text(inline_policy, "inline_policy") if inline_policy else ""


def _select(db: sqlite3.Connection, organization: Organization, name: str) -> Agent | None:
    row = db.execute(
        f"SELECT {_COLUMNS} FROM agents WHERE organization_id = ? AND name = ?", (organization.id, name)
    ).fetchone()
    return row and Agent(*row)


def find(db: sqlite3.Connection, organization: Organization, name: str) -> Agent:
    """The agent. Raises NotFound."""
    agent = _select(db, organization, name)
    if agent is None:
        raise NotFound(f"no agent {name!r} in organization {organization.name!r}")
    return agent


def list_in(db: sqlite3.Connection, organization: Organization, after: str, limit: int) -> list[Agent]:
    """At most `limit` agents with names after `after`, by name."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM agents WHERE organization_id = ? AND name > ? ORDER BY name LIMIT ?",
        (organization.id, after, limit),
    )
    return [Agent(*row) for row in rows]


def update(
    db: sqlite3.Connection,
    agent: Agent,
    description: str | None,
    metadata: Mapping[str, str] | None,
    inline_policy: str | None,
    now: str,
) -> Agent:
    """The agent with new values; None leaves one as it is. Raises BadRequest."""
    changed = agent
    if description is not None:
        changed = changed._replace(description=description)
    if metadata is not None:
        changed = changed._replace(metadata=msgspec.json.encode(metadata).decode())
    if inline_policy is not None:
        changed = changed._replace(inline_policy=_checked(inline_policy), inline_policy_updated_at=now)
    db.execute(
        "UPDATE agents SET description = ?, metadata = ?, inline_policy = ?, inline_policy_updated_at = ? WHERE id = ?",
        (*changed[3:7], agent.id),
    )
    return changed


def delete(db: sqlite3.Connection, organization: Organization, agent: Agent, now: str) -> None:
    """Delete the agent with its secrets: its keys are void, and it leaves groups and policies."""
    keys.revoke_all(db, agent.principal, now)
    members.forget(db, organization, "agent", agent.id)
    db.execute("DELETE FROM secrets WHERE owner_type = 'agent' AND owner_id = ?", (agent.id,))
    db.execute("DELETE FROM agents WHERE id = ?", (agent.id,))
