"""/organizations"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response
from tilde_local.errors import BadRequest
from tilde_local.store import organizations
from tilde_local.store.records import Organization

__all__ = ["check_name", "create", "delete", "get", "list_all", "list_members"]


class CreateOrganization(msgspec.Struct):
    """The body of POST /organizations."""

    name: str
    display_name: str


def _render(organization: Organization) -> dict[str, Any]:
    return {**organization._asdict(), "status": "active"}


def create(call: Call) -> Response:
    """POST /organizations"""
    body = call.json(CreateOrganization)
    if not body.display_name.strip():
        raise BadRequest("display_name: cannot be empty")
    with call.services.database.write() as db:
        created = organizations.create(db, body.name, body.display_name, call.user, call.services.now())
    return json_response(_render(created), 201)


def list_all(call: Call) -> Response:
    """GET /organizations: those of the caller, all at once."""
    with call.services.database.read() as db:
        return json_response({"results": [_render(each) for each in organizations.list_of(db, call.user)]})


def check_name(call: Call) -> Response:
    """GET /organizations/check-name"""
    name = call.query.required("name")
    with call.services.database.read() as db:
        reason = organizations.availability(db, name)
    return json_response({"available": not reason, "reason": reason})


def get(call: Call) -> Response:
    """GET /organizations/{organization}"""
    with call.services.database.read() as db:
        return json_response(_render(call.organization(db)))


def delete(call: Call) -> Response:
    """DELETE /organizations/{organization}: with its repositories, softly."""
    with call.services.database.write() as db:
        organizations.delete(db, call.organization(db), call.services.now())
    return Response(status_code=204)


def list_members(call: Call) -> Response:
    """GET /organizations/{organization}/members: all at once."""
    with call.services.database.read() as db:
        organization = call.organization(db)
        members = organizations.members(db, organization)
    results = [
        {
            "organization_id": organization.id,
            "user_id": user.id,
            "username": user.username,
            "full_name": user.full_name,
            "email": user.email,
            "joined_at": joined_at,
        }
        for user, joined_at in members
    ]
    return json_response({"results": results})
