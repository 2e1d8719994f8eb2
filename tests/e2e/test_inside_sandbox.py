"""The SDK inside a sandbox of the embedded server: no key, and yet it knows who it is and may work."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("tilde_auth_sandbox.plugin")

from tilde import Client
from tilde.models import Repository
from tilde_core.operation import Operation

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


def outcome(client: Client, repo: Repository, transport: str, **more: Any) -> list[str]:
    """What the program prints in a sandbox of `repo`."""
    body = {"image": "python", "command": ["python", "-c", PROGRAM, repo.path], **more}
    body["env_vars"] = {"TILDE_TRANSPORT": transport}
    path = f"/organizations/{repo.organization}/repositories/{repo.name}/sandboxes"
    created = client.pipeline.execute(Operation(name="sandboxes.create", method="POST", path=path, body=body))
    log = f"{path}/{json.loads(created.read())['sandbox_id']}/logs/stdout"
    return (
        client.pipeline.execute(Operation(name="sandboxes.logs", method="GET", path=log)).read().decode().splitlines()
    )


@pytest.fixture
def filled(repo: Repository) -> Repository:
    with repo.session() as session:
        session.objects.put("a.txt", b"text")
        session.commit("the first one")
    return repo


def test_as_the_user_who_started_it(client: Client, filled: Repository, transport: str) -> None:
    assert outcome(client, filled, transport) == [
        f"user {client.whoami().user.id}",
        "environment variable TILDE_API_URL",
        "the first one",
        "the first one",
    ]


def test_as_an_agent(client: Client, filled: Repository, transport: str) -> None:
    agents = client.organizations.get(filled.organization).agents
    agent = agents.create("cleaner", inline_policy=POLICY)
    lines = outcome(client, filled, transport, run_as={"type": "agent", "id": agent.id})
    assert lines[0] == f"agent {agent.id}"
    assert lines[2:] == ["the first one", "the first one"]
