"""Invitations to an organization, by email."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from tilde_local.clock import stamp
from tilde_local.errors import BadRequest, Conflict, Gone, NotFound
from tilde_local.store import members, users
from tilde_local.store.records import Organization, Principal, User

__all__ = ["Invitation", "Invited", "accept", "create", "decline", "list_in", "list_of", "revoke"]

_LIFETIME = timedelta(days=7)
_COLUMNS = (
    "i.id, i.organization_id, i.email, group_ids, policy_ids, i.status, invited_by_type, invited_by, i.created_at,"
    " expires_at"
)


class Invitation(NamedTuple):
    """An invitation. `group_ids` and `policy_ids` are JSON arrays as text: what who accepts is given."""

    id: str
    organization_id: str
    email: str
    group_ids: str
    policy_ids: str
    status: str
    invited_by_type: str
    invited_by: str
    created_at: str
    expires_at: str

    def status_at(self, now: datetime) -> str:
        """What has become of it: a pending invitation expires without being touched."""
        return "expired" if self.status == "pending" and self.expires_at <= stamp(now) else self.status


class Invited(NamedTuple):
    """An invitation as who is invited sees it."""

    invitation: Invitation
    organization_name: str
    organization_display_name: str
    inviter_name: str


def create(
    db: sqlite3.Connection,
    organization: Organization,
    email: str,
    group_ids: Iterable[str],
    policy_ids: Iterable[str],
    by: Principal,
    now: datetime,
) -> Invitation:
    """Invite an address. Raises Conflict if a member or a pending invitation has it, BadRequest for unknown ids."""
    user = users.find_by_email(db, email)
    if user is not None and members.is_member(db, organization, user.id):
        raise Conflict(f"{email} is a member of {organization.name!r} already")
    if any(each.email == email for each in list_in(db, organization, now)):
        raise Conflict(f"{email} was invited to {organization.name!r} already")
    invitation = Invitation(
        id=str(uuid.uuid4()),
        organization_id=organization.id,
        email=email,
        group_ids=_known(db, organization, "group_ids", group_ids, "groups"),
        policy_ids=_known(db, organization, "policy_ids", policy_ids, "policies"),
        status="pending",
        invited_by_type=by.type,
        invited_by=by.id,
        created_at=stamp(now),
        expires_at=stamp(now + _LIFETIME),
    )
    db.execute("INSERT INTO invitations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", invitation)
    return invitation


def _known(db: sqlite3.Connection, organization: Organization, field: str, ids: Iterable[str], table: str) -> str:
    wanted = list(dict.fromkeys(ids))
    for each in wanted:
        query = f"SELECT 1 FROM {table} WHERE id = ? AND organization_id = ?"
        if db.execute(query, (each, organization.id)).fetchone() is None:
            raise BadRequest(f"{field}: nothing with the id {each!r} in organization {organization.name!r}")
    return msgspec.json.encode(wanted).decode()


def list_in(db: sqlite3.Connection, organization: Organization, now: datetime) -> list[Invitation]:
    """The pending invitations of the organization, oldest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM invitations i WHERE organization_id = ? AND status = 'pending' AND expires_at > ?"
        " ORDER BY created_at, id",
        (organization.id, stamp(now)),
    )
    return [Invitation(*row) for row in rows]


def list_of(db: sqlite3.Connection, user: User, now: datetime) -> list[Invited]:
    """The pending invitations of the user, oldest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS}, organizations.name, display_name,"
        " coalesce(users.full_name, roles.name, agents.name, '') FROM invitations i"
        " JOIN organizations ON organizations.id = i.organization_id AND deleted_at IS NULL"
        " LEFT JOIN users ON users.id = invited_by LEFT JOIN roles ON roles.id = invited_by"
        " LEFT JOIN agents ON agents.id = invited_by"
        " WHERE i.email = ? AND i.status = 'pending' AND expires_at > ? ORDER BY i.created_at, i.id",
        (user.email, stamp(now)),
    )
    return [Invited(Invitation(*row[:10]), *row[10:]) for row in rows]


def _find_mine(db: sqlite3.Connection, user: User, invitation_id: str) -> Invitation:
    row = db.execute(
        f"SELECT {_COLUMNS} FROM invitations i JOIN organizations ON organizations.id = i.organization_id"
        " AND deleted_at IS NULL WHERE i.id = ? AND i.email = ?",
        (invitation_id, user.email),
    ).fetchone()
    if row is None:
        raise NotFound(f"no invitation {invitation_id!r} for you")
    return Invitation(*row)


def accept(db: sqlite3.Connection, user: User, invitation_id: str, now: datetime) -> None:
    """Make the user a member, with the groups and policies of the invitation that are still there.

    Raises NotFound, and Gone for an invitation that is not pending any more.
    """
    invitation = _find_mine(db, user, invitation_id)
    status = invitation.status_at(now)
    if status != "pending":
        raise Gone(f"the invitation is not open any more: it is {status}", code="invitation_closed")
    _close(db, invitation, "accepted")
    db.execute("INSERT OR IGNORE INTO members VALUES (?, ?, ?)", (invitation.organization_id, user.id, stamp(now)))
    _give(db, invitation, user.principal, stamp(now))


def _give(db: sqlite3.Connection, invitation: Invitation, user: Principal, now: str) -> None:
    db.executemany(
        "INSERT OR IGNORE INTO group_members SELECT id, 'user', ?, ? FROM groups WHERE id = ?",
        ((user.id, now, each) for each in msgspec.json.decode(invitation.group_ids, type=list[str])),
    )
    db.executemany(
        "INSERT OR IGNORE INTO attachments SELECT id, 'user', ?, ?, ?, ? FROM policies WHERE id = ?",
        (
            (user.id, invitation.invited_by_type, invitation.invited_by, now, each)
            for each in msgspec.json.decode(invitation.policy_ids, type=list[str])
        ),
    )


def decline(db: sqlite3.Connection, user: User, invitation_id: str, now: datetime) -> None:
    """Refuse to join. Raises NotFound, also for an invitation that is not pending any more."""
    invitation = _find_mine(db, user, invitation_id)
    status = invitation.status_at(now)
    if status != "pending":
        raise NotFound(f"the invitation is not open any more: it is {status}")
    _close(db, invitation, "declined")


def revoke(db: sqlite3.Connection, organization: Organization, invitation_id: str, now: datetime) -> None:
    """Take an invitation back. Raises NotFound, and Conflict if it is not pending any more."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM invitations i WHERE id = ? AND organization_id = ?", (invitation_id, organization.id)
    ).fetchone()
    if row is None:
        raise NotFound(f"no invitation {invitation_id!r} in organization {organization.name!r}")
    invitation = Invitation(*row)
    status = invitation.status_at(now)
    if status != "pending":
        raise Conflict(f"the invitation of {invitation.email} is not pending any more: it is {status}")
    _close(db, invitation, "revoked")


def _close(db: sqlite3.Connection, invitation: Invitation, status: str) -> None:
    db.execute("UPDATE invitations SET status = ? WHERE id = ?", (status, invitation.id))
