"""What all entities share: identity, `to_dict` and tab completion."""

from __future__ import annotations

import rlcompleter
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from support import answer, fake_client
from tilde import Client
from tilde.models import (
    Agent,
    APIKey,
    Commit,
    Connector,
    Group,
    ImportJob,
    Invitation,
    ListingEntry,
    Organization,
    Policy,
    Role,
    Sandbox,
    SandboxTrigger,
    Secret,
)
from tilde_core.http import Request, Response
from tilde_core.models.agents import AgentData
from tilde_core.models.api_keys import APIKeyData
from tilde_core.models.commits import CommitData
from tilde_core.models.connectors import ConnectorData
from tilde_core.models.groups import GroupData
from tilde_core.models.invitations import InvitationData
from tilde_core.models.objects import Entry
from tilde_core.models.organizations import OrganizationData
from tilde_core.models.policies import PolicySummary
from tilde_core.models.roles import RoleData
from tilde_core.models.sandbox_triggers import SandboxTriggerData
from tilde_core.models.secrets import SecretData

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def refuse(request: Request) -> Response:
    raise AssertionError(f"{request!r} was sent")


def unconnected(**options: Any) -> Client:
    return fake_client(refuse, **options)[0]


MAKERS: dict[str, Callable[[Client, str], object]] = {
    "organization": lambda client, name: Organization(client, OrganizationData(name=name)),
    "repository": lambda client, name: client.repository(f"o/{name}"),
    "organization of a repository": lambda client, name: client.repository(f"{name}/r"),
    "commit": lambda client, name: Commit(client, "o", "r", CommitData(id=name)),
    "repository of a commit": lambda client, name: Commit(client, "o", name, CommitData(id="c")),
    "session": lambda client, name: client.repository("o/r").attach(name),
    "group": lambda client, name: Group(client, "o", GroupData(id=name)),
    "organization of a group": lambda client, name: Group(client, name, GroupData(id="g")),
    "policy": lambda client, name: Policy(client, "o", PolicySummary(id=name)),
    "role": lambda client, name: Role(client, "o", RoleData(id="1", name=name)),
    "agent": lambda client, name: Agent(client, "o", AgentData(name=name)),
    "API key": lambda client, name: APIKey(client, "/auth", APIKeyData(id=name)),
    "owner of an API key": lambda client, name: APIKey(client, f"/{name}/auth", APIKeyData(id="k")),
    "secret": lambda client, name: Secret(client, "/secrets", SecretData(name=name, value="v")),
    "owner of a secret": lambda client, name: Secret(client, f"/{name}/secrets", SecretData(name="K", value="v")),
    "connector": lambda client, name: Connector(client, "o", name, ConnectorData(id=name)),
    "import": lambda client, name: ImportJob(client, "o", "r", name),
    "repository of an import": lambda client, name: ImportJob(client, "o", name, "j"),
    "invitation": lambda client, name: Invitation(client, InvitationData(id=name)),
    "sandbox": lambda client, name: Sandbox(client, "o", "r", name),
    "repository of a sandbox": lambda client, name: Sandbox(client, "o", name, "s"),
    "trigger": lambda client, name: SandboxTrigger(client, "o", "r", SandboxTriggerData(id=name)),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_entities_are_equal_if_they_name_the_same_thing(make: Callable[[Client, str], object]) -> None:
    client, another = unconnected(), unconnected()
    assert make(client, "a") == make(another, "a")
    assert len({make(client, "a"), make(another, "a"), make(client, "b")}) == 2
    assert make(client, "a") != make(client, "b")
    assert make(client, "a") != make(unconnected(endpoint_url="https://elsewhere.test"), "a")
    assert make(client, "a") != "a"


def test_entities_of_different_types_are_never_equal() -> None:
    client = unconnected()
    assert client.repository("o/r").attach("x") != Commit(client, "o", "r", CommitData(id="x"))


def test_a_newer_answer_about_the_same_thing_is_equal() -> None:
    client = unconnected()
    old, new = (Agent(client, "o", AgentData(name="a", description=text)) for text in ("old", "new"))
    assert old == new
    assert old.to_dict() != new.to_dict()


def test_what_is_known_of_it_does_not_matter() -> None:
    client, _, _ = fake_client([answer(200, {"id": "1", "name": "r"})])
    loaded, handle = client.repository("o/r"), client.repository("o/r")
    assert loaded.id == "1"
    assert loaded == handle
    assert hash(loaded) == hash(handle)


def test_to_dict() -> None:
    client = unconnected()
    data = CommitData(id="c", message="m", creation_date=NOON, parents=["p"], metadata={"a": "b"})
    told = Commit(client, "o", "r", data).to_dict()
    assert (told["id"], told["creation_date"], told["parents"], told["metadata"]) == ("c", NOON, ["p"], {"a": "b"})
    assert Organization(client, OrganizationData(name="o", display_name="O")).to_dict()["display_name"] == "O"
    assert client.repository("o/r").attach("s").to_dict() == {
        "session_id": "s",
        "repository": "o/r",
        "state": "open",
        "commit_id": "",
        "web_url": "",
    }


def test_to_dict_of_a_repository_loads_it() -> None:
    client, transport, _ = fake_client([answer(200, {"name": "r", "retention_days": 7})])
    assert client.repository("o/r").to_dict()["retention_days"] == 7
    assert len(transport.requests) == 1


def test_to_dict_of_a_line_of_a_listing() -> None:
    line = ListingEntry(path="a", type="object", entry=Entry(size=3, last_modified=NOON))
    assert line.to_dict() == {
        "path": "a",
        "type": "object",
        "status": None,
        "entry": {
            "last_modified": NOON,
            "size": 3,
            "e_tag": "",
            "metadata": {},
            "content_type": "",
            "source_metadata": None,
        },
    }


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_tab_completion_offers_public_names_and_asks_for_nothing(make: Callable[[Client, str], object]) -> None:
    entity = make(unconnected(), "a")
    assert "to_dict" in dir(entity)
    assert [name for name in dir(entity) if name.startswith("_")] == []
    completer = rlcompleter.Completer({"x": entity})
    offered = list(iter_completions(completer, "x."))
    assert any(text.startswith("x.to_dict") for text in offered)


def iter_completions(completer: rlcompleter.Completer, text: str) -> Iterator[str]:
    number = 0
    while (found := completer.complete(text, number)) is not None:
        yield found
        number += 1


def test_tab_completion_of_clients_and_lists() -> None:
    client = unconnected()
    assert {"repository", "organizations", "whoami", "with_options"} <= set(dir(client))
    assert dir(client.organizations.list()) == ["first", "pages"]
    assert [name for name in dir(client) if name.startswith("_")] == []
