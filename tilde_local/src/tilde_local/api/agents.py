"""/organizations/{organization}/agents"""

from __future__ import annotations

import sqlite3
from typing import Annotated, TypeVar

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response, no_content, page_of
from tilde_local.api.endpoint import AFTER, AMOUNT, Page, Time, Uuid, endpoint
from tilde_local.api.organizations import SLUG
from tilde_local.store import agents, keys, principals
from tilde_local.store.records import Agent

__all__ = ["create", "delete", "get", "list_all", "update"]

T = TypeVar("T")


class CreateAgent(msgspec.Struct):
    """The body of POST /agents."""

    name: SLUG
    description: str = ""
    metadata: dict[str, str] = {}
    inline_policy: str = ""


class UpdateAgent(msgspec.Struct):
    """The body of PUT /agents/{agent_name}; what is left out stays. An empty `inline_policy` is none."""

    description: str | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    inline_policy: str | msgspec.UnsetType = msgspec.UNSET


# Agents make no agents.
CreatorType = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["user", "role"]})]


class AgentAnswer(msgspec.Struct):
    """An agent."""

    id: Uuid
    organization_id: Uuid
    name: str
    description: str
    metadata: dict[str, str]
    inline_policy: str
    inline_policy_updated_at: Time | None
    created_by_type: CreatorType
    created_by: Uuid
    created_by_name: str
    created_at: Time
    last_used_at: Time | None

    @classmethod
    def of(cls, db: sqlite3.Connection, agent: Agent) -> AgentAnswer:
        """The answer for an agent."""
        metadata = msgspec.json.decode(agent.metadata, type=dict[str, str])
        creator = principals.name_of(db, agent.created_by_type, agent.created_by)
        used = keys.last_use(db, agent.principal)
        return cls(*agent[:4], metadata, *agent[5:9], creator, agent.created_at, used)


@endpoint("createAgent", {201: AgentAnswer}, body=CreateAgent, errors=(400, 403, 404, 409))
def create(call: Call) -> Response:
    """POST /agents: the agent may do what its inline policy grants and its creator may do."""
    body, now = call.json(CreateAgent), call.services.now()
    with call.services.database.write() as db:
        organization = call.organization(db, "CreateAgent", agent=body.name)
        created = agents.create(
            db, organization, body.name, body.description, body.metadata, body.inline_policy, call.caller, now
        )
        return json_response(AgentAnswer.of(db, created), 201)


@endpoint("listAgents", {200: Page[AgentAnswer]}, query=(AFTER, AMOUNT), errors=(400, 403, 404))
def list_all(call: Call) -> Response:
    """GET /agents: by name."""
    amount = call.query.amount()
    with call.services.database.read() as db:
        found = agents.list_in(db, call.organization(db, "ListAgents"), call.query.text("after"), amount + 1)
        return page_of(found, amount, lambda agent: AgentAnswer.of(db, agent), lambda agent: agent.name)


@endpoint("getAgent", {200: AgentAnswer}, errors=(403, 404))
def get(call: Call) -> Response:
    """GET /agents/{agent_name}"""
    name = call.params["agent_name"]
    with call.services.database.read() as db:
        return json_response(AgentAnswer.of(db, agents.find(db, call.organization(db, "GetAgent", agent=name), name)))


def _given(value: T | msgspec.UnsetType) -> T | None:
    return None if value is msgspec.UNSET else value


@endpoint("updateAgent", {200: AgentAnswer}, body=UpdateAgent, errors=(400, 403, 404))
def update(call: Call) -> Response:
    """PUT /agents/{agent_name}"""
    body, name = call.json(UpdateAgent), call.params["agent_name"]
    with call.services.database.write() as db:
        agent = agents.find(db, call.organization(db, "UpdateAgent", agent=name), name)
        changed = agents.update(
            db, agent, _given(body.description), _given(body.metadata), _given(body.inline_policy), call.services.now()
        )
        return json_response(AgentAnswer.of(db, changed))


@endpoint("deleteAgent", {204: None}, errors=(403, 404))
def delete(call: Call) -> Response:
    """DELETE /agents/{agent_name}: with its secrets; its keys are void, and it leaves groups and policies."""
    name = call.params["agent_name"]
    with call.services.database.write() as db:
        organization = call.organization(db, "DeleteAgent", agent=name)
        agents.delete(db, organization, agents.find(db, organization, name), call.services.now())
    return no_content()
