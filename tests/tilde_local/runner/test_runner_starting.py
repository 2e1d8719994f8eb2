"""Starting: what a machine must have, what is refused, and what is left behind."""

from __future__ import annotations

import os
import platform
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tilde_local.runner import availability
from tilde_local.runner.base import Limits, Runner, RunnerError
from tilde_local.runner.namespaces import NamespacesRunner
from tilde_local.runner.plain import PlainRunner

if TYPE_CHECKING:
    from tilde_local.runner.conftest import Start


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def why(monkeypatch: pytest.MonkeyPatch) -> str:
    """The answer, asked anew."""
    monkeypatch.setattr(availability, "why_namespaces_are_missing", availability.why_namespaces_are_missing.__wrapped__)
    return availability.why_namespaces_are_missing() or ""


def test_other_systems_are_told_to_use_another_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    answer = why(monkeypatch)
    assert "takes Linux, and this is Darwin" in answer
    assert "`--runner plain` runs commands as ordinary processes of this machine, which isolates nothing" in answer


def test_other_processors_are_not_claimed_to_be_isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "_MACHINES", ("pdp11",))
    assert "processor of the kind pdp11, and this is" in why(monkeypatch)


def test_a_machine_that_forbids_namespaces_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: NamespacesRunner, spec: object) -> None:
        raise RunnerError("internal_error", "the sandbox did not start: unshare: Operation not permitted")

    monkeypatch.setattr(NamespacesRunner, "start", refuse)
    monkeypatch.setattr(platform, "release", lambda: "5.15.0-generic")
    answer = why(monkeypatch)
    assert "unshare: Operation not permitted (that takes Linux 6.6 or newer, and this is 5.15.0-generic)" in answer


@pytest.mark.parametrize(
    ("setting", "value", "uid", "advice"),
    [
        ("user/max_user_namespaces", "0\n", 0, "user.max_user_namespaces=10000"),
        ("kernel/unprivileged_userns_clone", "0\n", 1000, "kernel.unprivileged_userns_clone=1"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1\n", 1000, "kernel.apparmor_restrict_unprivileged_userns=0"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1\n", 0, None),
        ("user/max_user_namespaces", "63000\n", 1000, None),
    ],
)
def test_the_setting_that_forbids_namespaces_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: str, value: str, uid: int, advice: str | None
) -> None:
    def refuse(self: NamespacesRunner, spec: object) -> None:
        raise RunnerError("internal_error", "the sandbox did not start: unshare: No space left on device")

    place = tmp_path / setting
    place.parent.mkdir()
    place.write_text(value)
    monkeypatch.setattr(NamespacesRunner, "start", refuse)
    monkeypatch.setattr(availability, "_SETTINGS", tmp_path)
    monkeypatch.setattr(availability, "_KERNEL", (1, 0))
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(os, "chown", lambda *_: None)
    assert (
        why(monkeypatch)
        .partition(". `--runner plain`")[0]
        .endswith(
            f"(a setting of this machine forbids it: `sysctl -w {advice}` allows it)" if advice else "left on device"
        )
    )


@pytest.mark.usefixtures("namespaces")
def test_a_trial_that_goes_wrong_is_not_taken_for_isolation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "_PROBE", "exit 3")
    assert "a trial did not do what it should (exit code 3, changes [])" in why(monkeypatch)


