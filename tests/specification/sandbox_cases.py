"""The page's sections "Running inside a sandbox", "Sandbox Execution", "Sandboxes" and "Sandbox Triggers"."""

from __future__ import annotations

import json
from typing import Any

import pytest

import tilde
from specification.world import World, snippet, text_of
from support import eventually
from tilde.exceptions import NotFoundError
from tilde.models import Agent, Sandbox, SandboxTrigger

TRAIN = b'print("accuracy 0.97")\nopen("results.csv", "w").write("epoch,loss\\n1,0.25\\n")\n'


@snippet("010")
def inside_a_sandbox(world: World) -> None:
    world.commit_all({"snippet.py": text_of("010").encode()})
    shown = "exec(open('snippet.py').read()); print(repo.id, tilde.Client().whoami().user.username)"
    result = world.repository.execute(["python", "-c", shown])
    assert result.stdout.text().split() == [world.repository.id, "local"]
    assert result.commit_id == ""


@snippet("012")
def interactive_shell(world: World) -> None:
    world.commit_all({"train.py": TRAIN})
    outcome = world.run()
    assert outcome.lines == ["accuracy 0.97", "", "epoch,loss", "1,0.25"]
    assert world.content("results.csv") == b"epoch,loss\n1,0.25\n"
    assert outcome.names["sh"].result.commit_id == world.latest.id


@snippet("013")
def one_shot_execution(world: World) -> None:
    world.commit_all({"train.py": TRAIN})
    before = world.latest
    outcome = world.run_in_repo()
    trained, blank, failed = outcome.lines[:3]
    assert (trained, blank) == ("accuracy 0.97", "")
    assert "might-fail" in failed
    assert outcome.names["result"].exit_code == 127
    assert world.latest.parents == [before.id]  # of the two, only the one that succeeded has committed
    assert world.content("results.csv") == b"epoch,loss\n1,0.25\n"


PROCESS = (
    b"import json, os\njson.dump([os.getcwd(), sorted(os.listdir()), os.environ['OUTPUT_FORMAT']], open('out', 'w'))\n"
)


@snippet("057")
def creating_a_sandbox(world: World) -> None:
    world.commit_all({"datasets/process.py": PROCESS, "other/secret.txt": b"not mounted"})
    outcome = world.run()
    sandbox = outcome.names["sandbox"]
    assert isinstance(sandbox, Sandbox)
    assert outcome.lines == [sandbox.id]
    assert sandbox.wait().is_committed
    assert json.loads(world.content("datasets/out")) == ["/data", ["process.py"], "json"]
    assert (sandbox.image, sandbox.command, sandbox.timeout_seconds) == ("python:3.11", ["python", "process.py"], 600)


def make_agent(world: World) -> Agent:
    policy = "GetRepository()\nListObjects()\nGetObject()\nPutObject()\nCreateSession()\nCommitSession()\n"
    return world.organization.agents.create("data-pipeline", inline_policy=policy)


def run_once(world: World, command: str, **more: Any) -> list[str]:
    """The lines that the page's example prints of a sandbox that has ended."""
    sandbox = tilde.repository("my-team/my-data").sandboxes.create(command=command, **more)
    sandbox.wait()
    return world.run(sandbox=sandbox).lines


@snippet("058")
def status_and_logs(world: World) -> None:
    proxied = "python -c 'import urllib.request as r; r.urlopen(\"http://example.com/data\")' 2>/dev/null"
    status, *shown = run_once(world, f"echo out; echo err >&2; {proxied}; echo x > new.txt")
    assert status == f"done committed 0 {world.latest.id}"
    assert shown[:2] == ["out", "err"]
    (attempt,) = map(json.loads, shown[2:])
    assert (attempt["url"], attempt["decision"]) == ("http://example.com/data", "deny")
    assert run_once(world, "echo no; exit 3") == ["errored exit_non_zero 3 ", "Command failed with exit code 3", "no"]
    failed = run_once(world, "sleep 600", timeout_seconds=1)
    assert failed[0].startswith("failed timeout ")
    assert failed[1].startswith("Sandbox infrastructure error (timeout): ")
    world.server.require_approval("my-team/my-data")
    waiting, where = run_once(world, "echo y > newer.txt", run_as=make_agent(world))
    assert waiting.split() == ["done", "awaiting_approval", "0"]
    assert where.startswith(f"Approve at: {world.server.endpoint_url}/console/")


