"""`repo.execute`: what is sent, how long it waits, and what it makes of each outcome."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from sandbox_service import COMMITTED, PLACE, SandboxService, ends_with, status
from support import FakeClock, answer, fake_client
from tilde.exceptions import (
    CommandError,
    CommandTimeoutError,
    ForbiddenError,
    GoneError,
    OutcomeUnknownError,
    SandboxError,
    TildeError,
    WaitTimeoutError,
)
from tilde.models import Repository, RunResult
from tilde_core.http import Response

CREATE, CANCEL = "POST /sandboxes", f"DELETE {PLACE}"
STATUS, LOG = f"GET {PLACE}/status", f"GET {PLACE}/logs/stdout"
RUNNING = status("running")
NO_CHANGES = status("done", "no_changes", exit_code=0)
REVIEW = "https://tilde.test/console/review"
AWAITING = status("done", "awaiting_approval", exit_code=0, web_url=REVIEW)


@pytest.fixture
def service() -> SandboxService:
    service = SandboxService(status("starting", "created"), RUNNING, COMMITTED)
    service.logs = [ends_with(b"hello\n")]
    return service


def repository(service: SandboxService) -> tuple[Repository, FakeClock]:
    client, _, clock = fake_client(service)
    return client.repository("o/r"), clock


def execute(service: SandboxService, command: Any = "ls", **options: Any) -> RunResult:
    return repository(service)[0].execute(command, **options)


def raises(error: BaseException) -> Callable[[], Response]:
    def behave() -> Response:
        raise error

    return behave


def test_the_result(service: SandboxService) -> None:
    result = execute(service, "echo hello")
    assert (result.stdout.text(), result.stderr.read(), result.exit_code) == ("hello\n", b"", 0)
    assert result.commit_id == "c1"
    assert result.duration == pytest.approx(0.05)
    assert result.status is not None
    assert result.status.is_committed
    assert service.sent == [CREATE, STATUS, STATUS, STATUS, LOG]
    assert service.bodies[0] == {"image": "ubuntu:22.04", "command": ["sh", "-c", "echo hello"]}


def test_all_that_can_be_said(service: SandboxService) -> None:
    execute(
        service,
        ["python", "train.py"],
        image="python:3.12",
        env={"A": "b"},
        timeout=1.2,
        mountpoint="/data",
        path_prefix="datasets/",
        run_as={"type": "role", "id": "r1"},
    )
    assert service.bodies[0] == {
        "image": "python:3.12",
        "command": ["python", "train.py"],
        "env_vars": {"A": "b"},
        "timeout_seconds": 2,
        "mountpoint": "/data",
        "path_prefix": "datasets/",
        "run_as": {"type": "role", "id": "r1"},
    }


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_time_out_must_be_a_time(service: SandboxService, timeout: float) -> None:
    with pytest.raises(ValueError, match="must be more than 0 seconds, or None for no limit"):
        execute(service, timeout=timeout)
    with pytest.raises(TypeError, match="timeout must be a number of seconds, not str"):
        execute(service, timeout="5")
    with pytest.raises(TypeError, match="command must be a str or a list of str, not NoneType"):
        execute(service, None)
    assert service.sent == []


def test_nothing_changed(service: SandboxService) -> None:
    service.states = [NO_CHANGES]
    result = execute(service)
    assert (result.exit_code, result.commit_id) == (0, "")
    assert result.status is not None
    assert result.status.has_no_changes


def test_what_is_done_has_ended_with_0_even_if_that_is_not_told(service: SandboxService) -> None:
    service.states = [status("done", "no_changes", exit_code=None)]
    assert execute(service).exit_code == 0


class TestExitCodes:
    @pytest.fixture(autouse=True)
    def errored(self, service: SandboxService) -> None:
        service.states = [RUNNING, status("errored", "exit_non_zero", exit_code=3)]
        service.logs = [ends_with(b"".join(b"line %d\n" % number for number in range(50)), b"Error: \xff\n")]

    def test_another_than_0_is_an_error_that_shows_the_last_lines(self, service: SandboxService) -> None:
        with pytest.raises(CommandError) as caught:
            execute(service, ["python", "my train.py"])
        message = str(caught.value)
        assert message.startswith(
            """repositories.execute: exit code 3 of "python 'my train.py'"; its last output was:"""
        )
        assert message.endswith("line 48\nline 49\nError: \ufffd")
        assert "line 31\n" in message
        assert "line 30\n" not in message
        assert (caught.value.exit_code, caught.value.result.exit_code) == (3, 3)
        assert caught.value.result.stdout.read().startswith(b"line 0\n")
        assert CANCEL not in service.sent

    def test_unless_it_is_not_to_be_checked(self, service: SandboxService) -> None:
        result = execute(service, "false", check=False)
        assert (result.exit_code, result.commit_id) == (3, "")
        assert result.stdout.text(errors="replace").endswith("Error: \ufffd\n")

    def test_the_message_is_bounded(self, service: SandboxService) -> None:
        service.logs = [ends_with(b"x" * 1_000_000)]
        with pytest.raises(CommandError) as caught:
            execute(service, "y" * 100_000)
        assert len(str(caught.value)) < 5000
        assert len(caught.value.result.stdout) == 1_000_000

    def test_a_silent_one(self, service: SandboxService) -> None:
        service.logs = [ends_with()]
        with pytest.raises(CommandError, match="exit code 3 of 'false'; it printed nothing"):
            execute(service, "false")

    def test_a_service_that_does_not_tell_the_code(self, service: SandboxService) -> None:
        service.states = [status("errored", "exit_non_zero")]
        with pytest.raises(CommandError, match="exit code unknown"):
            execute(service)
        assert execute(service, check=False).exit_code is None


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("state", "reason", "message"),
    [
        ("failed", "image_not_found", "there is no image x"),
        ("failed", "commit_failed", "conflict at a.csv"),
        ("cancelled", "cancelled_by_user", None),
    ],
)
def test_a_failure_is_an_error_whatever_check_says(
    service: SandboxService, check: bool, state: str, reason: str, message: str | None
) -> None:
    service.states = [RUNNING, status(state, reason, error_message=message)]
    with pytest.raises(SandboxError, match=rf"sandbox s1 ended as {state} \({reason}\)") as caught:
        execute(service, check=check)
    error = caught.value
    assert (error.sandbox_id, error.state, error.status_reason) == ("s1", state, reason)
    assert str(error).endswith(message or f"({reason})")
    assert error.result.stdout.text() == "hello\n"
    assert CANCEL not in service.sent


class TestWaiting:
    def test_it_has_no_end_of_its_own(self, service: SandboxService) -> None:
        service.states = [RUNNING] * 5000 + [COMMITTED]
        repo, clock = repository(service)
        assert repo.execute("sleep 9000").duration > 9000
        assert max(clock.sleeps) == 2

    def test_the_service_ends_what_takes_too_long(self, service: SandboxService) -> None:
        service.states = [RUNNING, status("failed", "timeout", error_message="longer than 5 s")]
        with pytest.raises(CommandTimeoutError) as caught:
            execute(service, "sleep 9", timeout=4.5, check=False)
        error = caught.value
        assert str(error).endswith(
            "'sleep 9' took longer than 4.5 seconds, and sandbox s1 was ended; its last output was:\nhello"
        )
        assert (error.sandbox_id, error.state, error.status_reason) == ("s1", "failed", "timeout")
        assert (error.timeout, error.result.stdout.text(), error.result.exit_code) == (4.5, "hello\n", None)
        assert all(isinstance(error, kind) for kind in (SandboxError, WaitTimeoutError, TimeoutError))
        assert CANCEL not in service.sent

    def test_that_it_failed_matters_more_than_its_output(self, service: SandboxService) -> None:
        service.states = [status("failed", "timeout")]
        service.logs = [lambda: answer(410, {"message": "kept no longer"})]
        with pytest.raises(CommandTimeoutError, match="'ls' took longer than the service allows") as caught:
            execute(service)
        assert caught.value.result is None
        service.states = [status("failed", "sandbox_lost")]
        with pytest.raises(SandboxError, match="sandbox_lost") as lost:
            execute(service)
        assert lost.value.result is None

    def test_if_the_service_does_not_end_it_that_is_done_from_here(self, service: SandboxService) -> None:
        service.states = [RUNNING]
        repo, clock = repository(service)
        with pytest.raises(CommandTimeoutError, match=r"'sleep 9' took longer than 4\.5 seconds") as caught:
            repo.execute("sleep 9", timeout=4.5)
        assert (caught.value.timeout, caught.value.state, caught.value.result) == (4.5, "", None)
        assert clock.now - 1000 == pytest.approx(15)
        assert service.bodies[0]["timeout_seconds"] == 5
        assert service.sent[-1] == CANCEL

    @pytest.mark.parametrize(
        "error", [KeyboardInterrupt(), SystemExit(), ForbiddenError("no", status_code=403)], ids=repr
    )
    def test_whatever_comes_in_between_cancels_it(self, service: SandboxService, error: BaseException) -> None:
        service.overrides[STATUS] = raises(error)
        with pytest.raises(type(error)) as caught:
            execute(service)
        assert caught.value is error
        assert service.sent == [CREATE, STATUS, CANCEL]

    def test_that_it_cannot_be_cancelled_hides_nothing(
        self, service: SandboxService, caplog: pytest.LogCaptureFixture
    ) -> None:
        service.overrides[STATUS] = raises(KeyboardInterrupt())
        service.overrides[CANCEL] = lambda: answer(403, {"message": "not yours"})
        with pytest.raises(KeyboardInterrupt), caplog.at_level(logging.WARNING, "tilde"):
            execute(service)
        assert "sandbox s1 was not cancelled and may still run" in caplog.text


class TestOutput:
    @pytest.mark.parametrize(
        ("behave", "kind"),
        [
            (lambda: answer(410, {"message": "kept no longer"}), GoneError),
            (ends_with(b"h", OutcomeUnknownError("cut")), OutcomeUnknownError),
        ],
        ids=["gone", "broken"],
    )
    def test_that_it_cannot_be_fetched_is_an_error_that_tells_how_it_ended(
        self, service: SandboxService, behave: Callable[[], Response], kind: type[TildeError]
    ) -> None:
        service.logs = [behave]
        with pytest.raises(kind, match=r"sandbox s1 ended as done \(committed\), with commit c1, but its output could"):
            execute(service)
        assert CANCEL not in service.sent

    def test_that_of_one_that_awaits_its_review(self, service: SandboxService) -> None:
        service.states = [AWAITING]
        service.logs = [lambda: answer(410, {"message": "kept no longer"})]
        with pytest.raises(GoneError, match=rf"to be reviewed at {REVIEW}, but its output could not be fetched"):
            execute(service)

    def test_much_of_it_lies_in_a_file(self, service: SandboxService) -> None:
        service.logs = [ends_with(*[b"x" * 1_000_000] * 20)]
        stdout = execute(service).stdout
        assert len(stdout) == 20_000_000
        assert stdout._spool.is_on_disk


class TestApproval:
    @pytest.fixture(autouse=True)
    def awaiting(self, service: SandboxService) -> None:
        service.states = [RUNNING, AWAITING]

    def test_it_warns_with_the_url_where_it_was_called(self, service: SandboxService) -> None:
        with pytest.warns(UserWarning, match=f"^Approval required - review and approve at: {REVIEW}$") as caught:
            result = repository(service)[0].execute("ls")
        assert caught[0].filename == __file__
        assert (result.commit_id, result.stdout.text()) == ("", "hello\n")
        assert result.status is not None
        assert result.status.is_awaiting_approval
        assert result.status.web_url == REVIEW

    def test_a_warning_that_is_an_error_cancels_nothing(self, service: SandboxService) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UserWarning, match=REVIEW):
                execute(service)
        assert service.sent == [CREATE, STATUS, STATUS, LOG]
