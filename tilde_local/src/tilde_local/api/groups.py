"""/organizations/{organization}/groups and /effective-groups"""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from tilde_local.api.attachments import AttachmentAnswer
from tilde_local.api.call import MAX_AMOUNT, Call, json_response, no_content, page_of
from tilde_local.api.endpoint import AFTER, Listed, Page, PrincipalType, SubjectType, Time, Uuid, endpoint
from tilde_local.api.principals import SUBJECT, WHOSE, Source, asked_about, named, pair
from tilde_local.store import attachments, groups
from tilde_local.store.records import Group

__all__ = ["add_member", "create", "delete", "effective", "get", "list_all", "remove_member", "update"]


class CreateGroup(msgspec.Struct):
    """The body of POST /groups."""

    name: str
    description: str = ""


class UpdateGroup(msgspec.Struct):
    """The body of PUT /groups/{group_id}; what is left out stays."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType = msgspec.UNSET


class AddMember(msgspec.Struct):
    """The body of POST /groups/{group_id}/members."""

    subject_type: SubjectType
    subject_id: Uuid


class GroupAnswer(msgspec.Struct):
    """A group."""

    id: Uuid
    organization_id: Uuid
    name: str
    description: str
    created_by_type: PrincipalType
    created_by: Uuid
    created_at: Time


class GroupMemberAnswer(msgspec.Struct):
    """Who is in a group."""

    subject_type: SubjectType
    subject_id: Uuid
    display_name: str
    username: str
    added_at: Time


class GroupDetails(msgspec.Struct):
    """A group with its members and policies."""

    group: GroupAnswer
    members: list[GroupMemberAnswer]
    attachments: list[AttachmentAnswer]


class EffectiveGroup(msgspec.Struct):
    """A group that a principal is in."""

    group_id: Uuid
    group_name: str
    description: str
    source: Source
    source_name: str


def _answer(group: Group) -> GroupAnswer:
    return GroupAnswer(*group)


@endpoint("createGroup", {201: GroupAnswer}, body=CreateGroup, errors=(400, 403, 404, 409))
def create(call: Call) -> Response:
    """POST /groups"""
    body = call.json(CreateGroup)
    with call.services.database.write() as db:
        organization = call.organization(db, "CreateGroup")
        created = groups.create(db, organization, body.name, body.description, call.caller, call.services.now())
    return json_response(_answer(created), 201)


@endpoint("listGroups", {200: Page[GroupAnswer]}, query=(AFTER,), errors=(403, 404))
def list_all(call: Call) -> Response:
    """GET /groups: by name, up to 1000 a page."""
    with call.services.database.read() as db:
        found = groups.list_in(db, call.organization(db, "ListGroups"), call.query.text("after"), MAX_AMOUNT + 1)
    return page_of(found, MAX_AMOUNT, _answer, lambda group: group.name)


@endpoint("getGroup", {200: GroupDetails}, errors=(403, 404))
def get(call: Call) -> Response:
    """GET /groups/{group_id}: with its members and policies."""
    with call.services.database.read() as db:
        group = groups.find(db, call.organization(db, "GetGroup"), call.params["group_id"])
        members = [GroupMemberAnswer(*member) for member in groups.members(db, group)]
        attached = [AttachmentAnswer.of(each) for each in attachments.of_principal(db, group.principal)]
    return json_response(GroupDetails(_answer(group), members, attached))


@endpoint("updateGroup", {200: GroupAnswer}, body=UpdateGroup, errors=(400, 403, 404, 409))
def update(call: Call) -> Response:
    """PUT /groups/{group_id}"""
    body = call.json(UpdateGroup)
    with call.services.database.write() as db:
        old = groups.find(db, call.organization(db, "UpdateGroup"), call.params["group_id"])
        name = old.name if body.name is msgspec.UNSET else body.name
        description = old.description if body.description is msgspec.UNSET else body.description
        return json_response(_answer(groups.update(db, old, name, description)))


@endpoint("deleteGroup", {204: None}, errors=(403, 404, 409))
def delete(call: Call) -> Response:
    """DELETE /groups/{group_id}"""
    with call.services.database.write() as db:
        organization = call.organization(db, "DeleteGroup")
        groups.delete(db, groups.find(db, organization, call.params["group_id"]))
        attachments.require_administrator(db, organization)
    return no_content()


@endpoint("addGroupMember", {201: None}, body=AddMember, errors=(400, 403, 404, 409))
def add_member(call: Call) -> Response:
    """POST /groups/{group_id}/members"""
    body = call.json(AddMember)
    with call.services.database.write() as db:
        organization = call.organization(db, "AddGroupMember")
        group = groups.find(db, organization, call.params["group_id"])
        subject = named(db, organization, "subject", body.subject_type, body.subject_id)
        groups.add_member(db, group, subject, call.services.now())
    return Response(status_code=201)


@endpoint("removeGroupMember", {204: None}, query=SUBJECT, errors=(400, 403, 404, 409))
def remove_member(call: Call) -> Response:
    """DELETE /groups/{group_id}/members"""
    kind, subject_id = pair(call, "subject")
    with call.services.database.write() as db:
        organization = call.organization(db, "RemoveGroupMember")
        groups.remove_member(db, groups.find(db, organization, call.params["group_id"]), kind, subject_id)
        attachments.require_administrator(db, organization)
    return no_content()


@endpoint("getEffectiveGroups", {200: Listed[EffectiveGroup]}, query=WHOSE, errors=(400, 403, 404))
def effective(call: Call) -> Response:
    """GET /effective-groups: those that a principal is in, directly or through others."""
    with call.services.database.read() as db:
        organization = call.organization(db, "GetEffectiveGroups")
        principal = asked_about(call, db, organization)
        found = [
            EffectiveGroup(each.id, each.name, each.description, "group" if each.through else "direct", each.through)
            for each in groups.effective(db, organization.id, principal.type, principal.id)
        ]
    return json_response(Listed(found))
