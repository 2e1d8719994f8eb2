"""The life of a shell: from the start of its sandbox to what became of its changes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox_service import COMMITTED, PLACE, status
from shells import RUNNING, Rig
from support import answer
from tilde.exceptions import (
    BadRequestError,
    ForbiddenError,
    NotSentError,
    SandboxError,
    ServerError,
    SessionClosedError,
    TildeError,
)
from tilde_core.http import Response
from tilde_core.sandbox_io.exec import RunningCommand

CREATE, FINISH, CANCEL = "POST /sandboxes", f"POST {PLACE}/finish", f"DELETE {PLACE}"


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig() as rig:
        yield rig


def refused(status_code: int, message: str = "not so") -> Any:
    return lambda: answer(status_code, {"message": message})


def unreachable() -> Response:
    raise NotSentError("no connection")


def test_commands_then_commit(rig: Rig) -> None:
    shell = rig.shell(image="python:3.12", env={"A": "b"}, timeout=99.5, mountpoint="/data", path_prefix="x/")
    assert (rig.service.sent, repr(shell)) == ([], "Shell(not open yet)")
    with shell as sh:
        assert sh is shell
        assert (sh.sandbox.id, repr(sh)) == ("s1", "Shell('s1', open)")
        with pytest.raises(TildeError, match="commits at the end of the block"):
            _ = sh.result
        assert sh.run("echo hello").stdout.text() == "hello\n"
        assert FINISH not in rig.service.sent
    assert rig.service.bodies[0] == {
        "image": "python:3.12",
        "env_vars": {"A": "b"},
        "timeout_seconds": 100,
        "mountpoint": "/data",
        "path_prefix": "x/",
        "mode": "service",
    }
    assert rig.service.sent == [CREATE, f"GET {PLACE}/status", FINISH, f"GET {PLACE}/status"]
    assert (sh.result.is_committed, sh.result.commit_id, repr(sh)) == (True, "c1", "Shell('s1', done (committed))")


def test_the_default_image(rig: Rig) -> None:
    with rig.shell():
        pass
    assert rig.service.bodies[0]["image"] == "ubuntu:22.04"


def test_it_is_waited_for_until_it_is_over(rig: Rig) -> None:
    starting = status("starting", "created")
    rig.service.states = [starting, starting, RUNNING, RUNNING, RUNNING, RUNNING, COMMITTED]
    with rig.shell() as sh:
        assert rig.service.count(f"GET {PLACE}/status") == 3
    assert sh.result.is_committed
    assert rig.service.count(f"GET {PLACE}/status") == 7


def test_nothing_changed(rig: Rig) -> None:
    rig.service.states = [RUNNING, status("done", "no_changes", exit_code=0)]
    with rig.shell() as sh:
        pass
    assert (sh.result.has_no_changes, sh.result.commit_id) == (True, "")


def test_a_review_is_warned_of_where_the_block_is(rig: Rig) -> None:
    url = "https://tilde.test/review/s1"
    rig.service.states = [RUNNING, status("done", "awaiting_approval", web_url=url)]
    with (
        pytest.warns(UserWarning, match=f"Approval required - review and approve at: {url}") as caught,
        rig.shell() as sh,
    ):
        pass
    assert caught[0].filename == __file__
    assert (sh.result.is_awaiting_approval, sh.result.web_url) == (True, url)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("failed", "commit_failed"),
        ("failed", "timeout"),
        ("errored", "exit_non_zero"),
        ("cancelled", "cancelled_by_user"),
    ],
)
def test_what_is_not_committed_raises(rig: Rig, state: str, reason: str) -> None:
    rig.service.states = [RUNNING, status(state, reason, error_message="a.txt was changed by another commit")]
    with (
        pytest.raises(
            SandboxError, match=rf"^shell\.close: sandbox s1 ended as {state} \({reason}\): a\.txt was"
        ) as caught,
        rig.shell() as sh,
    ):
        pass
    assert (caught.value.state, caught.value.status_reason, caught.value.sandbox_id) == (state, reason, "s1")
    assert sh.result.state == state


def test_one_that_has_ended_meanwhile(rig: Rig) -> None:
    """Finishing it is refused then, and its own end is what counts."""
    rig.service.states = [RUNNING, status("failed", "timeout")]
    rig.service.overrides[FINISH] = refused(409)
    with pytest.raises(SandboxError, match=r"ended as failed \(timeout\)"), rig.shell():
        pass
    assert CANCEL not in rig.service.sent


def test_one_that_cannot_be_finished_is_not_left_running(rig: Rig) -> None:
    rig.service.states = [RUNNING]
    rig.service.overrides[FINISH] = refused(403)
    with pytest.raises(ForbiddenError, match="not so"), rig.shell():
        pass
    assert rig.service.sent[-1] == CANCEL


def test_a_commit_that_cannot_be_followed_says_so(rig: Rig) -> None:
    with (
        pytest.raises(
            ServerError, match=r"was told to commit, but it is not known.*sandboxes\.get\('s1'\) tells: gone"
        ),
        rig.shell(),
    ):
        rig.service.overrides[f"GET {PLACE}/status"] = refused(500, "gone")
    assert CANCEL not in rig.service.sent


@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), KeyboardInterrupt(), SystemExit(3)])
def test_an_exception_rolls_back_and_stays_what_it_is(rig: Rig, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, rig.shell() as sh:
        raise error
    assert caught.value is error
    assert error.__context__ is None
    assert rig.service.sent[-1] == CANCEL
    assert FINISH not in rig.service.sent
    assert repr(sh) == "Shell('s1', ended)"
    with pytest.raises(TildeError, match="was dropped"):
        _ = sh.result


@pytest.mark.parametrize("failure", [refused(500, "broken"), unreachable, refused(403, "broken")])
def test_a_roll_back_that_fails_hides_nothing(rig: Rig, failure: Any, caplog: pytest.LogCaptureFixture) -> None:
    rig.service.overrides[CANCEL] = failure
    with caplog.at_level(logging.WARNING), pytest.raises(ZeroDivisionError) as caught, rig.shell():
        raise ZeroDivisionError("mine")
    note = "sandbox s1 was not cancelled and may still run: "
    assert note in caplog.text
    if sys.version_info >= (3, 11):
        assert caught.value.__notes__[0].startswith(note)


def test_ctrl_c_while_its_commands_are_ended_leaves_nothing_running(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(running: RunningCommand) -> None:
        raise KeyboardInterrupt

    shell = rig.shell()
    process = shell.__enter__().start("cat")
    with monkeypatch.context() as patch:
        patch.setattr(RunningCommand, "kill", interrupted)
        with pytest.raises(KeyboardInterrupt):
            shell.__exit__(None, None, None)
    assert rig.service.sent[-1] == CANCEL
    process.kill()


def test_a_start_that_fails_leaves_nothing_running(rig: Rig) -> None:
    rig.service.states = [status("failed", "image_not_found", error_message="no such image")]
    message = r"^repositories\.shell: sandbox s1 ended as failed \(image_not_found\)"
    with pytest.raises(SandboxError, match=message), rig.shell():
        raise AssertionError("the block must not begin")
    rig.service.overrides[CREATE] = refused(400, "no")
    with pytest.raises(BadRequestError), rig.shell():
        raise AssertionError("the block must not begin")
    del rig.service.overrides[CREATE]
    rig.service.overrides[f"GET {PLACE}/status"] = refused(403)
    with pytest.raises(ForbiddenError), rig.shell():
        raise AssertionError("the block must not begin")
    assert rig.service.sent[-1] == CANCEL


def test_calls_outside_of_the_block_say_what_is_wrong(rig: Rig) -> None:
    shell = rig.shell()
    for call in (lambda: shell.run("ls"), lambda: shell.start("ls"), lambda: shell.sandbox):
        with pytest.raises(TildeError, match=r"not open yet: use it as `with repo\.shell\(\) as sh:`"):
            call()
    with shell, pytest.raises(SessionClosedError, match="can be used once"):
        shell.__enter__()
    for call in (lambda: shell.run("ls"), lambda: shell.start("ls")):
        with pytest.raises(SessionClosedError, match=r"the shell has ended; open another with repo\.shell\(\)"):
            call()
    with pytest.raises(SessionClosedError, match="can be used once"), shell:
        pass
    assert rig.service.count(CREATE) == 1
    assert rig.server.requests == []


def test_unusable_arguments_are_refused_before_anything_is_sent(rig: Rig) -> None:
    for options in ({"timeout": 0}, {"image": ""}, {"mountpoint": "data"}, {"path_prefix": "/x"}):
        with pytest.raises(ValueError, match=next(iter(options))):
            rig.shell(**options)
    assert rig.service.sent == []


@pytest.mark.parametrize("name", ["on_stdout", "on_stderr"])
def test_a_callback_that_cannot_be_called_is_refused_before_the_command_is_started(rig: Rig, name: str) -> None:
    async def wait_for(output: bytes) -> None: ...

    with rig.shell() as sh:
        with pytest.raises(TypeError, match=f"^{name} must be a function, not str"):
            sh.run("true", **{name: "print"})  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=f"^{name} must be a plain function"):
            sh.run("true", **{name: wait_for})  # type: ignore[arg-type]
    assert rig.server.requests == []


def test_a_command_that_fails_in_the_block_rolls_back(rig: Rig) -> None:
    with pytest.raises(TildeError, match="exit code 1 of 'false'"), rig.shell() as sh:
        sh.run("false", check=True)
    assert rig.service.sent[-1] == CANCEL
