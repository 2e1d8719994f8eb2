"""Triggers: what is sent for each call, what is refused before, and what an update keeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from support import answer, fake_client
from tilde.exceptions import ConflictError, NotFoundError
from tilde.models import Agent, Repository, SandboxTrigger, SandboxTriggerConfig
from tilde_core.http import Request, Response
from tilde_core.models.agents import AgentData

ROOT = "/api/v1/organizations/o/repositories/r/sandbox-triggers"
CONDITION = {"type": "prefix", "prefix": "documents/"}
CONFIG = {"image": "python:3.12", "command": ["python", "summarize.py"]}
TRIGGER: dict[str, Any] = {
    "id": "t1",
    "repository_id": "r1",
    "name": "Summarize",
    "description": "All of it",
    "enabled": True,
    "conditions": [{**CONDITION, "path": "", "diff_type": None, "glob": "*.md"}],
    "sandbox_config": {**CONFIG, "mountpoint": "", "env_vars": None, "path_prefix": "", "timeout_seconds": None},
    "run_as": {"type": "agent", "id": "a1"},
    "created_by": "u1",
    "created_at": "2026-02-03T10:00:00Z",
    "updated_at": None,
    "color": "red",
}
RUN = {
    "id": "x1",
    "trigger_id": "t1",
    "commit_id": "c1",
    "status": "created",
    "sandbox_id": "s1",
    "matched_paths": None,
}


class Service:
    """Has one trigger. `sent` has the requests, as `METHOD path`, and `bodies` what was sent along."""

    def __init__(self) -> None:
        self.trigger = dict(TRIGGER)
        self.sent: list[str] = []
        self.bodies: list[Any] = []
        self.refusal: Response | None = None

    def __call__(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        path = parts.path.removeprefix(ROOT)
        self.sent.append(f"{request.method} {path}{f'?{parts.query}' if parts.query else ''}")
        assert isinstance(request.content, bytes)
        self.bodies.append(json.loads(request.content) if request.content else None)
        if self.refusal is not None:
            return self.refusal
        if request.method in ("PUT", "PATCH", "POST"):
            self.trigger = {**self.trigger, **self.bodies[-1]}
        if request.method == "DELETE":
            return answer(204)
        if path.endswith("/runs"):
            return answer(200, {"results": [RUN, {**RUN, "id": "x2", "status": "skipped", "reason": "no"}]})
        return answer(200, self.trigger if path or request.method == "POST" else {"results": [self.trigger]})

    @property
    def repo(self) -> Repository:
        return fake_client(self)[0].repository("o/r")

    def get(self) -> SandboxTrigger:
        return self.repo.sandbox_triggers.get("t1")


@pytest.fixture
def service() -> Service:
    return Service()


def create(service: Service, **options: Any) -> SandboxTrigger:
    named = {"name": "Summarize", "conditions": [CONDITION], "sandbox_config": CONFIG, **options}
    return service.repo.sandbox_triggers.create(**named)


class TestCreate:
    def test_what_is_not_named_is_not_sent(self, service: Service) -> None:
        trigger = create(service)
        assert service.sent == ["POST "]
        assert service.bodies == [{"name": "Summarize", "conditions": [CONDITION], "sandbox_config": CONFIG}]
        assert (trigger.id, trigger.name, repr(trigger)) == ("t1", "Summarize", "SandboxTrigger('t1', 'Summarize')")

    def test_everything_can_be_said(self, service: Service) -> None:
        conditions = [CONDITION, {"type": "path_exact", "path": "config.json", "diff_type": "changed"}]
        config: SandboxTriggerConfig = {
            "image": "my-org/doc-summarizer:latest",
            "command": "python summarize.py",
            "mountpoint": "/repo",
            "path_prefix": "documents/",
            "timeout_seconds": 300,
            "env": {"A": "b"},
        }
        create(
            service,
            conditions=conditions,
            sandbox_config=config,
            description="d",
            run_as={"type": "agent", "id": "a1"},
            enabled=False,
        )
        assert service.bodies[0] == {
            "name": "Summarize",
            "description": "d",
            "conditions": conditions,
            "sandbox_config": {
                "image": "my-org/doc-summarizer:latest",
                "command": ["sh", "-c", "python summarize.py"],
                "mountpoint": "/repo",
                "path_prefix": "documents/",
                "timeout_seconds": 300,
                "env_vars": {"A": "b"},
            },
            "run_as": {"type": "agent", "id": "a1"},
            "enabled": False,
        }

    def test_the_image_is_the_default_one_if_it_is_left_out(self, service: Service) -> None:
        create(service, sandbox_config={"command": None, "env_vars": {"A": "b"}})
        assert service.bodies[0]["sandbox_config"] == {"image": "ubuntu:22.04", "env_vars": {"A": "b"}}

    def test_an_agent_may_be_given_as_it_is(self, service: Service) -> None:
        repo = service.repo
        agent = Agent(repo._client, "o", AgentData(id="a2", name="reader"))
        repo.sandbox_triggers.create(name="n", conditions=[CONDITION], sandbox_config=CONFIG, run_as=agent)
        assert service.bodies[0]["run_as"] == {"type": "agent", "id": "a2"}

    def test_a_name_that_is_taken(self, service: Service) -> None:
        service.refusal = answer(409, {"message": "there is one of that name"})
        with pytest.raises(ConflictError, match="there is one of that name"):
            create(service)


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"name": ""}, ValueError, "name is empty"),
    ({"name": "x" * 101}, ValueError, "name has 101 characters; at most 100 are possible"),
    ({"name": 5}, TypeError, "name must be a str, not int"),
    ({"conditions": []}, ValueError, "conditions: there must be 1 to 10, not 0"),
    ({"conditions": [CONDITION] * 11}, ValueError, "conditions: there must be 1 to 10, not 11"),
    ({"conditions": CONDITION}, TypeError, "conditions must be a list of mappings, not dict"),
    ({"conditions": "documents/"}, TypeError, "conditions must be a list of mappings, not str"),
    ({"conditions": ["documents/"]}, TypeError, r"conditions\[0\] must be a mapping, not str"),
    ({"conditions": [{"typ": "prefix"}]}, ValueError, r"conditions\[0\] has the key 'typ', which is none of type, "),
    ({"conditions": [{"prefix": "a/"}]}, ValueError, r"conditions\[0\]: type None must be one of prefix, path_exact"),
    ({"conditions": [{"type": "glob", "prefix": "a"}]}, ValueError, "type 'glob' must be one of prefix, path_exact"),
    ({"conditions": [{"type": "prefix"}]}, ValueError, "a condition of the type 'prefix' needs 'prefix'"),
    ({"conditions": [{"type": "path_exact", "prefix": "a"}]}, ValueError, "type 'path_exact' needs 'path'"),
    ({"conditions": [{**CONDITION, "path": "a"}]}, ValueError, "'path' means nothing in a condition of the type"),
    ({"conditions": [{**CONDITION, "diff_type": "added"}]}, ValueError, "'diff_type' means nothing in a condition"),
    ({"conditions": [{"type": "path_exact", "path": ""}]}, ValueError, "path is empty; it must name an object"),
    ({"conditions": [{"type": "prefix", "prefix": "/a"}]}, ValueError, "prefix '/a' begins with a slash"),
    ({"conditions": [{"type": "prefix", "prefix": 3}]}, TypeError, r"conditions\[0\]: prefix must be a str, not int"),
    (
        {"conditions": [{"type": "path_exact", "path": "a", "diff_type": "new"}]},
        ValueError,
        r"conditions\[0\]: diff_type 'new' must be one of any, added, removed, changed",
    ),
    ({"sandbox_config": []}, TypeError, "sandbox_config must be a mapping, not list"),
    ({"sandbox_config": {"img": "x"}}, ValueError, "sandbox_config has the key 'img', which is none of image, "),
    ({"sandbox_config": {**CONFIG, "run_as": {}}}, ValueError, "sandbox_config has the key 'run_as'"),
    ({"sandbox_config": {**CONFIG, "timeout_seconds": 0}}, ValueError, "sandbox_config: timeout_seconds=0: must be"),
    ({"sandbox_config": {**CONFIG, "command": 3}}, TypeError, "sandbox_config: command must be a str or a list"),
    ({"sandbox_config": {**CONFIG, "env": {}, "env_vars": {}}}, ValueError, "has both 'env' and 'env_vars'"),
    ({"run_as": {"type": "user", "id": "u"}}, ValueError, "type 'user' must be one of agent, role"),
]


@pytest.mark.parametrize(("arguments", "kind", "message"), REFUSED, ids=lambda value: ascii(value)[:40])
def test_arguments_are_checked_before_anything_is_sent(
    service: Service, arguments: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        create(service, **arguments)
    (trigger,) = service.repo.sandbox_triggers.list()
    with pytest.raises(kind, match=message):
        trigger.update(**arguments)
    assert service.sent == ["GET ?amount=100"]


def test_enabled_is_yes_or_no(service: Service) -> None:
    with pytest.raises(TypeError, match="enabled must be a bool, not str"):
        create(service, enabled="no")
    with pytest.raises(TypeError, match="enabled must be a bool, not int"):
        service.get().toggle(enabled=1)  # type: ignore[arg-type]
    assert service.sent == ["GET /t1"]


class TestEntity:
    def test_what_says_nothing_is_left_out(self, service: Service) -> None:
        trigger = service.get()
        assert trigger.conditions == [{**CONDITION, "glob": "*.md"}]
        assert trigger.sandbox_config == CONFIG
        assert trigger.run_as == {"type": "agent", "id": "a1"}
        assert (trigger.description, trigger.enabled, trigger.repository_id) == ("All of it", True, "r1")
        assert (trigger.created_by, trigger.updated_at) == ("u1", None)
        assert trigger.created_at is not None
        assert trigger.to_dict()["name"] == "Summarize"
        assert service.sent == ["GET /t1"]

    def test_nulls(self, service: Service) -> None:
        service.trigger = {**dict.fromkeys(TRIGGER), "id": "t1"}
        trigger = service.get()
        assert (trigger.name, trigger.conditions, trigger.sandbox_config, trigger.run_as) == ("", [], {}, None)

    def test_a_prefix_that_is_empty_stays(self, service: Service) -> None:
        service.trigger["conditions"] = [{"type": "prefix", "prefix": ""}]
        assert service.get().conditions == [{"type": "prefix", "prefix": ""}]

    def test_a_list(self, service: Service) -> None:
        (trigger,) = service.repo.sandbox_triggers.list(amount=1, page_size=5, after="t0")
        assert trigger == service.get()
        assert (trigger.name, trigger.enabled) == ("Summarize", True)
        assert service.sent[0] == "GET ?after=t0&amount=5"
        assert repr(service.repo.sandbox_triggers) == "SandboxTriggers(o/r)"

    def test_a_missing_one(self, service: Service) -> None:
        service.refusal = answer(404, {"message": "no such trigger"})
        with pytest.raises(NotFoundError, match="no such trigger"):
            service.get()

    def test_toggle(self, service: Service) -> None:
        trigger = service.get()
        assert trigger.toggle(enabled=False) is trigger
        assert (trigger.enabled, repr(trigger)) == (False, "SandboxTrigger('t1', 'Summarize', disabled)")
        assert trigger.toggle(enabled=True).enabled
        assert service.sent[1:] == ["PATCH /t1"] * 2
        assert service.bodies[1:] == [{"enabled": False}, {"enabled": True}]

    @pytest.mark.parametrize(
        "delete", [lambda service: service.get().delete(), lambda service: service.repo.sandbox_triggers.delete("t1")]
    )
    def test_delete(self, service: Service, delete: Callable[[Service], None]) -> None:
        delete(service)
        assert service.sent[-1] == "DELETE /t1"

    def test_runs(self, service: Service) -> None:
        runs = service.get().runs
        created, skipped = runs.list(amount=2, page_size=5, after="x0")
        assert (created.status, created.commit_id, created.sandbox_id, created.matched_paths) == (
            "created",
            "c1",
            "s1",
            [],
        )
        assert (skipped.status, skipped.reason) == ("skipped", "no")
        assert service.sent[1:] == ["GET /t1/runs?after=x0&amount=5"]
        assert repr(runs) == "SandboxTriggerRuns('t1')"


KEPT = {
    "name": "Summarize",
    "description": "All of it",
    "conditions": [{**CONDITION, "glob": "*.md"}],
    "sandbox_config": CONFIG,
    "run_as": {"type": "agent", "id": "a1"},
}


class TestUpdate:
    @pytest.mark.parametrize(
        ("changed", "sent"),
        [
            ({"name": "New"}, {"name": "New"}),
            ({"description": ""}, {"description": ""}),
            (
                {"conditions": [{"type": "path_exact", "path": "a"}]},
                {"conditions": [{"type": "path_exact", "path": "a"}]},
            ),
            (
                {"sandbox_config": {"image": "i", "command": ["a"]}},
                {"sandbox_config": {"image": "i", "command": ["a"]}},
            ),
            ({"run_as": {"type": "role", "id": "r1"}}, {"run_as": {"type": "role", "id": "r1"}}),
        ],
        ids=lambda value: next(iter(value)),
    )
    def test_what_is_not_named_is_kept(self, service: Service, changed: dict[str, Any], sent: dict[str, Any]) -> None:
        trigger = service.get()
        assert trigger.update(**changed) is trigger
        assert service.sent == ["GET /t1", "GET /t1", "PUT /t1"]
        assert service.bodies[2] == {**KEPT, **sent}
        assert getattr(trigger, next(iter(changed))) == next(iter(sent.values()))

    def test_what_is_kept_is_what_the_service_has_now(self, service: Service) -> None:
        trigger = service.get()
        service.trigger["name"] = "Renamed elsewhere"
        trigger.update(description="New")
        assert service.bodies[-1]["name"] == "Renamed elsewhere"

    def test_nothing_is_fetched_if_all_is_named(self, service: Service) -> None:
        service.get().update(
            name="New",
            description="d",
            conditions=[CONDITION],
            sandbox_config=CONFIG,
            run_as={"type": "role", "id": "r1"},
        )
        assert service.sent == ["GET /t1", "PUT /t1"]

    def test_the_principal_can_be_taken_away(self, service: Service) -> None:
        service.get().update(run_as={})
        assert "run_as" not in service.bodies[-1]
        service.trigger["run_as"] = None
        service.get().update(name="New")
        assert "run_as" not in service.bodies[-1]

    def test_what_was_told_can_be_sent_back(self, service: Service) -> None:
        service.trigger["conditions"] = [{**CONDITION, "diff_type": "any"}, {"type": "path_exact", "path": "a"}]
        trigger = service.get()
        trigger.update(conditions=trigger.conditions, sandbox_config=trigger.sandbox_config)
        assert service.bodies[-1]["conditions"] == service.trigger["conditions"]
        assert service.bodies[-1]["sandbox_config"] == CONFIG

    def test_nothing_is_no_update(self, service: Service) -> None:
        trigger = service.get()
        with pytest.raises(ValueError, match="name at least one of name, description, conditions, sandbox_config and"):
            trigger.update()
        assert service.sent == ["GET /t1"]
