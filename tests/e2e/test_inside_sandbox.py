"""The SDK inside a sandbox of the embedded server: no key, and yet it knows who it is and may work."""

from __future__ import annotations

import pytest

pytest.importorskip("tilde_auth_sandbox.plugin")

from tilde import Client
from tilde.models import Agent, Repository

PROGRAM = """
import sys, tilde
from tilde_auth_sandbox import SandboxCredentials

with tilde.Client() as client:
    me = SandboxCredentials.of(client)
    print(me.principal_type, me.principal_id)
    print(client.config.endpoint_url.source)
    print(client.repository(sys.argv[1]).latest().message)
tilde.configure()
print(tilde.repository(sys.argv[1]).latest().message)
"""
POLICY = "ListObjects()\nGetObject()\nCreateSession()\nCommitSession()\nLogCommits()\n"


def printed(repo: Repository, transport: str, run_as: Agent | None = None) -> list[str]:
    """What the program prints in a sandbox of `repo`."""
    result = repo.execute(["python", "-c", PROGRAM, repo.path], env={"TILDE_TRANSPORT": transport}, run_as=run_as)
    return list(result.stdout.iter_lines())


@pytest.fixture
def filled(repo: Repository) -> Repository:
    with repo.session() as session:
        session.objects.put("a.txt", b"text")
        session.commit("the first one")
    return repo


def test_as_the_user_who_started_it(client: Client, filled: Repository, transport: str) -> None:
    assert printed(filled, transport) == [
        f"user {client.whoami().user.id}",
        "environment variable TILDE_API_URL",
        "the first one",
        "the first one",
    ]


def test_as_an_agent(client: Client, filled: Repository, transport: str) -> None:
    agents = client.organizations.get(filled.organization).agents
    agent = agents.create("cleaner", inline_policy=POLICY)
    lines = printed(filled, transport, run_as=agent)
    assert lines[0] == f"agent {agent.id}"
    assert lines[2:] == ["the first one", "the first one"]
