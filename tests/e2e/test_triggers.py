"""Triggers against the embedded server: commits that create sandboxes."""

from __future__ import annotations

import pytest

from support import eventually
from tilde import Client
from tilde.exceptions import ConflictError, NotFoundError
from tilde.models import Repository, SandboxTrigger, SandboxTriggerRun


def commit(repo: Repository, path: str) -> str:
    with repo.session() as session:
        session.objects.put(path, b"x")
        commit_id = session.commit(f"Add {path}")
    assert commit_id
    return commit_id


def create(repo: Repository, name: str = "Count", command: str = "ls documents > index.txt") -> SandboxTrigger:
    return repo.sandbox_triggers.create(
        name=name,
        conditions=[{"type": "prefix", "prefix": "documents/"}],
        sandbox_config={"image": "python:3.12", "command": command, "timeout_seconds": 300, "env": {"A": "b"}},
    )


def run_of(trigger: SandboxTrigger, commit_id: str) -> SandboxTriggerRun:
    """The run for that commit, once it is more than pending."""
    (run,) = eventually(
        lambda: [run for run in trigger.runs.list() if run.commit_id == commit_id and run.status != "pending"]
    )
    return run


def test_a_commit_creates_a_sandbox_and_its_commit_creates_none(repo: Repository) -> None:
    trigger = create(repo)
    commit(repo, "other.txt")
    commit_id = commit(repo, "documents/a.txt")
    run = run_of(trigger, commit_id)
    assert (run.status, run.matched_paths, run.trigger_id) == ("created", ["documents/a.txt"], trigger.id)
    assert run.sandbox_id
    sandbox = repo.sandboxes.get(run.sandbox_id)
    status = sandbox.wait(timeout=60)
    assert status.is_committed
    assert repo.commits.get(status.commit_id).objects.get("index.txt").read() == b"a.txt\n"
    again = create(repo, "Again", "echo x >> documents/b.txt")
    commit_id = commit(repo, "documents/c.txt")
    run = run_of(again, commit_id)
    assert run.sandbox_id
    status = repo.sandboxes.get(run.sandbox_id).wait(timeout=60)
    last = commit(repo, "documents/d.txt")
    run_of(again, last)
    assert [each.commit_id for each in again.runs.list()] == [last, commit_id]


def test_create_get_list_and_delete(repo: Repository) -> None:
    trigger = create(repo)
    assert trigger.enabled
    assert trigger.sandbox_config == {
        "image": "python:3.12",
        "command": ["sh", "-c", "ls documents > index.txt"],
        "timeout_seconds": 300,
        "env_vars": {"A": "b"},
    }
    with pytest.raises(ConflictError):
        create(repo)
    create(repo, "Another")
    assert [each.name for each in repo.sandbox_triggers.list(page_size=1)] == ["Another", "Count"]
    assert [each.name for each in repo.sandbox_triggers.list(after="Another")] == ["Count"]
    assert repo.sandbox_triggers.get(trigger.id) == trigger
    trigger.delete()
    with pytest.raises(NotFoundError):
        repo.sandbox_triggers.get(trigger.id)


def test_an_update_keeps_the_rest(client: Client, repo: Repository) -> None:
    agent = client.organizations.get(repo.organization).agents.create("runner", inline_policy="GetObject()\n")
    trigger = create(repo).update(description="For the index", run_as=agent)
    stale = repo.sandbox_triggers.get(trigger.id)
    trigger.update(conditions=[{"type": "path_exact", "path": "config.json", "diff_type": "added"}])
    stale.toggle(enabled=False)
    stale.update(name="New")
    found = repo.sandbox_triggers.get(trigger.id)
    assert (found.name, found.description, found.enabled) == ("New", "For the index", False)
    assert found.conditions == [{"type": "path_exact", "path": "config.json", "diff_type": "added"}]
    assert found.run_as == {"type": "agent", "id": agent.id}
    assert found.sandbox_config["image"] == "python:3.12"
    assert found.update(run_as={}).run_as is None
    again = found.update(conditions=found.conditions, sandbox_config=found.sandbox_config)
    assert again.to_dict()["conditions"] == found.conditions


def test_one_that_is_switched_off_does_not_fire(repo: Repository) -> None:
    off = create(repo, "Off").toggle(enabled=False)
    on = create(repo, "On", "true")
    run_of(on, commit(repo, "documents/a.txt"))
    assert list(off.runs.list()) == []
