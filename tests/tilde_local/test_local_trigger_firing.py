"""Triggers at work: which commits they fire on, what is written down, and what a failure does. No sandbox runs here."""

from __future__ import annotations

import logging
import sqlite3
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support import eventually
from tilde_local import Server
from tilde_local.errors import Forbidden
from tilde_local.sandboxes.registry import Registry
from tilde_local.services import Services
from tilde_local.store import sandboxes, sessions
from tilde_local.store.records import Principal, Repository, Sandbox, Trigger, TriggerRun
from tilde_local.triggers import conditions, firing

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Gated, Repo

Connect = Callable[[str, str], "Api"]
PLACE = "/sandbox-triggers"
ANY = {"type": "prefix", "prefix": ""}


class Factory:
    """Stands where sandboxes are created: writes one down that nobody takes up. `refuse` is raised instead."""

    def __init__(self) -> None:
        self.created: list[str] = []
        self.refuse: Exception | None = None
        self.before: Callable[[], object] = lambda: None

    def __call__(
        self, services: Services, db: sqlite3.Connection, repository: Repository, trigger: Trigger, run: TriggerRun
    ) -> str:
        self.before()
        if self.refuse is not None:
            raise self.refuse
        kind, who, now = trigger.created_by_type, trigger.created_by, services.now()
        session = sessions.create(db, repository, Principal(kind, who, "", None), now)
        sandbox = Sandbox(
            id=session.id,
            repository=repository.key,
            repository_id=repository.id,
            image="i",
            command="[]",
            mountpoint="/sandbox",
            path_prefix="",
            timeout_seconds=None,
            mode="one-shot",
            env_vars="{}",
            runs_as_type=kind,
            runs_as=who,
            trigger_run_id=run.id,
            isolation="",
            status="running",
            status_reason="",
            error_message="",
            exit_code=None,
            commit_id="",
            web_url="",
            created_by_type=kind,
            created_by=who,
            created_at=now,
            updated_at=now,
            finished_at=None,
        )
        sandboxes.add(db, sandbox)
        self.created.append(sandbox.id)
        return sandbox.id


@pytest.fixture
def factory(monkeypatch: pytest.MonkeyPatch) -> Factory:
    made = Factory()
    monkeypatch.setattr(firing, "create_sandbox", made)
    monkeypatch.setattr(Registry, "require_runner", lambda _: None)
    return made


class Fired:
    """A repository with triggers, on a server."""

    def __init__(self, server: Server, repo: Repo) -> None:
        self.server = server
        self.repo = repo

    def trigger(self, *conditions: dict[str, Any], **more: Any) -> str:
        body = {
            "name": f"t-{uuid.uuid4()}",
            "conditions": list(conditions) or [ANY],
            "sandbox_config": {"image": "python:3.13", "command": ["true"]},
            **more,
        }
        answer = self.repo.call("POST", PLACE, None, body)
        assert answer.status == 201, answer
        return str(answer.json["id"])

    def settle(self) -> None:
        """Wait until all triggers have fired."""
        query = (
            "SELECT (SELECT count(*) FROM trigger_candidates)"
            " + (SELECT count(*) FROM trigger_runs WHERE status = 'pending')"
        )
        eventually(lambda: self.query(query) == [(0,)])

    def query(self, sql: str) -> list[Any]:
        with self.server.services.database.read() as db:
            return db.execute(sql).fetchall()

    def runs(self, trigger: str) -> list[Any]:
        self.settle()
        answer = self.repo.get(f"{PLACE}/{trigger}/runs")
        assert answer.status == 200, answer
        return answer.results

    def matched(self, trigger: str) -> dict[str, list[str]]:
        """What each commit was matched with."""
        return {run["commit_id"]: run["matched_paths"] for run in self.runs(trigger)}


@pytest.fixture
def fired(shared_server: Server, repo: Repo, factory: Factory) -> Fired:
    return Fired(shared_server, repo)


def test_a_run_is_recorded(fired: Fired, factory: Factory) -> None:
    trigger = fired.trigger({"type": "prefix", "prefix": "documents/"})
    commit = fired.repo.commit({"documents/b": b"1", "documents/a": b"2", "other": b"3"})
    (run,) = fired.runs(trigger)
    assert run == {
        "id": run["id"],
        "repository_id": fired.repo.get("").json["id"],
        "trigger_id": trigger,
        "commit_id": commit,
        "status": "created",
        "reason": "",
        "sandbox_id": factory.created[0],
        "matched_paths": ["documents/a", "documents/b"],
        "created_at": run["created_at"],
        "updated_at": run["updated_at"],
    }


def exact(path: str, diff_type: str = "any") -> dict[str, Any]:
    return {"type": "path_exact", "path": path, "diff_type": diff_type}