@pytest.mark.usefixtures("namespaces")
def test_this_machine_isolates(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why(monkeypatch) == ""


def test_a_runner_says_what_it_isolates(start: Start) -> None:
    runner = start.runner
    assert runner.isolation.startswith({"namespaces": "Linux namespaces", "plain": "none:"}[runner.name])


@pytest.mark.parametrize(
    "mountpoint",
    ["", "/", "//", "/.", "relative", "/a/../b", "/usr", "/usr/x", "/etc", "/proc/x", "/dev", "/bin/x", "/tmp", "/home",
     "/home/sandbox", "/run/x", "/a\0b"],
)  # fmt: skip
def test_mountpoints_that_are_in_use(isolated: Start, mountpoint: str) -> None:
    with pytest.raises(RunnerError, match="cannot mount on") as caught:
        isolated(mountpoint=mountpoint)
    assert caught.value.reason == "storage_not_ready"


def test_a_container_that_does_not_start_leaves_nothing(isolated: Start) -> None:
    with pytest.raises(RunnerError):
        isolated(limits=Limits(disk_bytes=-1))
    before = descriptors()
    for _ in range(3):
        with pytest.raises(RunnerError, match="did not start") as caught:
            isolated(limits=Limits(disk_bytes=-1))
        assert caught.value.reason == "internal_error"
    assert descriptors() <= before  # fewer, where a server of another test has hung up meanwhile


def test_containers_leave_nothing(start: Start) -> None:
    def use() -> None:
        sandbox = start({"a": "a"})
        assert sandbox.sh("echo x > n; rm a").code == 0
        with sandbox.container.listen():
            pass
        assert sandbox.changes().written == {"n": b"x\n"}
        sandbox.container.close()

    use()
    before, threads = descriptors(), threading.active_count()
    for _ in range(3):
        use()
    assert descriptors() <= before
    assert threading.active_count() <= threads


def test_many_at_once(isolated: Start) -> None:
    with ThreadPoolExecutor(8) as threads:
        sandboxes = list(threads.map(lambda number: isolated({"n": str(number)}), range(16)))
        outputs = list(threads.map(lambda sandbox: sandbox.run("cat", "n").stdout, sandboxes))
    assert outputs == [str(number).encode() for number in range(16)]


def test_closing_the_runner_ends_its_containers(starter: Callable[[Runner], Start], tmp_path: Path) -> None:
    runner = PlainRunner(tmp_path / "plain")
    process = starter(runner)().start(["tail", "-f", "/dev/null"])
    runner.close()
    assert process.wait(60) == 137
    assert not (tmp_path / "plain").exists()


@pytest.mark.usefixtures("namespaces")
def test_closing_the_isolating_runner_too(starter: Callable[[Runner], Start], tmp_path: Path) -> None:
    runner = NamespacesRunner(tmp_path / "scratch")
    process = starter(runner)().start(["tail", "-f", "/dev/null"])
    runner.close()
    assert process.wait(60) == 137
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.usefixtures("namespaces")
def test_a_launcher_that_died_is_started_again(starter: Callable[[Runner], Start], tmp_path: Path) -> None:
    runner = NamespacesRunner(tmp_path / "scratch")
    start = starter(runner)
    before = start()
    launcher = runner._launcher._process
    assert launcher is not None
    launcher.send_signal(signal.SIGKILL)
    launcher.wait()
    assert start().run("true").code == 0
    # What it launched is not affected.
    assert before.run("true").code == 0
    runner.close()


@pytest.fixture
def in_background() -> Iterator[None]:
    """As a shell starts background jobs, and nohup."""
    numbers = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("in_background")
@pytest.mark.parametrize("kind", ["plain", "namespaces"])
def test_what_a_server_in_the_background_ignores_its_commands_do_not(
    starter: Callable[[Runner], Start], tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """Ctrl-C in a terminal would do nothing."""
    request.getfixturevalue(kind)  # skips where there is none
    runner = (PlainRunner if kind == "plain" else NamespacesRunner)(tmp_path / "scratch")
    sandbox = starter(runner)()
    for number in ("INT", "QUIT", "HUP"):
        assert sandbox.run("sh", "-c", f"kill -{number} $$; echo ignored").stdout == b""
    runner.close()


def test_leftovers_of_copies_are_removed_at_start(tmp_path: Path) -> None:
    (tmp_path / "plain" / "old" / "files").mkdir(parents=True)
    PlainRunner(tmp_path / "plain").close()
    assert not (tmp_path / "plain").exists()


def test_nothing_of_the_server_s_environment_is_passed_on(isolated: Start) -> None:
    os.environ["TILDE_TEST_SECRET"] = "secret"
    try:
        environment = isolated().container.environment
    finally:
        del os.environ["TILDE_TEST_SECRET"]
    assert sorted(environment) == [
        "HOME", "LANG", "LOGNAME", "PATH", "PYTHONDONTWRITEBYTECODE", "SHELL", "TMPDIR", "USER",
    ]  # fmt: skip
