"""/organizations"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response, no_content
from tilde_local.api.endpoint import Listed, Parameter, Time, Uuid, endpoint
from tilde_local.errors import BadRequest, Forbidden
from tilde_local.store import organizations
from tilde_local.store.records import Organization

__all__ = ["SLUG", "check_name", "create", "delete", "get", "list_all"]

# Only described, not checked by msgspec: the store's message says it better.
SLUG = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": r"^[a-z0-9][a-z0-9-]{1,62}$"})]


class CreateOrganization(msgspec.Struct):
    """The body of POST /organizations."""

    name: SLUG
    display_name: str


class OrganizationAnswer(msgspec.Struct):
    """An organization."""

    id: Uuid
    name: str
    display_name: str
    status: Literal["active"]
    created_at: Time

    @classmethod
    def of(cls, organization: Organization) -> OrganizationAnswer:
        """The answer for an organization: none is ever suspended here."""
        return cls(organization.id, organization.name, organization.display_name, "active", organization.created_at)


class Availability(msgspec.Struct):
    """Whether a name can be taken, and if not, why."""

    available: bool
    reason: Literal["", "invalid", "reserved", "taken"]


@endpoint("createOrg", {201: OrganizationAnswer}, body=CreateOrganization, errors=(400, 403, 409))
def create(call: Call) -> Response:
    """POST /organizations: the user who creates it is its administrator."""
    body = call.json(CreateOrganization)
    if call.caller.type != "user":
        raise Forbidden(f"{call.caller.type}s belong to one organization: only users create others")
    if not body.display_name.strip():
        raise BadRequest("display_name: cannot be empty")
    with call.services.database.write() as db:
        created = organizations.create(db, body.name, body.display_name, call.caller, call.services.now())
    return json_response(OrganizationAnswer.of(created), 201)


@endpoint("listOrgs", {200: Listed[OrganizationAnswer]})
def list_all(call: Call) -> Response:
    """GET /organizations: those of the caller, all at once."""
    with call.services.database.read() as db:
        found = organizations.list_of(db, call.caller)
    return json_response(Listed([OrganizationAnswer.of(each) for each in found]))


@endpoint("checkOrgName", {200: Availability}, query=(Parameter("name", "the name", required=True),), errors=(400,))
def check_name(call: Call) -> Response:
    """GET /organizations/check-name"""
    name = call.query.required("name")
    with call.services.database.read() as db:
        reason = organizations.availability(db, name)
    return json_response({"available": not reason, "reason": reason})


@endpoint("getOrg", {200: OrganizationAnswer}, errors=(404,))
def get(call: Call) -> Response:
    """GET /organizations/{organization}"""
    with call.services.database.read() as db:
        return json_response(OrganizationAnswer.of(call.own_organization(db)))


@endpoint("deleteOrg", {204: None}, errors=(403, 404))
def delete(call: Call) -> Response:
    """DELETE /organizations/{organization}: with its repositories, softly."""
    with call.services.database.write() as db:
        organizations.delete(db, call.organization(db, "DeleteOrganization"), call.services.now())
    return no_content()