def test_what_conditions_match(fired: Fired) -> None:
    kinds = ("any", "added", "removed", "changed")
    by_kind = {kind: fired.trigger(exact("dir/a", kind)) for kind in kinds}
    folder, beside = fired.trigger({"type": "prefix", "prefix": "dir/"}), fired.trigger(exact("dir"))
    both = fired.trigger(exact("z", "added"), {"type": "prefix", "prefix": "dir/a"}, exact("dir/a"))
    added = fired.repo.commit({"dir/a": b"1", "dir/b": b"1", "z": b"1"})
    changed = fired.repo.commit({"dir/a": b"2", "z": b"2"})
    same = fired.repo.commit({"dir/a": b"2"})
    removed = fired.repo.commit({"dir/a": None, "dir/ab": b"1"})
    assert {kind: set(fired.matched(trigger)) for kind, trigger in by_kind.items()} == {
        "any": {added, changed, removed},
        "added": {added},
        "removed": {removed},
        "changed": {changed},
    }
    assert fired.matched(folder) == {
        added: ["dir/a", "dir/b"],
        changed: ["dir/a"],
        removed: ["dir/a", "dir/ab"],
    }
    assert fired.matched(beside) == {}
    assert fired.matched(both) == {added: ["dir/a", "z"], changed: ["dir/a"], removed: ["dir/a", "dir/ab"]}
    assert same not in fired.matched(folder)


def test_of_many_paths_the_prefix_is_told(fired: Fired, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "MAX_PATHS", 3)
    trigger = fired.trigger({"type": "prefix", "prefix": "many/"}, exact("many/000"))
    many = [f"many/{number:03}" for number in range(4)]
    fewer = fired.repo.commit(dict.fromkeys(many[:-1], b"x"))
    more = fired.repo.commit(dict.fromkeys(many, b"y"))
    assert fired.matched(trigger) == {fewer: many[:-1], more: ["many/", "many/000"]}


def test_runs_have_pages_newest_first(fired: Fired) -> None:
    trigger = fired.trigger()
    commits = [fired.repo.commit({"a": b"%d" % number}) for number in range(5)]
    assert [run["commit_id"] for run in fired.runs(trigger)] == commits[::-1]
    first = fired.repo.get(f"{PLACE}/{trigger}/runs", amount=3)
    cursor = first.json["pagination"]["next_offset"]
    second = fired.repo.get(f"{PLACE}/{trigger}/runs", amount=3, after=cursor)
    assert [run["commit_id"] for run in first.results + second.results] == commits[::-1]
    assert second.json["pagination"]["has_more"] is False
    assert fired.repo.get(f"{PLACE}/{trigger}/runs", after=str(uuid.uuid4())).status == 404


def test_only_what_was_enabled_when_the_commit_landed_fires(fired: Fired) -> None:
    fired.repo.commit({"a": b"1"})
    late, off = fired.trigger(), fired.trigger(enabled=False)
    switched = fired.trigger()
    assert fired.repo.call("PATCH", f"{PLACE}/{switched}", None, {"enabled": False}).status == 200
    commit = fired.repo.commit({"a": b"2"})
    assert set(fired.matched(late)) == {commit}
    assert fired.repo.call("PATCH", f"{PLACE}/{switched}", None, {"enabled": True}).status == 200
    assert fired.matched(off) == fired.matched(switched) == {}


def test_other_repositories_are_left_alone(fired: Fired) -> None:
    trigger = fired.trigger()
    fired.repo.api.new_repository().commit({"a": b"1"})
    assert fired.runs(trigger) == []


def test_every_kind_of_commit_fires(shared_server: Server, gated: Gated, factory: Factory) -> None:
    fired = Fired(shared_server, gated.owner)
    trigger = fired.trigger()
    committed = gated.owner.commit({"a": b"1"})
    reverted = gated.owner.call("POST", f"/commits/{committed}/revert").json["commit_id"]
    session = gated.submit()
    assert fired.runs(trigger)[0]["commit_id"] == reverted
    approved = gated.review(session, "POST", message="fine").json["commit_id"]
    organization = gated.organization.rpartition("/")[2]
    source = {"source_organization": organization, "source_repository": "data", "destination_path": "copy/"}
    job = gated.owner.call("POST", "/import", None, source).json["job_id"]
    eventually(lambda: gated.owner.get(f"/import/{job}").json["status"] not in ("pending", "running"))
    imported = gated.owner.get(f"/import/{job}").json
    expected = [imported["commit_id"], approved, reverted, committed]
    assert [run["commit_id"] for run in fired.runs(trigger)] == expected
    assert len(factory.created) == 4


def test_the_commit_of_a_triggered_sandbox_fires_nothing(fired: Fired, factory: Factory) -> None:
    trigger, other = fired.trigger(exact("in")), fired.trigger()
    fired.repo.commit({"in": b"1"})
    fired.settle()
    started = factory.created[0]
    fired.repo.put(started, "in", b"2")
    assert fired.repo.try_commit(started).status == 200
    assert len(fired.runs(trigger)) == len(fired.runs(other)) == 1
    # What is no sandbox, or one that somebody started himself, goes on firing.
    last = fired.repo.commit({"in": b"3"})
    assert set(fired.matched(other)) > {last}


