"""/organizations/{organization}/roles"""

from __future__ import annotations

import sqlite3

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response, no_content, page_of
from tilde_local.api.endpoint import AFTER, AMOUNT, Page, PrincipalType, Time, Uuid, endpoint
from tilde_local.api.organizations import SLUG
from tilde_local.store import keys, principals, roles
from tilde_local.store.records import Role

__all__ = ["create", "delete", "get", "list_all"]


class CreateRole(msgspec.Struct):
    """The body of POST /roles."""

    name: SLUG
    description: str = ""


class RoleAnswer(msgspec.Struct):
    """A role."""

    id: Uuid
    organization_id: Uuid
    name: str
    description: str
    created_by_type: PrincipalType
    created_by: Uuid
    created_by_name: str
    created_at: Time
    last_used_at: Time | None

    @classmethod
    def of(cls, db: sqlite3.Connection, role: Role) -> RoleAnswer:
        """The answer for a role."""
        creator = principals.name_of(db, role.created_by_type, role.created_by)
        return cls(*role[:6], creator, role.created_at, keys.last_use(db, role.principal))


@endpoint("createRole", {201: RoleAnswer}, body=CreateRole, errors=(400, 403, 404, 409))
def create(call: Call) -> Response:
    """POST /roles"""
    body = call.json(CreateRole)
    with call.services.database.write() as db:
        organization = call.organization(db, "CreateRole", role=body.name)
        created = roles.create(db, organization, body.name, body.description, call.caller, call.services.now())
        return json_response(RoleAnswer.of(db, created), 201)


@endpoint("listRoles", {200: Page[RoleAnswer]}, query=(AFTER, AMOUNT), errors=(400, 403, 404))
def list_all(call: Call) -> Response:
    """GET /roles: by name."""
    amount = call.query.amount()
    with call.services.database.read() as db:
        found = roles.list_in(db, call.organization(db, "ListRoles"), call.query.text("after"), amount + 1)
        return page_of(found, amount, lambda role: RoleAnswer.of(db, role), lambda role: role.name)


@endpoint("getRole", {200: RoleAnswer}, errors=(403, 404))
def get(call: Call) -> Response:
    """GET /roles/{role_name}"""
    name = call.params["role_name"]
    with call.services.database.read() as db:
        return json_response(RoleAnswer.of(db, roles.find(db, call.organization(db, "GetRole", role=name), name)))


@endpoint("deleteRole", {204: None}, errors=(403, 404))
def delete(call: Call) -> Response:
    """DELETE /roles/{role_name}: its keys are void, and it leaves groups and policies."""
    name = call.params["role_name"]
    with call.services.database.write() as db:
        organization = call.organization(db, "DeleteRole", role=name)
        roles.delete(db, organization, roles.find(db, organization, name), call.services.now())
    return no_content()
