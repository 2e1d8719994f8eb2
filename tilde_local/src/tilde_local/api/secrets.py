"""…/repositories/{repository}/secrets and …/agents/{agent_name}/secrets"""

from __future__ import annotations

import sqlite3
from typing import Annotated

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response, no_content
from tilde_local.api.endpoint import Answer, Listed, PrincipalType, Time, Uuid, endpoint
from tilde_local.errors import BodyTooLarge
from tilde_local.store import agents, secrets
from tilde_local.store.secrets import Owner, Secret

__all__ = [
    "delete",
    "delete_of_agent",
    "get",
    "get_of_agent",
    "list_all",
    "list_of_agent",
    "put",
    "put_of_agent",
]

MAX_SECRET_BODY_BYTES = 64 * 1024


class PutSecret(msgspec.Struct):
    """The body of PUT …/secrets/{secret_key}."""

    value: Annotated[str, msgspec.Meta(min_length=1)]

    def __repr__(self) -> str:
        return "PutSecret(value='***')"


class StoredSecret(msgspec.Struct):
    """What was stored."""

    key: str


class SecretAnswer(msgspec.Struct):
    """A secret in a list."""

    key: str
    created_by_type: PrincipalType
    created_by: Uuid
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, secret: Secret) -> SecretAnswer:
        """The answer for a secret."""
        return cls(*secret)


class SecretValue(msgspec.Struct):
    """A secret with its value."""

    key: str
    value: str

    def __repr__(self) -> str:
        return f"SecretValue({self.key!r}, '***')"


def _key(call: Call) -> str:
    return call.params["secret_key"]


def _repository(call: Call, db: sqlite3.Connection, action: str, **secret: str) -> Owner:
    return Owner("repository", call.repository(db, action, **secret).id)


def _agent(call: Call, db: sqlite3.Connection, action: str, **secret: str) -> Owner:
    name = call.params["agent_name"]
    return Owner("agent", agents.find(db, call.organization(db, action, agent=name, **secret), name).id)


def _put(call: Call, db: sqlite3.Connection, owner: Owner) -> Response:
    if len(call.body) > MAX_SECRET_BODY_BYTES:
        raise BodyTooLarge(f"the body has at most {MAX_SECRET_BODY_BYTES} bytes")
    value, services = call.json(PutSecret).value, call.services
    secrets.put(db, services.encryption, owner, _key(call), value, call.caller, services.now())
    return json_response(StoredSecret(_key(call)))


def _get(call: Call, db: sqlite3.Connection, owner: Owner) -> Response:
    value = secrets.get(db, call.services.encryption, owner, _key(call))
    response = json_response(SecretValue(_key(call), value))
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response


def _list(db: sqlite3.Connection, owner: Owner) -> Response:
    return json_response(Listed([SecretAnswer.of(secret) for secret in secrets.list_of(db, owner)]))


@endpoint("putSecret", {200: StoredSecret}, body=PutSecret, errors=(400, 403, 404))
def put(call: Call) -> Response:
    """PUT …/repositories/{repository}/secrets/{secret_key}: new, or in place of the one before."""
    with call.services.database.write() as db:
        return _put(call, db, _repository(call, db, "PutSecret", secret=_key(call)))


@endpoint("getSecret", {200: Answer(SecretValue, ("Cache-Control", "Pragma"))}, errors=(403, 404, 500))
def get(call: Call) -> Response:
    """GET …/repositories/{repository}/secrets/{secret_key}"""
    with call.services.database.read() as db:
        return _get(call, db, _repository(call, db, "GetSecret", secret=_key(call)))


@endpoint("listSecrets", {200: Listed[SecretAnswer]}, errors=(403, 404))
def list_all(call: Call) -> Response:
    """GET …/repositories/{repository}/secrets: without values, all at once."""
    with call.services.database.read() as db:
        return _list(db, _repository(call, db, "ListSecrets"))


@endpoint("deleteSecret", {204: None}, errors=(403, 404))
def delete(call: Call) -> Response:
    """DELETE …/repositories/{repository}/secrets/{secret_key}"""
    with call.services.database.write() as db:
        secrets.delete(db, _repository(call, db, "DeleteSecret", secret=_key(call)), _key(call))
    return no_content()


@endpoint("putAgentSecret", {200: StoredSecret}, body=PutSecret, errors=(400, 403, 404))
def put_of_agent(call: Call) -> Response:
    """PUT …/agents/{agent_name}/secrets/{secret_key}: new, or in place of the one before."""
    with call.services.database.write() as db:
        return _put(call, db, _agent(call, db, "PutAgentSecret", secret=_key(call)))


@endpoint("getAgentSecret", {200: Answer(SecretValue, ("Cache-Control", "Pragma"))}, errors=(403, 404, 500))
def get_of_agent(call: Call) -> Response:
    """GET …/agents/{agent_name}/secrets/{secret_key}"""
    with call.services.database.read() as db:
        return _get(call, db, _agent(call, db, "GetAgentSecret", secret=_key(call)))


@endpoint("listAgentSecrets", {200: Listed[SecretAnswer]}, errors=(403, 404))
def list_of_agent(call: Call) -> Response:
    """GET …/agents/{agent_name}/secrets: without values, all at once."""
    with call.services.database.read() as db:
        return _list(db, _agent(call, db, "ListAgentSecrets"))


@endpoint("deleteAgentSecret", {204: None}, errors=(403, 404))
def delete_of_agent(call: Call) -> Response:
    """DELETE …/agents/{agent_name}/secrets/{secret_key}"""
    with call.services.database.write() as db:
        secrets.delete(db, _agent(call, db, "DeleteAgentSecret", secret=_key(call)), _key(call))
    return no_content()