def test_a_refusal_is_the_reason(fired: Fired, factory: Factory) -> None:
    trigger = fired.trigger()
    factory.refuse = Forbidden("may not", code="missing_permission")
    fired.repo.commit({"a": b"1"})
    (run,) = fired.runs(trigger)
    assert (run["status"], run["reason"], run["sandbox_id"]) == ("failed", "missing_permission", None)
    factory.refuse = None
    fired.repo.commit({"a": b"2"})
    assert [run["status"] for run in fired.runs(trigger)] == ["created", "failed"]


def test_a_bug_fails_the_run_and_nothing_else(fired: Fired, factory: Factory, caplog: pytest.LogCaptureFixture) -> None:
    trigger = fired.trigger()
    factory.refuse = ZeroDivisionError("here")
    with caplog.at_level(logging.CRITICAL, "tilde_local"):
        assert fired.repo.commit({"a": b"1"})
        (run,) = fired.runs(trigger)
    assert (run["status"], run["reason"]) == ("failed", "internal_error")


def test_a_full_disk_puts_it_off_to_the_next_commit(
    fired: Fired, factory: Factory, caplog: pytest.LogCaptureFixture
) -> None:
    trigger, tried = fired.trigger(), threading.Event()

    def fill() -> None:
        tried.set()
        raise sqlite3.OperationalError("database or disk is full")

    factory.before = fill
    with caplog.at_level(logging.CRITICAL, "tilde_local"):
        fired.repo.commit({"a": b"1"})
        assert tried.wait(60)
        (run,) = fired.repo.get(f"{PLACE}/{trigger}/runs").results
        assert run["status"] == "pending"
        factory.before = lambda: None
        fired.repo.commit({"a": b"2"})
        assert [run["status"] for run in fired.runs(trigger)] == ["created", "created"]


class Held:
    """Holds the worker at a step, `match` or `fire`, until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
        self._begun, self._go_on, real = threading.Event(), threading.Event(), getattr(firing, step)

        def held(*arguments: Any) -> None:
            self._begun.set()
            assert self._go_on.wait(60)
            real(*arguments)

        monkeypatch.setattr(firing, step, held)

    def wait(self) -> None:
        assert self._begun.wait(60)

    def let_go(self) -> None:
        self._go_on.set()


@pytest.mark.parametrize("step", ["match", "fire"])
def test_what_is_switched_off_meanwhile_is_skipped(
    fired: Fired, factory: Factory, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    trigger, held = fired.trigger(), Held(monkeypatch, step)
    fired.repo.commit({"a": b"1"})
    held.wait()
    assert fired.repo.call("PATCH", f"{PLACE}/{trigger}", None, {"enabled": False}).status == 200
    held.let_go()
    (run,) = fired.runs(trigger)
    assert (run["status"], run["reason"], run["matched_paths"]) == ("skipped", "trigger_disabled", ["a"])
    assert factory.created == []


@pytest.mark.parametrize("what", ["trigger", "repository"])
@pytest.mark.parametrize("step", ["match", "fire"])
def test_what_is_deleted_meanwhile_starts_nothing(
    fired: Fired, factory: Factory, monkeypatch: pytest.MonkeyPatch, step: str, what: str
) -> None:
    trigger, held = fired.trigger(), Held(monkeypatch, step)
    fired.repo.commit({"a": b"1"})
    held.wait()
    path = f"{PLACE}/{trigger}" if what == "trigger" else ""
    assert fired.repo.call("DELETE", path).status == 204
    held.let_go()
    fired.settle()
    assert factory.created == []
    expected = [("skipped", "repository_deleted")] if (step, what) == ("fire", "repository") else []
    assert fired.query(f"SELECT status, reason FROM trigger_runs WHERE trigger_id = '{trigger}'") == expected


@pytest.mark.parametrize("step", ["match", "fire"])
def test_what_a_server_left_is_taken_up_by_the_next(
    tmp_path: Path,
    connect: Connect,
    factory: Factory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    step: str,
) -> None:
    tried = threading.Event()

    def fail(*_: object) -> None:
        tried.set()
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as broken, Server(tmp_path) as server, caplog.at_level(logging.CRITICAL, "tilde_local"):
        broken.setattr(firing, step, fail)
        first = Fired(server, connect(server.endpoint_url, server.api_key).new_repository())
        trigger = first.trigger()
        commit = first.repo.commit({"a": b"1"})
        assert tried.wait(60)
    with Server(tmp_path) as server:
        second = Fired(server, connect(server.endpoint_url, server.api_key).repository(first.repo.root))
        (run,) = second.runs(trigger)
    assert (run["status"], run["commit_id"], run["sandbox_id"]) == ("created", commit, factory.created[0])
    with Server(tmp_path) as server:
        third = Fired(server, connect(server.endpoint_url, server.api_key).repository(first.repo.root))
        assert third.runs(trigger) == [run]
    assert len(factory.created) == 1


def test_a_commit_does_not_wait_for_its_triggers(
    fired: Fired, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger, held = fired.trigger(), Held(monkeypatch, "match")
    commits = [fired.repo.commit({"a": b"%d" % number}) for number in range(3)]
    held.wait()
    assert fired.repo.get(f"{PLACE}/{trigger}/runs").results == []
    held.let_go()
    assert [run["commit_id"] for run in fired.runs(trigger)] == commits[::-1]
    assert len(factory.created) == 3
