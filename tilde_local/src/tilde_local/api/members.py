"""/organizations/{organization}/members"""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response, no_content
from tilde_local.api.endpoint import Listed, Time, Uuid, endpoint
from tilde_local.errors import NotFound
from tilde_local.store import attachments, members, users
from tilde_local.store.records import Organization, User

__all__ = ["create", "delete", "list_all"]


class CreateMember(msgspec.Struct):
    """The body of POST /members."""

    username: str


class MemberAnswer(msgspec.Struct):
    """A member."""

    organization_id: Uuid
    user_id: Uuid
    username: str
    full_name: str
    email: str
    joined_at: Time

    @classmethod
    def of(cls, organization: Organization, user: User, joined_at: str) -> MemberAnswer:
        """The answer for a user in an organization."""
        return cls(organization.id, user.id, user.username, user.full_name, user.email, joined_at)


@endpoint("listMembers", {200: Listed[MemberAnswer]}, errors=(403, 404))
def list_all(call: Call) -> Response:
    """GET /members: all at once."""
    with call.services.database.read() as db:
        organization = call.organization(db, "ListMembers")
        found = members.list_of(db, organization)
    return json_response(Listed([MemberAnswer.of(organization, *each) for each in found]))


@endpoint("addMember", {201: MemberAnswer}, body=CreateMember, errors=(400, 403, 404, 409))
def create(call: Call) -> Response:
    """POST /members: by username. What the new member may do is for policies to say."""
    username, now = call.json(CreateMember).username, call.services.now()
    with call.services.database.write() as db:
        organization = call.organization(db, "AddMember")
        user = users.find_by_name(db, username)
        if user is None:
            raise NotFound(f"no user {username!r}")
        members.add(db, organization, user.principal, now)
    return json_response(MemberAnswer.of(organization, user, now), 201)


@endpoint("removeMember", {204: None}, errors=(403, 404, 409))
def delete(call: Call) -> Response:
    """DELETE /members/{user_id}: he leaves groups and policies too."""
    with call.services.database.write() as db:
        organization = call.organization(db, "RemoveMember")
        members.remove(db, organization, call.params["user_id"])
        attachments.require_administrator(db, organization)
    return no_content()
