"""The page's sections "Members", "Groups", "Policies", "Roles" and "Agents", and those on secrets."""

from __future__ import annotations

import pytest

import tilde
from specification.world import Recorder, World, snippet
from tilde import Client
from tilde.exceptions import AuthenticationError, ForbiddenError, NotFoundError
from tilde.models import Agent, CreatedAPIKey, Group, Policy, Role


def user_id_of(world: World, username: str) -> str:
    return next(member.user_id for member in world.organization.members.list() if member.username == username)


@snippet("042")
def members(world: World) -> None:
    world.user_key("alice")
    world.user_key("bob")
    bob = world.organization.members.create("bob").user_id
    assert sorted(world.run({"user-uuid": bob}, tilde=tilde).lines) == ["bob", "local"]
    assert sorted(member.username for member in world.organization.members.list()) == ["alice", "local"]


@snippet("043")
def groups(world: World) -> None:
    user = user_id_of(world, "local")
    inner = world.organization.groups.create("analysts")
    outer = world.organization.groups.create("everyone")
    inner.members.create(subject_type="user", subject_id=user)
    outer.members.create(subject_type="group", subject_id=inner.id)
    calls = Recorder()
    world.configure(plugins=[calls])
    outcome = world.run({"user-uuid": user}, tilde=tilde)
    group = outcome.names["group"]
    assert isinstance(group, Group)
    assert (group.name, group.description) == ("new-name", "Updated description")
    listed = ["analysts", "data-engineers", "everyone"]
    assert outcome.lines == [*listed, "data-engineers 0", "analysts direct", "everyone group"]
    assert {"group_members.create", "group_members.delete"} <= set(calls.operations)
    assert [each.name for each in world.organization.groups.list()] == ["analysts", "everyone"]


@snippet("044")
def policies(world: World) -> None:
    user = user_id_of(world, "local")
    group = world.organization.groups.create("readers")
    agent = world.organization.agents.create("reader", inline_policy="GetObject()\n")
    calls = Recorder()
    world.configure(plugins=[calls])
    outcome = world.run({"group-uuid": group.id, "user-uuid": user, "agent-uuid": agent.id}, tilde=tilde)
    policy = outcome.names["policy"]
    assert isinstance(policy, Policy)
    assert (policy.description, policy.policy_text.strip()) == ("Updated description", "GetObject()")
    assert world.organization.policies.validate(outcome.names["policy_text"]).valid
    everywhere = "Administrator user local"  # who has made an organization administers it
    in_force = ["Administrator direct", "inline inline"]
    assert outcome.lines == ["True []", *outcome.names["policy_text"].splitlines(), "", everywhere, *in_force]
    assert {"policies.attach", "policies.detach"} <= set(calls.operations)
    assert policy.attachments == world.organization.groups.get(group.id).attachments == []


@snippet("045")
def roles(world: World) -> None:
    outcome = world.run(tilde=tilde)
    role = outcome.names["role"]
    assert isinstance(role, Role)
    assert outcome.lines == [f"ci-deployer {role.id}", "ci-deployer CI/CD pipeline"]
    assert list(world.organization.roles.list()) == []


@snippet("046")
def keys_of_a_role(world: World) -> None:
    role = world.organization.roles.create("ci-deployer")
    old = role.api_keys.create("old")
    outcome = world.run(org=tilde.organizations.get("my-team"), key_id=old.id)
    check_keys(world, role, "trk-", outcome.lines, outcome.names["created"], old)


def check_keys(
    world: World, owner: Role | Agent, prefix: str, lines: list[str], created: CreatedAPIKey, revoked: CreatedAPIKey
) -> None:
    assert created.token.startswith(prefix)
    hints = [f"{key.name} {key.token[-4:]}" for key in (created, revoked)]
    assert (lines[0], sorted(lines[1:])) == (created.token, sorted(hints))
    with Client(created.token, endpoint_url=world.server.endpoint_url) as client:
        assert client.whoami().user.username == owner.name
    with Client(revoked.token, endpoint_url=world.server.endpoint_url) as client, pytest.raises(AuthenticationError):
        client.whoami()


@snippet("047")
def agents(world: World) -> None:
    outcome = world.run(tilde=tilde)
    agent = outcome.names["agent"]
    assert isinstance(agent, Agent)
    assert outcome.lines == [f"data-pipeline {agent.id}", "data-pipeline {'env': 'prod'}"]
    assert agent.metadata == {"env": "staging"}
    assert agent.description == "Nightly data pipeline"
    assert list(world.organization.agents.list()) == []


@snippet("048")
def inline_policy_of_an_agent(world: World) -> None:
    created = world.organization.agents.create("data-pipeline")
    assert created.inline_policy_updated_at is None
    outcome = world.run(org=tilde.organizations.get("my-team"))
    agent = outcome.names["agent"]
    assert [line for line in outcome.lines if line] == [
        *("ListRepositories()", "GetRepository()", "ListObjects()", "GetObject()"),
        str(agent.inline_policy_updated_at),
    ]
    with Client(created.api_keys.create("key").token, endpoint_url=world.server.endpoint_url) as client:
        repo = client.repository("my-team/my-data")
        assert repo.id == world.repository.id
        with pytest.raises(ForbiddenError, match="CreateSession"):
            repo.session()


@snippet("049")
def keys_of_an_agent(world: World) -> None:
    agent = world.organization.agents.create("data-pipeline")
    old = agent.api_keys.create("old")
    outcome = world.run(org=tilde.organizations.get("my-team"), key_id=old.id)
    check_keys(world, agent, "tak-", outcome.lines, outcome.names["created"], old)


@snippet("068")
def secrets_of_a_repository(world: World) -> None:
    outcome = world.run(tilde=tilde)
    assert outcome.lines == ["sk-abc123...", f"API_KEY {outcome.names['entry'].created_at}"]
    with pytest.raises(NotFoundError):
        world.repository.secrets.get("API_KEY")


@snippet("069")
def secrets_of_an_agent(world: World) -> None:
    agent = world.organization.agents.create("data-pipeline")
    outcome = world.run(tilde=tilde)
    assert outcome.lines == ["sk-abc123...", f"OPENAI_KEY {outcome.names['entry'].created_at}"]
    assert list(agent.secrets.list()) == []
