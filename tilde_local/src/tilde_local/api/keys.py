"""/auth/keys, and …/auth/keys of roles and agents"""

from __future__ import annotations

import sqlite3

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response, no_content
from tilde_local.api.endpoint import Listed, Time, Uuid, endpoint
from tilde_local.errors import Forbidden
from tilde_local.store import agents, keys, roles
from tilde_local.store.records import ApiKey, Principal

__all__ = [
    "create",
    "create_of_agent",
    "create_of_role",
    "list_all",
    "list_of_agent",
    "list_of_role",
    "revoke",
    "revoke_of_agent",
    "revoke_of_role",
]


class CreateKey(msgspec.Struct):
    """The body of POST …/auth/keys."""

    name: str
    description: str = ""


class KeyAnswer(msgspec.Struct):
    """What may be shown of an API key; `user_id` is the id of whom it belongs to."""

    id: str
    user_id: Uuid
    name: str
    description: str
    token_hint: str
    created_at: Time
    last_used_at: Time | None
    revoked_at: Time | None

    @classmethod
    def of(cls, key: ApiKey) -> KeyAnswer:
        """The answer for a key."""
        return cls(*key)


class CreatedKey(msgspec.Struct):
    """A new key: the only answer that has the token."""

    token: str
    id: str
    name: str
    description: str


def _create(call: Call, db: sqlite3.Connection, owner: Principal) -> Response:
    body = call.json(CreateKey)
    token, key_id = keys.create(db, owner, body.name, body.description, call.services.now())
    return json_response(CreatedKey(token, key_id, body.name, body.description), 201)


def _list(db: sqlite3.Connection, owner: Principal) -> Response:
    return json_response(Listed([KeyAnswer.of(key) for key in keys.list_of(db, owner)]))


def _revoke(call: Call, db: sqlite3.Connection, owner: Principal) -> Response:
    keys.revoke(db, owner, call.params["key_id"], call.services.now())
    return no_content()


def _user(call: Call) -> Principal:
    """The caller, who must be a user: roles and agents get their keys from those who may give them."""
    if call.caller.type != "user":
        raise Forbidden(f"{call.caller.type}s do not manage their own API keys: ask who administers the organization")
    return call.caller


def _role(call: Call, db: sqlite3.Connection, action: str) -> Principal:
    name = call.params["role_name"]
    return roles.find(db, call.organization(db, action, role=name), name).principal


def _agent(call: Call, db: sqlite3.Connection, action: str) -> Principal:
    name = call.params["agent_name"]
    return agents.find(db, call.organization(db, action, agent=name), name).principal


@endpoint("createAPIKey", {201: CreatedKey}, body=CreateKey, errors=(400, 403))
def create(call: Call) -> Response:
    """POST /auth/keys: a key of the caller, shown once."""
    with call.services.database.write() as db:
        return _create(call, db, _user(call))


@endpoint("listAPIKeys", {200: Listed[KeyAnswer]}, errors=(403,))
def list_all(call: Call) -> Response:
    """GET /auth/keys: all at once, the revoked ones too."""
    with call.services.database.read() as db:
        return _list(db, _user(call))


@endpoint("revokeAPIKey", {204: None}, errors=(403, 404))
def revoke(call: Call) -> Response:
    """DELETE /auth/keys/{key_id}"""
    with call.services.database.write() as db:
        return _revoke(call, db, _user(call))


@endpoint("createRoleAPIKey", {201: CreatedKey}, body=CreateKey, errors=(400, 403, 404))
def create_of_role(call: Call) -> Response:
    """POST /organizations/{organization}/roles/{role_name}/auth/keys: shown once."""
    with call.services.database.write() as db:
        return _create(call, db, _role(call, db, "CreateRoleAPIKey"))


@endpoint("listRoleAPIKeys", {200: Listed[KeyAnswer]}, errors=(403, 404))
def list_of_role(call: Call) -> Response:
    """GET /organizations/{organization}/roles/{role_name}/auth/keys"""
    with call.services.database.read() as db:
        return _list(db, _role(call, db, "ListRoleAPIKeys"))


@endpoint("revokeRoleAPIKey", {204: None}, errors=(403, 404))
def revoke_of_role(call: Call) -> Response:
    """DELETE /organizations/{organization}/roles/{role_name}/auth/keys/{key_id}"""
    with call.services.database.write() as db:
        return _revoke(call, db, _role(call, db, "RevokeRoleAPIKey"))


@endpoint("createAgentAPIKey", {201: CreatedKey}, body=CreateKey, errors=(400, 403, 404))
def create_of_agent(call: Call) -> Response:
    """POST /organizations/{organization}/agents/{agent_name}/auth/keys: shown once."""
    with call.services.database.write() as db:
        return _create(call, db, _agent(call, db, "CreateAgentAPIKey"))


@endpoint("listAgentAPIKeys", {200: Listed[KeyAnswer]}, errors=(403, 404))
def list_of_agent(call: Call) -> Response:
    """GET /organizations/{organization}/agents/{agent_name}/auth/keys"""
    with call.services.database.read() as db:
        return _list(db, _agent(call, db, "ListAgentAPIKeys"))


@endpoint("revokeAgentAPIKey", {204: None}, errors=(403, 404))
def revoke_of_agent(call: Call) -> Response:
    """DELETE /organizations/{organization}/agents/{agent_name}/auth/keys/{key_id}"""
    with call.services.database.write() as db:
        return _revoke(call, db, _agent(call, db, "RevokeAgentAPIKey"))
