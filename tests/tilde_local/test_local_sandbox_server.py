"""Sandboxes and the server that they are in: its options, its end, and what is left after it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tilde_local import Server, cli, serving
from tilde_local.errors import StartError
from tilde_local.runner.base import Limits
from tilde_local.sandboxes import engines
from tilde_local.sandboxes.settings import Settings

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Sandbox

Connect = Callable[[str, str], "Api"]
Running = Callable[["Sandbox"], "Sandbox"]
posix = pytest.mark.skipif(sys.platform == "win32", reason="there are no runners for Windows")


def is_running(server: Server, sandbox: Sandbox) -> bool:
    return server.services.sandboxes.wait_until(lambda: sandbox.state[0] == "running", 60)


@posix
def test_the_plain_runner_has_to_be_asked_for(connect: Connect) -> None:
    with Server(runner="plain") as server:
        assert server.isolation.startswith("plain: none: ")
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        repo.commit({"a.txt": b"a", "b.txt": b"b"})
        script = "cat a.txt; echo c > c.txt; rm b.txt; test $PWD = /sandbox || echo elsewhere"
        sandbox = repo.sandbox("sh", "-c", script)
        assert sandbox.end()["status_reason"] == "committed"
        assert sandbox.log() == "aelsewhere\n"
        assert sandbox.record["isolation"] == "plain"
        assert repo.get("/objects").paths == ["a.txt", "c.txt"]
        # A daemon that leaves its group keeps the pipe open, and nobody waits for it.
        shell = repo.sandbox(mode="service")
        assert is_running(server, shell)
        started = shell.run("sh", "-c", "setsid sleep 1000 < /dev/null & echo $!; pwd")
        assert started.exit == {"exit_code": 0}
        daemon, folder = started.stdout.split()
        assert Path(os.fsdecode(folder)).is_dir()
        os.kill(int(daemon), signal.SIGKILL)
        assert shell.call("POST", "/finish").status == 202
        assert shell.end()["status_reason"] == "no_changes"
    assert not Path(os.fsdecode(folder)).exists()


def test_where_nothing_can_isolate(
    monkeypatch: pytest.MonkeyPatch, connect: Connect, refused: Callable[..., None]
) -> None:
    why = "sandboxes cannot be isolated on this machine: no namespaces. `--runner plain` …"
    monkeypatch.setattr(engines, "why_namespaces_are_missing", lambda: why)
    with Server() as server:
        assert server.isolation == f"none can be run: {why}"
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        answer = repo.call("POST", "/sandboxes", None, {"image": "x"})
        refused(answer, 503, "no namespaces", "--runner plain", code="sandboxes_unavailable")
        assert repo.call("GET", "/sandboxes").results == []
    with pytest.raises(StartError, match=r"cannot run sandboxes: .*no namespaces"):
        Server(runner="namespaces").start()


def test_what_is_no_runner() -> None:
    with pytest.raises(ValueError, match=r"runner: one of auto, namespaces, docker, plain, or a Runner, got 'podman'"):
        Server(runner="podman")
    assert cli.RUNNERS == engines.RUNNERS


@pytest.mark.parametrize("name", ["at_once", "max_seconds", "output_bytes", "token_seconds"])
def test_numbers_that_are_none(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        Settings(**{name: 0})  # type: ignore[arg-type]


def test_limits_are_handed_on(connect: Connect) -> None:
    with Server(sandboxes=Settings(limits=Limits(file_bytes=1000))) as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        assert repo.sandbox("sh", "-c", "head -c 1001 /dev/zero > a").end()["status"] == "errored"
    with Server(sandboxes=Settings(max_seconds=1)) as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        assert repo.sandbox("sleep", "1000").end()["status_reason"] == "timeout"


def test_stopping_cancels(tmp_path: Path, connect: Connect) -> None:
    with Server(tmp_path, sandboxes=Settings(at_once=2)) as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        command = ["sh", "-c", "echo begun; echo x > x; sleep 1000"]
        made = [repo.sandbox(*command), repo.sandbox(mode="service"), repo.sandbox(*command)]
        assert is_running(server, made[0])
        assert is_running(server, made[1])
        logs: list[bytes] = []
        has_begun = threading.Event()

        def read() -> None:
            with made[0].follow() as log:
                logs.append(log.readline())
                has_begun.set()
                logs.append(log.read())

        reader = threading.Thread(target=read)
        reader.start()
        assert has_begun.wait(60)
        key, root = server.api_key, repo.root
    reader.join()
    assert logs == [b"begun\n", b""]
    assert sorted(path.name for path in (tmp_path / "sandboxes").iterdir()) == ["logs"]
    with Server(tmp_path) as server:
        again = connect(server.endpoint_url, key).repository(root)
        assert [type(each)(again, each.id).state for each in made] == [("cancelled", "user_initiated_cancel")] * 3
        assert again.get("/objects").paths == []


def test_nobody_who_does_not_read_holds_stopping_up(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_GRACE_SECONDS", 0.01)
    with Server() as server:
        sandbox = connect(server.endpoint_url, server.api_key).new_repository().sandbox(mode="service")
        assert is_running(server, sandbox)
        with ExitStack() as stack:
            idle, flooded = (stack.enter_context(sandbox.connect()) for _ in range(2))
            flooded.send_binary(b"\x00" + json.dumps({"cmd": ["head", "-c", "1000000000", "/dev/zero"]}).encode())
            assert flooded.recv()[:1] == b"\x03"
            server.stop()
            assert idle.recv() in ("", b"")


@posix
def test_a_server_that_is_killed(tmp_path: Path, connect: Connect, refused: Callable[..., None]) -> None:
    command = [sys.executable, "-m", "tilde_local", "serve", "--data-dir", str(tmp_path), "--sandboxes", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url, key = (process.stdout.readline().strip().partition("=")[2] for _ in range(2))
        repo = connect(url, key).new_repository()
        repo.commit({"a.txt": b"a"})
        active, waiting = repo.sandbox("sh", "-c", "echo begun; sleep 1000"), repo.sandbox("true")
        with active.follow() as log:
            assert log.readline() == b"begun\n"
            process.kill()
            process.wait()
        process.communicate()
    with Server(tmp_path) as server:
        again = connect(server.endpoint_url, key).repository(repo.root)
        for each in (active, waiting):
            seen = type(each)(again, each.id)
            assert seen.state == ("failed", "sandbox_lost")
            assert "rolled back" in again.call("DELETE", f"/sessions/{each.id}").json["message"]
            refused(seen.call("DELETE"), 409, "has ended")
        assert type(active)(again, active.id).log() == "begun\n"
        assert sorted(path.name for path in (tmp_path / "sandboxes").iterdir()) == ["logs"]
        assert again.sandbox("true").end()["status"] == "done"


@posix
def test_what_is_said_at_the_start() -> None:
    command = [sys.executable, "-W", "error", "-m", "tilde_local", "serve", "--runner", "plain"]
    options = ["--sandbox-memory", "512", "--sandbox-disk", "64", "--sandbox-seconds", "9", "--sandbox-host", "*.org"]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == 0
    assert lines[2].startswith("Sandboxes: plain: none: commands are ordinary processes")


@pytest.mark.parametrize("option", [["--runner", "podman"], ["--sandboxes", "0"], ["--sandbox-memory", "lots"]])
def test_options_that_make_no_sense(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["serve", *option])
    assert option[0] in capsys.readouterr().err


def test_a_host_that_makes_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", "--sandbox-host", "http://x"]) == 1
    assert "not a host: 'http://x'" in capsys.readouterr().err


def test_a_runner_of_ones_own(connect: Connect) -> None:
    """Which fails in every way that the protocol has."""
    from tilde_local.runner.base import Container, ContainerSpec, RunnerError

    class Broken:
        name = "broken"
        isolation = "complete: nothing ever runs"

        def start(self, spec: ContainerSpec) -> Container:
            if spec.image == "missing":
                raise RunnerError("image_not_found", "there is no image 'missing'")
            raise ZeroDivisionError

        def close(self) -> None:
            pass

    with Server(runner=Broken()) as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        ended = repo.sandbox("true", image="missing").end()
        assert (ended["status"], ended["status_reason"]) == ("failed", "image_not_found")
        assert ended["error_message"] == "there is no image 'missing'"
        ended = repo.sandbox("true").end()
        assert (ended["status"], ended["status_reason"]) == ("failed", "internal_error")
        assert repo.call("GET", "/sandboxes").results[0]["isolation"] == "broken"


def test_the_size_of_a_log_is_that_of_the_disk(connect: Connect) -> None:
    """1 GiB comes through a server whose memory does not grow by it."""
    program = (
        "import sys, tilde_local\n"
        "with tilde_local.Server() as server:\n"
        "    print(server.endpoint_url, server.api_key, flush=True)\n"
        "    sys.stdin.readline()\n"
        "    print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        url, key = process.stdout.readline().split()
        repo = connect(url, key).new_repository()
        sandbox, size = repo.sandbox("sh", "-c", "head -c 1073741824 /dev/zero"), 0
        with sandbox.follow() as log:
            while piece := log.read(1 << 20):
                size += len(piece)
        assert sandbox.state == ("done", "no_changes")
        process.stdin.write("\n")
        process.stdin.flush()
        peak = int(process.stdout.readline())
    assert size == 1 << 30
    assert peak < 200 * 1024, f"{peak} KiB"