@snippet("059")
def cancelling(world: World) -> None:
    sandbox = world.repository.sandboxes.create(command=["sleep", "600"])
    world.run(sandbox=sandbox)
    status = sandbox.wait()
    assert (status.state, status.status_reason) == ("cancelled", "cancelled_by_user")


@snippet("060")
def listing(world: World) -> None:
    ended = world.repository.sandboxes.create(command="true")
    ended.wait()
    outcome = world.run_in_repo({"sandbox-uuid": ended.id})
    assert outcome.lines == [f"{ended.id} done"]
    assert outcome.names["sb"] == ended


@snippet("061")
def delegation(world: World) -> None:
    world.commit_all({"pipeline.py": b'open("made", "w").write("by an agent")\n'})
    agent = make_agent(world)
    outcome = world.run_in_repo({"AGENT_UUID": agent.id})
    assert outcome.names["sandbox"].wait().is_committed
    assert (world.latest.committer, world.latest.committer_type) == ("data-pipeline", "agent")
    assert world.content("made") == b"by an agent"


@snippet("062")
def creating_a_trigger(world: World) -> None:
    agent = make_agent(world)
    outcome = world.run({"AGENT_UUID": agent.id})
    trigger = outcome.names["trigger"]
    assert isinstance(trigger, SandboxTrigger)
    assert outcome.lines == [trigger.id]
    found = world.repository.sandbox_triggers.get(trigger.id)
    assert (found.name, found.description, found.enabled) == (
        "Summarize new documents",
        "Generate summaries when documents are uploaded",
        True,
    )
    assert found.run_as is not None
    assert found.run_as["id"] == agent.id


def make_trigger(world: World, command: str = "true") -> SandboxTrigger:
    return tilde.repository("my-team/my-data").sandbox_triggers.create(
        name="Earlier",
        description="Made before",
        conditions=[{"type": "prefix", "prefix": "documents/"}],
        sandbox_config={"image": "python:3.12", "command": ["sh", "-c", command]},
    )


@snippet("063")
def listing_triggers(world: World) -> None:
    trigger = make_trigger(world)
    outcome = world.run_in_repo({"trigger-uuid": trigger.id})
    assert outcome.lines == ["Earlier True"]
    assert outcome.names["trigger"] == trigger


@snippet("064")
def updating_a_trigger(world: World) -> None:
    made = make_trigger(world)
    trigger = world.run(trigger=made).names["trigger"]
    assert trigger == made
    found = world.repository.sandbox_triggers.get(made.id)
    assert found.name == trigger.name == "Summarize new documents"
    assert found.description == trigger.description == "Made before"
    assert [condition["prefix"] for condition in found.conditions] == ["documents/v2/"]
    assert found.sandbox_config["command"] == ["python", "summarize.py", "--strict"]


@snippet("065")
def enabling_and_disabling(world: World) -> None:
    trigger = make_trigger(world)
    disable, enable = text_of("065").strip().splitlines()
    exec(disable, {"trigger": trigger})
    assert not world.repository.sandbox_triggers.get(trigger.id).enabled
    exec(enable, {"trigger": trigger})
    assert world.repository.sandbox_triggers.get(trigger.id).enabled
    world.run(trigger=trigger)
    assert world.repository.sandbox_triggers.get(trigger.id).enabled


@snippet("066")
def deleting_a_trigger(world: World) -> None:
    trigger = make_trigger(world)
    world.run(trigger=trigger)
    with pytest.raises(NotFoundError):
        world.repository.sandbox_triggers.get(trigger.id)


@snippet("067")
def trigger_runs(world: World) -> None:
    trigger = make_trigger(world, "wc -c documents/* > summary.txt")
    world.commit_all({"other/a.txt": b"no"})
    commit = world.commit_all({"documents/b.txt": b"yes", "documents/c.txt": b"yes"})
    runs = eventually(lambda: [run for run in trigger.runs.list() if run.status != "pending"])
    assert world.run(trigger=trigger).lines == [f"created {commit.id} {runs[0].matched_paths}"]
    assert runs[0].matched_paths == ["documents/b.txt", "documents/c.txt"]
    assert runs[0].sandbox_id is not None
    world.repository.sandboxes.get(runs[0].sandbox_id).wait()
    assert b"documents/c.txt" in world.content("summary.txt")
