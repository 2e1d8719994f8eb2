"""/organizations/{organization}/invitations and /invitations"""

from __future__ import annotations

import sqlite3
from typing import Annotated

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response, no_content
from tilde_local.api.endpoint import Listed, Time, Uuid, endpoint
from tilde_local.errors import BadRequest, Forbidden, NotFound
from tilde_local.store import invitations, users
from tilde_local.store.invitations import Invitation, Invited
from tilde_local.store.records import User

__all__ = ["accept", "create", "decline", "list_in_organization", "list_mine", "revoke"]

Email = Annotated[
    str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254, extra_json_schema={"format": "email"})
]


class CreateInvitation(msgspec.Struct):
    """The body of POST /organizations/{organization}/invitations: `email` or `username`."""

    email: Email | msgspec.UnsetType = msgspec.UNSET
    username: str | msgspec.UnsetType = msgspec.UNSET
    group_ids: list[Uuid] = []
    policy_ids: list[Uuid] = []


class InvitationAnswer(msgspec.Struct):
    """An invitation. The last three are told to who is invited."""

    id: Uuid
    organization_id: Uuid
    email: str
    invited_by: Uuid
    status: Annotated[
        str, msgspec.Meta(extra_json_schema={"enum": ["pending", "accepted", "declined", "revoked", "expired"]})
    ]
    created_at: Time
    expires_at: Time
    organization_name: str | msgspec.UnsetType = msgspec.UNSET
    organization_display_name: str | msgspec.UnsetType = msgspec.UNSET
    inviter_name: str | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(cls, invitation: Invitation) -> InvitationAnswer:
        """The answer for who invites."""
        i = invitation
        return cls(i.id, i.organization_id, i.email, i.invited_by, i.status, i.created_at, i.expires_at)

    @classmethod
    def of_mine(cls, invited: Invited) -> InvitationAnswer:
        """The answer for who is invited."""
        answer = cls.of(invited.invitation)
        answer.organization_name, answer.organization_display_name, answer.inviter_name = invited[1:]
        return answer


class InvitationStatus(msgspec.Struct):
    """What became of an invitation."""

    status: str


@endpoint("createOrgInvitation", {201: InvitationAnswer}, body=CreateInvitation, errors=(400, 403, 404, 409))
def create(call: Call) -> Response:
    """POST /organizations/{organization}/invitations: good for 7 days."""
    body, now = call.json(CreateInvitation), call.services.clock()
    with call.services.database.write() as db:
        organization = call.organization(db, "CreateInvitation")
        # Otherwise an invitation would give what who invites may not give.
        for ids, action in ((body.group_ids, "AddGroupMember"), (body.policy_ids, "AttachPolicy")):
            if ids:
                call.organization(db, action)
        created = invitations.create(
            db, organization, _email(db, body), body.group_ids, body.policy_ids, call.caller, now
        )
    return json_response(InvitationAnswer.of(created), 201)


def _email(db: sqlite3.Connection, body: CreateInvitation) -> str:
    if (body.email is msgspec.UNSET) == (body.username is msgspec.UNSET):
        raise BadRequest("email or username: exactly one of them")
    if body.email is not msgspec.UNSET:
        return body.email
    user = users.find_by_name(db, str(body.username))
    if user is None:
        raise NotFound(f"no user {body.username!r}")
    return user.email


@endpoint("listOrgInvitations", {200: Listed[InvitationAnswer]}, errors=(403, 404))
def list_in_organization(call: Call) -> Response:
    """GET /organizations/{organization}/invitations: the pending ones, all at once."""
    with call.services.database.read() as db:
        found = invitations.list_in(db, call.organization(db, "ListInvitations"), call.services.clock())
    return json_response(Listed([InvitationAnswer.of(each) for each in found]))


@endpoint("revokeOrgInvitation", {204: None}, errors=(403, 404, 409))
def revoke(call: Call) -> Response:
    """DELETE /organizations/{organization}/invitations/{invitation_id}"""
    with call.services.database.write() as db:
        organization = call.organization(db, "RevokeInvitation")
        invitations.revoke(db, organization, call.params["invitation_id"], call.services.clock())
    return no_content()


def _me(call: Call, db: sqlite3.Connection) -> User:
    if call.caller.type != "user":
        raise Forbidden(f"{call.caller.type}s belong to one organization and are invited to none")
    return users.find(db, call.caller.id)


@endpoint("listMyInvitations", {200: Listed[InvitationAnswer]}, errors=(403,))
def list_mine(call: Call) -> Response:
    """GET /invitations: the caller's pending ones, all at once."""
    with call.services.database.read() as db:
        found = invitations.list_of(db, _me(call, db), call.services.clock())
    return json_response(Listed([InvitationAnswer.of_mine(each) for each in found]))


@endpoint("acceptMyInvitation", {200: InvitationStatus}, errors=(403, 404, 410))
def accept(call: Call) -> Response:
    """POST /invitations/{invitation_id}/accept"""
    with call.services.database.write() as db:
        invitations.accept(db, _me(call, db), call.params["invitation_id"], call.services.clock())
    return json_response(InvitationStatus("accepted"))


@endpoint("declineMyInvitation", {200: InvitationStatus}, errors=(403, 404))
def decline(call: Call) -> Response:
    """POST /invitations/{invitation_id}/decline"""
    with call.services.database.write() as db:
        invitations.decline(db, _me(call, db), call.params["invitation_id"], call.services.clock())
    return json_response(InvitationStatus("declined"))
