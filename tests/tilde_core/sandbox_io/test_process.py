"""`shell.start`: handles of real processes that are read, written to, waited for and killed, in any order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox_service import COMMITTED, status
from shells import RUNNING, Rig
from support import eventually
from tilde.exceptions import CommandError, CommandLostError, SandboxError, WaitTimeoutError
from tilde.models import Shell
from tilde_core.testing import ServerWebSocket, websocket

MIB = 1024 * 1024


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig() as rig:
        yield rig


@pytest.fixture
def sh(rig: Rig) -> Iterator[Shell]:
    with rig.shell() as sh:
        yield sh


def test_a_conversation(sh: Shell) -> None:
    process = sh.start('while read line; do echo "you said $line"; done; echo bye >&2; exit 3')
    lines = process.stdout.iter_lines()
    for word in ("one", "two"):
        process.write(f"{word}\n".encode())
        assert next(lines) == f"you said {word}"
    assert process.poll() is None
    assert "running" in repr(process)
    process.close_stdin()
    process.close_stdin()
    result = process.wait(60)
    assert (result.exit_code, result.stderr.text(), process.poll()) == (3, "bye\n", 3)
    assert list(lines) == []
    assert repr(process).endswith("ended)")
    assert result.stdout.text() == process.stdout.text() == "you said one\nyou said two\n"


def test_variables_and_directory(sh: Shell, tmp_path: Path) -> None:
    process = sh.start(["sh", "-c", "echo $A; pwd"], env={"A": "b"}, cwd=str(tmp_path))
    assert process.wait(60).stdout.text() == f"b\n{tmp_path.resolve()}\n"


def test_output_as_it_comes_and_again(sh: Shell) -> None:
    process = sh.start("echo one; read line; echo two >&2; read line; echo three")
    seen = []
    for event in process:
        seen.append(event)
        if len(seen) < 3:
            process.write(b"go on\n")
    assert seen == [("stdout", b"one\n"), ("stderr", b"two\n"), ("stdout", b"three\n")]
    assert list(process) == seen
    assert process.stdout.read() == b"one\nthree\n"
    assert list(process.stderr.iter_bytes(2)) == [b"tw", b"o\n"]
    assert process.wait().exit_code == 0


def test_nobody_reads_and_everything_is_there(sh: Shell) -> None:
    """More than any buffer or the memory for it holds: nothing gets stuck, whoever reads late reads all."""
    process = sh.start("head -c 30000000 /dev/zero; head -c 30000000 /dev/zero >&2")
    result = process.wait(60)
    assert (len(result.stdout), len(result.stderr)) == (30_000_000, 30_000_000)
    assert sum(len(chunk) for chunk in process.stderr.iter_bytes()) == 30_000_000
    assert sum(len(data) for _, data in process) == 60_000_000


def test_one_stream_is_read_to_its_end_before_the_other(sh: Shell) -> None:
    process = sh.start("head -c 3000000 /dev/zero >&2; echo out")
    assert process.stdout.text() == "out\n"
    assert len(process.stderr.read()) == 3_000_000


def test_much_is_written_while_nobody_reads(sh: Shell) -> None:
    process = sh.start("cat")
    process.write(b"x" * 20 * MIB)
    process.close_stdin()
    assert len(process.wait(60).stdout) == 20 * MIB


def test_many_readers_at_once(sh: Shell) -> None:
    process = sh.start("seq 20000; seq 20000 >&2")
    expected = "".join(f"{number}\n" for number in range(1, 20001))
    with ThreadPoolExecutor(6) as pool:
        texts = [pool.submit(process.stdout.text), pool.submit(process.stderr.text), pool.submit(process.stdout.text)]
        events = [pool.submit(list, process) for _ in range(3)]
        assert {future.result(60) for future in texts} == {expected}
        assert len({tuple(future.result(60)) for future in events}) <= 3
        for future in events:
            assert b"".join(data for name, data in future.result() if name == "stderr") == expected.encode()


def test_waiting_in_vain_ends_nothing(sh: Shell) -> None:
    process = sh.start("cat; exit 4")
    with pytest.raises(WaitTimeoutError, match=r"waited 0\.1 seconds for 'cat; exit 4', which still runs") as caught:
        process.wait(0.1)
    assert caught.value.timeout == 0.1
    with pytest.raises(ValueError, match="timeout"):
        process.wait(-1)
    assert process.poll() is None
    process.close_stdin()
    with pytest.raises(CommandError, match=r"exit code 4 of 'cat; exit 4'; it printed nothing") as failed:
        process.wait(30, check=True)
    assert failed.value.operation == "shell.start"


def test_kill(rig: Rig, sh: Shell) -> None:
    process = sh.start("echo started; trap '' TERM; sleep 100")
    assert next(iter(process)) == ("stdout", b"started\n")
    process.kill()
    assert (process.poll(), process.wait().exit_code, process.wait().stdout.text()) == (137, 137, "started\n")
    assert list(process) == [("stdout", b"started\n")]
    assert rig.commands.ended.wait(60)
    process.kill()
    assert sh.run("exit 8").exit_code == 8


def test_kill_wakes_up_who_waits(sh: Shell) -> None:
    process = sh.start("sleep 100")
    with ThreadPoolExecutor(2) as pool:
        waiting, reading = pool.submit(process.wait), pool.submit(process.stdout.read)
        process.kill()
        assert (waiting.result(60).exit_code, reading.result(60)) == (137, b"")


def test_kill_of_one_that_reads_nothing(rig: Rig, sh: Shell) -> None:
    process = sh.start("sleep 100")
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(process.write, b"x" * 20 * MIB)
        with pytest.raises(WaitTimeoutError):
            process.wait(0.3)
        process.kill()
        assert isinstance(writing.exception(60), CommandError)
    assert rig.commands.ended.wait(60)


def test_kill_after_the_end_changes_nothing(sh: Shell) -> None:
    process = sh.start("exit 5")
    assert process.wait(60).exit_code == 5
    process.kill()
    assert (process.poll(), process.wait().exit_code) == (5, 5)


def test_writing_to_one_that_has_ended(sh: Shell) -> None:
    process = sh.start("exit 5")
    process.wait(60)
    with pytest.raises(CommandError, match="'exit 5' has ended with exit code 5, and reads nothing more") as caught:
        process.write(b"x")
    assert (caught.value.exit_code, caught.value.result.exit_code) == (5, 5)
    process.close_stdin()
    with pytest.raises(ValueError, match="closed"):
        process.write(b"x")
    with pytest.raises(TypeError, match="stdin takes bytes, not str"):
        process.write("text")  # type: ignore[arg-type]


def test_as_a_context_manager(rig: Rig, sh: Shell) -> None:
    with sh.start("cat; exit 6") as process:
        process.write(b"to the end")
    assert (process.poll(), process.stdout.text()) == (6, "to the end")
    with pytest.raises(ZeroDivisionError), sh.start("sleep 100") as process:
        raise ZeroDivisionError
    assert process.poll() == 137
    assert rig.commands.ended.wait(60)


def test_what_still_runs_at_the_end_of_the_shell_is_ended(rig: Rig) -> None:
    with rig.shell() as sh:
        process = sh.start("sleep 100")
    assert process.poll() == 137
    assert rig.commands.ended.wait(60)


def test_a_handle_that_is_dropped_leaves_nothing_behind(rig: Rig) -> None:
    with rig.shell() as sh:
        sh.start("sleep 100")
    assert rig.commands.ended.wait(60)
    eventually(lambda: not {thread.name for thread in threading.enumerate()} & {"tilde-exec", "tilde-stdin"})


def test_a_connection_that_breaks(rig: Rig) -> None:
    rig.service.states = [RUNNING]
    gate = rig.server.gate()

    def serve(peer: ServerWebSocket) -> None:
        peer.receive()
        peer.send(b"\x03so far\nand")
        gate.wait()

    rig.next(websocket(serve))
    with rig.shell() as sh:
        process = sh.start("ls")
        lines = process.stdout.iter_lines()
        assert next(lines) == "so far"
        gate.set()
        with pytest.raises(CommandLostError, match="the connection to 'ls' broke") as caught:
            process.wait()
        calls = (lambda: list(lines), process.stdout.read, process.poll, lambda: list(process), process.wait)
        for call in (*calls, lambda: process.write(b"x")):
            with pytest.raises(CommandLostError):
                call()
        process.close_stdin()
        rig.service.states = [COMMITTED]
    assert caught.value.result.stdout.text() == "so far\nand"


def test_the_end_of_the_sandbox_is_told_as_such(rig: Rig) -> None:
    rig.service.states = [RUNNING, status("cancelled", "cancelled_by_user")]
    rig.next(websocket(lambda peer: None))
    with pytest.raises(SandboxError, match=r"s1 ended as cancelled \(cancelled_by_user\)"), rig.shell() as sh:
        sh.start("ls").wait()
    assert rig.service.count("GET /sandboxes/s1/status") == 2  # asked once, however often it is told
