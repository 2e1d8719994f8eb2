"""Triggers and the sandboxes that they start, with real processes: in whose name they run, and when they do not."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from support import eventually
from tilde_local import Server
from tilde_local.sandboxes.registry import Registry, RunnerUnavailable

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Gated, Repo

Refused = Callable[..., None]
PLACE = "/sandbox-triggers"
_AGENT = "CreateSession()\nCommitSession()\nPutObject()\nListObjects()\nGetObject()\n"


class Team:
    """A repository, an agent, and people who may do more or less in it."""

    def __init__(self, server: Server, repo: Repo) -> None:
        self.server = server
        self.repo = repo
        self.organization = repo.root.removesuffix("/repositories/data")
        self.agent = self.make("/agents", {"name": "worker", "inline_policy": _AGENT})["id"]

    def make(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.repo.api.call("POST", self.organization + path, None, body)
        assert answer.status == 201, answer
        return answer.json if answer.body else None

    def delete(self, path: str, **query: str) -> None:
        answer = self.repo.api.call("DELETE", self.organization + path, query)
        assert answer.status == 204, answer

    def trigger(self, caller: Repo | None = None, *command: str, **more: Any) -> str:
        answer = (caller or self.repo).call("POST", PLACE, None, text(*command, **more))
        assert answer.status == 201, answer
        return str(answer.json["id"])

    def as_agent(self) -> dict[str, Any]:
        return {"run_as": {"type": "agent", "id": self.agent}}

    def runs(self, trigger: str) -> list[Any]:
        """Its runs, once none of them waits, or is about to."""
        eventually(lambda: not self.waiting)
        answer = self.repo.get(f"{PLACE}/{trigger}/runs")
        assert answer.status == 200, answer
        return answer.results

    @property
    def waiting(self) -> bool:
        with self.server.services.database.read() as db:
            query = "SELECT 1 FROM trigger_candidates UNION SELECT 1 FROM trigger_runs WHERE status = 'pending'"
            return db.execute(query).fetchone() is not None

    def run(self, trigger: str) -> Any:
        """The newest run."""
        return self.runs(trigger)[0]


def text(*command: str, **more: Any) -> dict[str, Any]:
    return {
        "name": f"t-{uuid.uuid4()}",
        "conditions": [{"type": "prefix", "prefix": "in/"}],
        "sandbox_config": {"image": "python:3.12", "command": list(command) or ["true"]},
        **more,
    }


class Person:
    """Somebody of the organization, with a policy that can be taken from him."""

    def __init__(self, team: Team, connect: Callable[[str, str], Api], policy: str) -> None:
        self.team = team
        username = f"user-{uuid.uuid4().hex[:12]}"
        key = team.server.create_user(username)
        self.id = team.make("/members", {"username": username})["user_id"]
        self.repo = connect(team.server.endpoint_url, key).repository(team.repo.root)
        self.policy = team.make("/policies", {"name": username, "policy_text": policy})["id"]
        team.make(f"/policies/{self.policy}/attachments", {"principal_type": "user", "principal_id": self.id})

    def change(self, policy: str) -> None:
        answer = self.team.repo.api.call(
            "PUT", f"{self.team.organization}/policies/{self.policy}", None, {"policy_text": policy}
        )
        assert answer.status == 200, answer

    def leave(self) -> None:
        self.team.delete(f"/members/{self.id}")


@pytest.fixture
def team(shared_server: Server, repo: Repo) -> Team:
    return Team(shared_server, repo)


@pytest.fixture
def person(team: Team, connect: Callable[[str, str], Api]) -> Callable[[str], Person]:
    return lambda policy: Person(team, connect, policy)


def test_what_changes_is_worked_on_and_committed(team: Team) -> None:
    script = "cat in/* > out.txt; echo more > in/more.txt; echo $GREETING"
    config = {
        "image": "python:3.12",
        "command": ["sh", "-c", script],
        "mountpoint": "/repo",
        "timeout_seconds": 60,
        "env_vars": {"GREETING": "hello"},
    }
    trigger = team.trigger(sandbox_config=config)
    first = team.repo.commit({"in/a.txt": b"a\n"})
    run = team.run(trigger)
    sandbox = team.repo.sandbox_of(run["sandbox_id"])
    assert sandbox.end()["status_reason"] == "committed"
    record = sandbox.record
    assert {name: record[name] for name in config} == config
    assert sandbox.log() == "hello\n"
    assert team.repo.read("out.txt").body == b"a\n"
    # Its own commit changed something below the prefix, too.
    assert [each["commit_id"] for each in team.runs(trigger)] == [first]


def test_it_runs_as_an_agent(team: Team) -> None:
    trigger = team.trigger(None, "sh", "-c", "date > out.txt", **team.as_agent())
    team.repo.commit({"in/a.txt": b"a"})
    sandbox = team.repo.sandbox_of(team.run(trigger)["sandbox_id"])
    ended = sandbox.end()
    assert ended["status_reason"] == "committed", ended
    commit = team.repo.get(f"/commits/{ended['commit_id']}").json
    assert (commit["committer_type"], commit["committer"]) == ("agent", "worker")


def test_an_approved_commit_of_it_fires_nothing(shared_server: Server, gated: Gated) -> None:
    team = Team(shared_server, gated.owner)
    trigger = team.trigger(None, "sh", "-c", "echo > in/b.txt", **team.as_agent())
    first = team.repo.commit({"in/a.txt": b"a"})
    sandbox_id = team.run(trigger)["sandbox_id"]
    assert gated.owner.sandbox_of(sandbox_id).end()["status_reason"] == "awaiting_approval"
    assert gated.review(sandbox_id, "POST", message="fine").status == 200
    assert [each["commit_id"] for each in team.runs(trigger)] == [first]


FROM_INSIDE = """
import json, os, sys, urllib.request
def call(method, url, token=None, body=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)
token = call("GET", os.environ["TILDE_SANDBOX_CREDENTIALS_URI"])["access_token"]
root = os.environ["TILDE_API_URL"] + "/api/v1" + sys.argv[1]
newest = call("GET", root + "/log", token)["results"][0]["id"]
print(call("POST", f"{root}/commits/{newest}/revert", token)["commit_id"])
command = ["sh", "-c", "echo more > in/more.txt"]
print(call("POST", root + "/sandboxes", token, {"image": "python:3.12", "command": command})["sandbox_id"])
"""


def test_what_comes_from_a_triggered_sandbox_fires_nothing(team: Team) -> None:
    team.repo.commit({"in/old.txt": b"old"})
    trigger = team.trigger(None, "python", "-c", FROM_INSIDE, team.repo.root)
    first = team.repo.commit({"in/a.txt": b"a"})
    sandbox = team.repo.sandbox_of(team.run(trigger)["sandbox_id"])
    ended = sandbox.end()
    assert ended["status"] == "done", sandbox.log()
    reverted, second = sandbox.log().split()
    assert team.repo.get(f"/commits/{reverted}").json["parents"] == [first]
    assert team.repo.sandbox_of(second).end()["status_reason"] == "committed"
    last = team.repo.commit({"in/b.txt": b"b"})
    assert [each["commit_id"] for each in team.runs(trigger)] == [last, first]


def test_the_commit_of_a_sandbox_that_somebody_started_fires(team: Team) -> None:
    trigger = team.trigger()
    ended = team.repo.sandbox("sh", "-c", "mkdir in; echo > in/a.txt").end()
    assert team.run(trigger)["commit_id"] == ended["commit_id"]


OWN = "CreateSandboxTrigger()\nUpdateSandboxTrigger()\nGetSandboxTrigger()\n"


def test_its_creator_must_still_be_there(team: Team, person: Callable[[str], Person]) -> None:
    creator = person(f"{OWN}CreateSandbox()")
    trigger = team.trigger(creator.repo)
    creator.leave()
    team.repo.commit({"in/a.txt": b"a"})
    run = team.run(trigger)
    assert (run["status"], run["reason"], run["sandbox_id"]) == ("failed", "principal_not_found", None)


def test_its_creator_must_still_be_allowed_to(team: Team, person: Callable[[str], Person]) -> None:
    policy = f'{OWN}CreateSandbox()\nRunAsAgent(agent: "worker")'
    creator = person(policy)
    own, delegated = team.trigger(creator.repo), team.trigger(creator.repo, **team.as_agent())
    team.repo.commit({"in/a.txt": b"1"})
    assert [team.run(each)["status"] for each in (own, delegated)] == ["created", "created"]
    creator.change(policy.replace("RunAsAgent", "GetAgent"))
    team.repo.commit({"in/a.txt": b"2"})
    assert [team.run(each)["reason"] for each in (own, delegated)] == ["", "missing_permission"]
    creator.change(policy.replace("CreateSandbox()", "ListSandboxes()"))
    team.repo.commit({"in/a.txt": b"3"})
    assert [team.run(each)["reason"] for each in (own, delegated)] == ["missing_permission"] * 2


def test_whom_it_runs_as_must_still_be_there(team: Team) -> None:
    trigger = team.trigger(**team.as_agent())
    team.delete("/agents/worker")
    team.repo.commit({"in/a.txt": b"a"})
    assert team.run(trigger)["reason"] == "principal_not_found"


def test_a_machine_that_runs_none(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: Registry) -> None:
        raise RunnerUnavailable("not here")

    monkeypatch.setattr(Registry, "engine", missing)
    trigger = team.trigger()
    team.repo.commit({"in/a.txt": b"a"})
    run = team.run(trigger)
    assert (run["status"], run["reason"]) == ("failed", "sandboxes_unavailable")


def test_only_who_may_run_as_an_agent_can_have_it_done(
    team: Team, person: Callable[[str], Person], refused: Refused
) -> None:
    somebody = person(OWN)
    refused(somebody.repo.call("POST", PLACE, None, text(**team.as_agent())), 403, "RunAsAgent")
    own = team.trigger(somebody.repo)
    refused(somebody.repo.call("PUT", f"{PLACE}/{own}", None, text(**team.as_agent())), 403, "RunAsAgent")
    somebody.change(f"{OWN}RunAsAgent()")
    assert somebody.repo.call("PUT", f"{PLACE}/{own}", None, text(**team.as_agent())).status == 200


def test_who_may_not_run_code_does_not_get_there_by_the_trigger_of_another(
    team: Team, person: Callable[[str], Person], refused: Refused
) -> None:
    """What runs has the secrets of the repository."""
    somebody, trigger = person("UpdateSandboxTrigger()\nRunAsAgent()"), team.trigger(**team.as_agent())
    evil = text("env", **team.as_agent())
    refused(somebody.repo.call("PUT", f"{PLACE}/{trigger}", None, evil), 403, "CreateSandbox")
    somebody.change("UpdateSandboxTrigger()\nRunAsAgent()\nCreateSandbox()")
    assert somebody.repo.call("PUT", f"{PLACE}/{trigger}", None, evil).status == 200


def test_nobody_else_says_what_runs_in_the_name_of_its_creator(
    team: Team, person: Callable[[str], Person], refused: Refused
) -> None:
    somebody = person(f"{OWN}RunAsAgent()\nCreateSandbox()")
    for trigger in (team.trigger(), team.trigger(**team.as_agent())):
        place = f"{PLACE}/{trigger}"
        refused(somebody.repo.call("PUT", place, None, text("evil")), 403, "run_as: without it", "its creator")
        assert somebody.repo.call("PATCH", place, None, {"enabled": False}).status == 200
        assert somebody.repo.call("PUT", place, None, text("fine", **team.as_agent())).status == 200
