"""Sandboxes: what is sent for each call, and what is made of the answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from sandbox_service import COMMITTED, PLACE, SandboxService, status
from support import FakeClock, answer, fake_client
from tilde.exceptions import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    NotSentError,
    OutcomeUnknownError,
    SandboxError,
    SerializationError,
    ServerError,
    WaitTimeoutError,
)
from tilde.models import Agent, Repository, Role, Sandbox, Sandboxes, SandboxStatus
from tilde_core.http import Response
from tilde_core.models.agents import AgentData
from tilde_core.models.roles import RoleData
from tilde_core.resources.sandbox_start import cancelled_on_error, started

CREATE = "POST /sandboxes"
CANCEL = f"DELETE {PLACE}"
STATUS = f"GET {PLACE}/status"


@pytest.fixture
def service() -> SandboxService:
    return SandboxService()


def repository(service: SandboxService, **options: Any) -> tuple[Repository, FakeClock]:
    client, _, clock = fake_client(service, **options)
    return client.repository("o/r"), clock


def sandbox(service: SandboxService) -> Sandbox:
    return repository(service)[0].sandboxes.get("s1")


def raises(error: BaseException) -> Callable[[], Response]:
    def behave() -> Response:
        raise error

    return behave


class TestCreate:
    def test_the_image_is_the_default_and_all_else_is_left_to_the_service(self, service: SandboxService) -> None:
        made = repository(service, default_sandbox_image="python:3.13")[0].sandboxes.create()
        assert service.bodies[0] == {"image": "python:3.13"}
        assert service.sent == [CREATE, f"GET {PLACE}"]
        assert (made.id, made.image, made.commit_id) == ("s1", "python:3.12", "c1")
        assert len(service.sent) == 2

    def test_everything_can_be_said(self, service: SandboxService) -> None:
        repository(service)[0].sandboxes.create(
            image="python:3.11",
            command=["python", "process.py"],
            env={"OUTPUT_FORMAT": "json"},
            mountpoint="/data/",
            path_prefix="datasets/",
            timeout_seconds=600,
            run_as={"type": "agent", "id": "a1"},
            mode="interactive",
        )
        assert service.bodies[0] == {
            "image": "python:3.11",
            "command": ["python", "process.py"],
            "env_vars": {"OUTPUT_FORMAT": "json"},
            "mountpoint": "/data",
            "path_prefix": "datasets/",
            "timeout_seconds": 600,
            "run_as": {"type": "agent", "id": "a1"},
            "mode": "interactive",
        }

    @pytest.mark.parametrize(
        ("given", "sent"),
        [
            ("ls | wc -l", ["sh", "-c", "ls | wc -l"]),
            ("set -e\nls", ["sh", "-c", "set -e\nls"]),
            (["ls", ""], ["ls", ""]),
            (("ls", "-l"), ["ls", "-l"]),
        ],
    )
    def test_text_is_for_the_shell_and_a_list_is_program_and_arguments(
        self, service: SandboxService, given: Any, sent: list[str]
    ) -> None:
        repository(service)[0].sandboxes.create(command=given)
        assert service.bodies[0]["command"] == sent

    def test_agents_and_roles_may_be_given_as_they_are(self, service: SandboxService) -> None:
        repo = repository(service)[0]
        repo.sandboxes.create(run_as=Agent(repo._client, "o", AgentData(id="a1", name="reader")))
        repo.sandboxes.create(run_as=Role(repo._client, "o", RoleData(id="r1", name="loader")))
        asked = [body["run_as"] for body in service.bodies if body]
        assert asked == [{"type": "agent", "id": "a1"}, {"type": "role", "id": "r1"}]

    def test_it_runs_also_if_it_cannot_be_looked_at(self, service: SandboxService) -> None:
        service.overrides[f"GET {PLACE}"] = lambda: answer(403, {"message": "no"})
        made = repository(service)[0].sandboxes.create()
        assert (made.id, repr(made)) == ("s1", "Sandbox('s1')")
        assert CANCEL not in service.sent

    def test_an_interruption_before_anybody_has_its_id_cancels_it(self, service: SandboxService) -> None:
        service.overrides[f"GET {PLACE}"] = raises(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            repository(service)[0].sandboxes.create()
        assert service.sent == [CREATE, f"GET {PLACE}", CANCEL]


ARGUMENTS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"image": ""}, ValueError, "image is empty"),
    ({"image": 3}, TypeError, "image must be a str, not int"),
    ({"command": ""}, ValueError, "command is empty"),
    ({"command": " "}, ValueError, "command is empty"),
    ({"command": []}, ValueError, "command is empty; a list must begin with the program"),
    ({"command": [""]}, ValueError, "command is empty; a list must begin with the program"),
    ({"command": b"ls"}, TypeError, "command must be a str or a list of str, not bytes"),
    ({"command": {"ls"}}, TypeError, "command must be a str or a list of str, not set"),
    ({"command": ["head", "-n", 3]}, TypeError, r"command\[2\] must be a str, not int"),
    ({"command": "a\0b"}, ValueError, "command holds a NUL"),
    ({"command": ["ls", "\ud800"]}, ValueError, r"command\[1\] holds a NUL or a lone surrogate"),
    ({"env": ["A=b"]}, TypeError, "env must be a mapping of str to str, not list"),
    ({"env": {"": "b"}}, ValueError, "env has the name ''"),
    ({"env": {"A=B": "c"}}, ValueError, "env has the name 'A=B'"),
    ({"env": {"A\n": "c"}}, ValueError, "control character"),
    ({"env": {1: "b"}}, TypeError, "a name in env must be a str, not int"),
    ({"env": {"A": 1}}, TypeError, r"env\['A'\] must be a str, not int"),
    ({"env": {"A": "s3cret\0"}}, ValueError, r"env\['A'\] holds a NUL"),
    ({"mountpoint": "data"}, ValueError, "mountpoint 'data' must be an absolute path"),
    ({"mountpoint": ""}, ValueError, "mountpoint '' must be an absolute path"),
    ({"mountpoint": "/"}, ValueError, "mountpoint '/' must be an absolute path"),
    ({"mountpoint": "/a/../b"}, ValueError, "without '.' and '..'"),
    ({"mountpoint": "/a//b"}, ValueError, "mountpoint '/a//b' must be"),
    ({"path_prefix": "/data"}, ValueError, "path_prefix '/data' begins with a slash"),
    ({"path_prefix": 1}, TypeError, "path_prefix must be a str, not int"),
    ({"timeout_seconds": 0}, ValueError, "timeout_seconds=0: must be 1 or more"),
    ({"timeout_seconds": 1.5}, TypeError, "timeout_seconds must be a whole number, not float"),
    ({"timeout_seconds": True}, TypeError, "timeout_seconds must be a whole number, not bool"),
    ({"run_as": "agent"}, TypeError, "run_as must be an Agent, a Role or a mapping with type and id, not str"),
    ({"run_as": {"type": "agent"}}, ValueError, "run_as must have 'type' and 'id' and nothing else, and has 'type'"),
    ({"run_as": {}}, ValueError, "and has nothing"),
    ({"run_as": {"type": "agent", "id": "a", "name": "n"}}, ValueError, "nothing else, and has 'type', 'id', 'name'"),
    ({"run_as": {"type": "user", "id": "a"}}, ValueError, "type 'user' must be one of agent, role"),
    ({"run_as": {"type": "agent", "id": ""}}, ValueError, "id is empty; it must be the id of the agent"),
    ({"run_as": {"type": "agent", "id": 5}}, TypeError, "run_as: id must be a str, not int"),
    ({"mode": "batch"}, ValueError, "mode 'batch' must be one of one-shot, interactive, service"),
    ({"mode": "service", "command": "ls"}, ValueError, "mode 'service' runs no command"),
]


@pytest.mark.parametrize(("arguments", "kind", "message"), ARGUMENTS, ids=lambda value: ascii(value))
def test_arguments_are_checked_before_anything_is_sent(
    service: SandboxService, arguments: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        repository(service)[0].sandboxes.create(**arguments)
    assert "s3cret" not in str(caught.value)
    assert service.sent == []


class TestLostAnswers:
    """It is not created twice, and the error says that it may be there."""

    HINT = r"not known whether the sandbox was created: repo\.sandboxes\.list\(\) tells"

    @pytest.mark.parametrize(
        "behave",
        [
            raises(OutcomeUnknownError("the connection broke")),
            lambda: answer(500, {"message": "oops"}),
            lambda: answer(504),
            lambda: Response(201, {}, b"<html>"),
            lambda: answer(201, {"id": "s1"}),
        ],
        ids=["broken", "500", "504", "no JSON", "no id"],
    )
    def test_it_may_run(self, service: SandboxService, behave: Callable[[], Response]) -> None:
        service.overrides[CREATE] = behave
        with pytest.raises((OutcomeUnknownError, ServerError, SerializationError), match=self.HINT):
            repository(service)[0].sandboxes.create()
        assert service.sent == [CREATE]

    def test_what_was_refused_does_not_run(self, service: SandboxService) -> None:
        for behave in (lambda: answer(503, {"message": "no runtime"}), lambda: answer(400, {"message": "no"})):
            service.overrides[CREATE] = behave
            with pytest.raises((ServerError, BadRequestError)) as caught:
                repository(service)[0].sandboxes.create()
            assert "not known" not in str(caught.value)

    def test_what_was_not_sent_is_sent_again(self, service: SandboxService) -> None:
        attempts: list[Callable[[], Response]] = [
            raises(NotSentError("no connection")),
            lambda: answer(201, {"sandbox_id": "s1"}),
        ]
        service.overrides[CREATE] = lambda: attempts.pop(0)()
        assert repository(service)[0].sandboxes.create().id == "s1"

    def test_an_interruption_says_so_in_the_log(
        self, service: SandboxService, caplog: pytest.LogCaptureFixture
    ) -> None:
        service.overrides[CREATE] = raises(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt), caplog.at_level(logging.WARNING, "tilde"):
            repository(service)[0].sandboxes.create()
        assert "interrupted: it is not known whether the sandbox was created" in caplog.text


class TestEntity:
    def test_a_list_carries_what_it_said(self, service: SandboxService) -> None:
        listed = list(repository(service)[0].sandboxes.list())
        assert [(each.id, each.state, each.image, each.env) for each in listed] == [
            ("s1", "done", "python:3.12", {"A": "b"}),
            ("s2", "done", "python:3.12", {"A": "b"}),
        ]
        assert service.sent == ["GET /sandboxes?amount=100"]
        assert listed[0].status().state == "done"
        assert service.sent[1:] == [STATUS]

    def test_a_list_takes_the_usual_arguments(self, service: SandboxService) -> None:
        assert [each.id for each in repository(service)[0].sandboxes.list(amount=1, page_size=5, after="s0")] == ["s1"]
        assert service.sent == ["GET /sandboxes?after=s0&amount=5"]

    def test_nulls_and_unknown_fields(self, service: SandboxService) -> None:
        nothing: dict[str, Any] = dict.fromkeys(
            ("image", "command", "env_vars", "status", "status_reason", "exit_code", "commit_id", "created_at")
        )
        service.overrides[f"GET {PLACE}"] = lambda: answer(200, {"id": "s1", **nothing, "gpu": 3})
        found = sandbox(service)
        assert (found.image, found.command, found.env, found.state, found.commit_id) == ("", [], {}, "", "")
        assert (found.exit_code, found.created_at, found.timeout_seconds) == (None, None, None)

    def test_every_field_of_the_contract(self, service: SandboxService) -> None:
        when = "2026-02-03T10:00:00Z"
        told = {
            "id": "s1",
            "repository_id": "r1",
            "image": "i",
            "command": ["a"],
            "mountpoint": "/m",
            "path_prefix": "p/",
            "timeout_seconds": 5,
            "mode": "one-shot",
            "env_vars": {"A": "b"},
            "status": "failed",
            "status_reason": "timeout",
            "error_message": "too long",
            "exit_code": 3,
            "commit_id": "c",
            "web_url": "w",
            "volume_name": "v",
            "container_id": "k",
            "created_by_type": "user",
            "created_by": "u1",
            "created_at": when,
            "updated_at": when,
            "finished_at": when,
        }
        service.overrides[f"GET {PLACE}"] = lambda: answer(200, told)
        found = sandbox(service)
        renamed = {"status": "state", "env_vars": "env"}
        for name, value in told.items():
            seen = getattr(found, renamed.get(name, name))
            assert (seen.isoformat().replace("+00:00", "Z") if name.endswith("_at") else seen) == value
        assert found.to_dict() == {name: getattr(found, name) for name in found.to_dict()}
        assert next(iter(found.to_dict())) == "id"
        assert set(found.to_dict()) == {renamed.get(name, name) for name in told}

    def test_a_handle_loads_itself_once(self, service: SandboxService) -> None:
        handle = Sandbox(repository(service)[0]._client, "o", "r", "s1")
        assert repr(handle) == "Sandbox('s1')"
        assert (handle.image, handle.mode, repr(handle)) == ("python:3.12", "", "Sandbox('s1', done)")
        assert service.sent == [f"GET {PLACE}"]

    def test_a_status_is_remembered(self, service: SandboxService) -> None:
        service.states = [status("running"), COMMITTED]
        found = sandbox(service)
        assert found.state == "running"
        service.states = [COMMITTED]
        assert found.state == "running"
        found.status()
        assert (found.state, found.commit_id, found.exit_code) == ("done", "c1", 0)

    def test_equality_goes_by_the_id(self, service: SandboxService) -> None:
        repo = repository(service)[0]
        first, second = repo.sandboxes.list()
        assert first == repo.sandboxes.get("s1") != second
        assert repr(repo.sandboxes) == "Sandboxes(o/r)"

    def test_a_table_of_them_shows_what_matters(self, service: SandboxService) -> None:
        html = repository(service)[0].sandboxes.list()._repr_html_()
        assert "<th>state</th><th>status_reason</th>" in html
        assert "python:3.12" in html
        assert "env" not in html
        assert service.sent == ["GET /sandboxes?amount=100"]

    def test_a_missing_one(self, service: SandboxService) -> None:
        service.overrides[f"GET {PLACE}"] = lambda: answer(404, {"message": "no such sandbox"})
        with pytest.raises(NotFoundError, match="no such sandbox"):
            sandbox(service)


STATES = [
    (status("starting", "created"), {"is_active"}),
    (status("starting", "initializing"), {"is_active"}),
    (status("running", None), {"is_active"}),
    (COMMITTED, {"is_terminal", "is_committed"}),
    (status("done", "no_changes", exit_code=0), {"is_terminal", "has_no_changes"}),
    (status("done", "awaiting_approval", web_url="https://x"), {"is_terminal", "is_awaiting_approval"}),
    (status("errored", "exit_non_zero", exit_code=3), {"is_terminal"}),
    (status("failed", "image_not_found", error_message="no such image"), {"is_terminal"}),
    (status("cancelled", "cancelled_by_user"), {"is_terminal"}),
    (status("thinking"), set()),
]


class TestStatus:
    @pytest.mark.parametrize(
        ("told", "true"), STATES, ids=lambda value: str(value) if isinstance(value, dict) else "-".join(sorted(value))
    )
    def test_properties(self, service: SandboxService, told: dict[str, Any], true: set[str]) -> None:
        service.states = [told]
        found = sandbox(service).status()
        properties = {"is_active", "is_terminal", "is_committed", "is_awaiting_approval", "has_no_changes"}
        assert {name for name in properties if getattr(found, name)} == true
        assert (found.state, found.exit_code) == (told["status"], told["exit_code"])
        assert found.status_reason == (told["status_reason"] or "")
        assert found.web_url == told.get("web_url", "")
        assert found.error_message == told.get("error_message", "")
        assert found.to_dict()["state"] == told["status"]

    def test_two_that_say_the_same_are_equal(self, service: SandboxService) -> None:
        found = sandbox(service)
        assert found.status() == found.status()
        assert hash(found.status()) == hash(found.status())
        before = found.status()
        service.states = [status("done", "no_changes")]
        assert found.status() != before
        assert before != "done"
        assert (repr(before), str(found.status())) == ("SandboxStatus(done (committed))", "done (no_changes)")


class TestEnding:
    @pytest.mark.parametrize(("end", "call"), [(Sandbox.cancel, CANCEL), (Sandbox.finish, f"POST {PLACE}/finish")])
    def test_one_that_has_ended_stays_as_it_is(
        self, service: SandboxService, end: Callable[[Sandbox], None], call: str
    ) -> None:
        found = sandbox(service)
        end(found)
        assert service.sent[1:] == [call]
        service.overrides[call] = lambda: answer(409, {"message": "already terminal"})
        end(found)
        assert service.sent[2:] == [call, STATUS]
        service.states = [status("running")] * 3 + [COMMITTED]
        end(found)
        assert service.count(STATUS) == 1 + 4

    @pytest.mark.parametrize(("end", "call"), [(Sandbox.cancel, CANCEL), (Sandbox.finish, f"POST {PLACE}/finish")])
    def test_one_that_goes_on_all_the_same_is_an_error(
        self, service: SandboxService, end: Callable[[Sandbox], None], call: str
    ) -> None:
        service.states = [status("running")]
        service.overrides[call] = lambda: answer(409, {"message": "not now"})
        with pytest.raises(ConflictError, match="not now"):
            end(sandbox(service))

    def test_a_finish_whose_answer_was_lost_is_sent_again(self, service: SandboxService) -> None:
        call = f"POST {PLACE}/finish"
        attempts: list[Callable[[], Response]] = [
            raises(OutcomeUnknownError("broken")),
            lambda: answer(409, {"message": "already terminal"}),
        ]
        service.overrides[call] = lambda: attempts.pop(0)()
        sandbox(service).finish()
        assert service.count(call) == 2

    def test_only_a_service_can_be_finished(self, service: SandboxService) -> None:
        service.overrides[f"POST {PLACE}/finish"] = lambda: answer(400, {"message": "not in service mode"})
        with pytest.raises(BadRequestError, match="not in service mode"):
            sandbox(service).finish()


class TestWait:
    def test_a_quick_one_is_not_held_up_and_a_slow_one_not_asked_too_often(self, service: SandboxService) -> None:
        service.states = [status("running")] * 30 + [COMMITTED]
        repo, clock = repository(service)
        found = Sandbox(repo._client, "o", "r", "s1").wait()
        assert found.is_committed
        assert clock.sleeps[:3] == pytest.approx([0.02, 0.03, 0.045])
        assert clock.sleeps[-1] == 2.0
        assert sum(clock.sleeps) > 30

    def test_each_change_is_told_once(self, service: SandboxService) -> None:
        service.states = [status("starting", "created")] * 2 + [status("running")] * 3 + [COMMITTED]
        told: list[SandboxStatus] = []
        Sandbox(repository(service)[0]._client, "o", "r", "s1").wait(on_update=told.append)
        assert [each.state for each in told] == ["starting", "running", "done"]

    def test_what_is_no_function_is_refused_before_it_is_asked(self, service: SandboxService) -> None:
        with pytest.raises(TypeError, match=r"^on_update must be a function, not str"):
            Sandbox(repository(service)[0]._client, "o", "r", "s1").wait(on_update="print")  # type: ignore[arg-type]
        assert service.sent == []

    @pytest.mark.parametrize("state", ["errored", "failed", "cancelled"])
    def test_however_it_ends_that_is_the_answer(self, service: SandboxService, state: str) -> None:
        service.states = [status(state)]
        assert sandbox(service).wait().state == state

    def test_it_goes_on_after_a_time_out(self, service: SandboxService) -> None:
        service.states = [status("running")]
        found = sandbox(service)
        with pytest.raises(WaitTimeoutError, match="waited 5 seconds for sandbox s1"):
            found.wait(timeout=5)
        assert CANCEL not in service.sent
        service.states = [COMMITTED]
        assert found.wait().is_committed


class TestStarted:
    """What shells begin with."""

    def start(self, service: SandboxService, **options: Any) -> tuple[Sandbox, FakeClock]:
        repo, clock = repository(service)
        sandboxes = Sandboxes(repo._client, "o", "r")
        return started(sandboxes, {"image": "i", "mode": "service", **options}), clock

    def test_it_runs(self, service: SandboxService) -> None:
        service.states = [status("starting"), status("provisioning"), status("running")]
        found, clock = self.start(service)
        assert (found.id, len(clock.sleeps)) == ("s1", 2)
        assert CANCEL not in service.sent

    @pytest.mark.parametrize(
        "told", [status("failed", "image_not_found", error_message="no such image"), status("cancelled"), COMMITTED]
    )
    def test_one_that_has_ended_is_no_use(self, service: SandboxService, told: dict[str, Any]) -> None:
        service.states = [status("starting"), told]
        with pytest.raises(SandboxError, match="sandbox s1 ended as") as caught:
            self.start(service)
        assert (caught.value.sandbox_id, caught.value.state) == ("s1", told["status"])
        assert caught.value.status_reason == told["status_reason"]
        assert told.get("error_message", "") in str(caught.value)

    def test_one_that_takes_too_long_is_cancelled(self, service: SandboxService) -> None:
        service.states = [status("starting")]
        with pytest.raises(WaitTimeoutError, match="waited 13 seconds for sandbox s1 to start"):
            self.start(service, timeout_seconds=3)
        assert service.sent[-1] == CANCEL

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), ServerError("gone", status_code=500)], ids=repr)
    def test_whatever_comes_in_between_cancels_it(self, service: SandboxService, error: BaseException) -> None:
        service.overrides[STATUS] = raises(error)
        with pytest.raises(type(error)) as caught:
            self.start(service)
        assert caught.value is error
        assert service.sent[-1] == CANCEL

    def test_that_it_cannot_be_cancelled_hides_nothing(
        self, service: SandboxService, caplog: pytest.LogCaptureFixture
    ) -> None:
        service.overrides[CANCEL] = lambda: answer(403, {"message": "not yours"})
        with pytest.raises(KeyError), caplog.at_level(logging.WARNING, "tilde"), cancelled_on_error(sandbox(service)):
            raise KeyError("mine")
        assert "sandbox s1 was not cancelled and may still run: sandboxes.cancel: not yours" in caplog.text
