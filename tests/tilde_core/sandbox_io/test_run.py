"""`shell.run`, with real processes behind real sockets, and servers that misbehave."""

from __future__ import annotations

import io
import itertools
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from exec_service import exit_message
from sandbox_service import PLACE, status
from shells import RUNNING, Rig
from support import eventually
from tilde.exceptions import (
    CommandError,
    CommandLostError,
    CommandTimeoutError,
    ForbiddenError,
    GoneError,
    OutcomeUnknownError,
    SandboxError,
    SerializationError,
    ServerError,
    TransportError,
)
from tilde.models import Shell
from tilde.plugins import Request, WebSocket
from tilde_core.sandbox_io.recording import Recording
from tilde_core.testing import ServerWebSocket, behaviors, websocket
from tilde_core.testing.websockets import PING, PONG

MIB = 1024 * 1024


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig() as rig:
        yield rig


@pytest.fixture
def sh(rig: Rig) -> Iterator[Shell]:
    with rig.shell() as sh:
        yield sh


class TestCommands:
    def test_text_goes_to_the_shell_and_a_list_does_not(self, rig: Rig, sh: Shell) -> None:
        result = sh.run("echo $((1 + 1)); echo oops >&2; exit 3")
        assert (result.stdout.text(), result.stderr.text(), result.exit_code) == ("2\n", "oops\n", 3)
        assert (result.commit_id, result.status, result.reason) == ("", None, "")
        assert 0 < result.duration < 60
        assert sh.run(["echo", "$((1 + 1))"]).stdout.text() == "$((1 + 1))\n"
        assert [launch["cmd"][0] for launch in rig.commands.launches] == ["sh", "echo"]

    def test_variables_and_directory(self, sh: Shell, tmp_path: Path) -> None:
        result = sh.run('echo "$GREETING"; pwd', env={"GREETING": "grüß dich"}, cwd=str(tmp_path))
        assert list(result.stdout.iter_lines()) == ["grüß dich", str(tmp_path.resolve())]

    def test_nothing_printed(self, sh: Shell) -> None:
        result = sh.run("true", check=True)
        assert (result.stdout.read(), result.stderr.read(), result.exit_code) == (b"", b"", 0)

    def test_results_outlive_the_shell(self, rig: Rig) -> None:
        with rig.shell() as sh:
            result = sh.run("printf 'a\\nb'")
        assert [list(result.stdout.iter_lines()) for _ in range(2)] == [["a", "b"]] * 2

    def test_check_raises_with_the_last_lines(self, sh: Shell) -> None:
        with pytest.raises(CommandError) as caught:
            sh.run("seq 1000 >&2; echo unseen; exit 4", check=True)
        error = caught.value
        last = "\n".join(str(number) for number in range(981, 1001))
        assert str(error) == (
            f"shell.run: exit code 4 of 'seq 1000 >&2; echo unseen; exit 4'; its last output was:\n{last}"
        )
        assert (error.exit_code, error.result.stdout.text()) == (4, "unseen\n")
        assert pickle.loads(pickle.dumps(error)).result.stdout.text() == "unseen\n"

    def test_a_signal_is_told_as_shells_do(self, sh: Shell) -> None:
        assert sh.run("kill -TERM $$").exit_code == 143

    def test_a_command_that_is_not_there(self, sh: Shell) -> None:
        with pytest.raises(CommandError, match=r"exit code 127 of 'no-such' \(command not found: no-such\)"):
            sh.run(["no-such"], check=True)
        assert sh.run(["no-such"]).reason == "command not found: no-such"

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ({"command": ""}, ValueError),
            ({"command": []}, ValueError),
            ({"command": b"ls"}, TypeError),
            ({"command": "ls", "env": {"A": 1}}, TypeError),
            ({"command": "ls", "cwd": 1}, TypeError),
            ({"command": "ls", "stdin": "text"}, TypeError),
            ({"command": "ls", "stdin": io.StringIO("text")}, TypeError),
            ({"command": "ls", "stdin": 5}, TypeError),
            ({"command": "ls", "timeout": -1}, ValueError),
            ({"command": "ls", "timeout": "1"}, TypeError),
        ],
    )
    def test_unusable_arguments_are_refused_before_anything_is_sent(
        self, rig: Rig, sh: Shell, arguments: dict[str, Any], error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            sh.run(**arguments)
        assert rig.server.requests == []

    def test_many_at_once(self, sh: Shell) -> None:
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda number: sh.run("cat; exit 7", stdin=b"%d" % number), range(24)))
        assert [result.stdout.read() for result in results] == [b"%d" % number for number in range(24)]
        assert {result.exit_code for result in results} == {7}

    def test_no_connection_is_left_open(self, rig: Rig, sh: Shell) -> None:
        others = set(threading.enumerate())
        sh.run("true")
        sh.run("cat", stdin=b"x")
        assert rig.connector._connector._open == set()  # type: ignore[attr-defined]
        left = {thread.name for thread in set(threading.enumerate()) - others}
        assert left & {"tilde-exec", "tilde-stdin"} == set()


class TestInput:
    def test_without_it_the_input_ends_at_once(self, sh: Shell) -> None:
        assert sh.run("cat; echo over").stdout.text() == "over\n"

    @pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 3 * MIB + 1])
    def test_bytes_of_any_size(self, sh: Shell, size: int) -> None:
        data = os.urandom(size)
        result = sh.run("cat; cat >&2", stdin=data)
        assert result.stdout.read() == data
        assert result.stderr.read() == b""

    def test_kinds_of_input(self, sh: Shell, tmp_path: Path) -> None:
        file = tmp_path / "input"
        file.write_bytes(b"head" + b"x" * 200_000)
        with file.open("rb") as opened:
            opened.seek(4)
            assert sh.run("wc -c", stdin=opened).stdout.text().strip() == "200000"
            assert not opened.closed
        assert sh.run("cat", stdin=io.BytesIO(b"from memory")).stdout.text() == "from memory"
        assert sh.run("cat", stdin=(b"%d," % number for number in range(5))).stdout.text() == "0,1,2,3,4,"
        assert sh.run("cat", stdin=[b"a", bytearray(b"b"), memoryview(b"c"), b""]).stdout.text() == "abc"
        assert sh.run("cat", stdin=memoryview(b"abc")[1:]).stdout.text() == "bc"

    def test_the_output_of_another_command(self, sh: Shell) -> None:
        assert sh.run("cat", stdin=sh.run("echo done").stdout).stdout.text() == "done\n"
        first = sh.start("cat; echo the end")
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(sh.run, "cat", stdin=first.stdout)
            first.write(b"while it runs\n")
            first.close_stdin()
            assert second.result(60).stdout.text() == "while it runs\nthe end\n"

    def test_a_command_that_reads_none_of_it(self, sh: Shell) -> None:
        """More than any buffer holds: who writes is stopped, and that is no error."""
        assert sh.run("exit 5", stdin=b"x" * 20 * MIB).exit_code == 5
        assert sh.run("exit 6", stdin=itertools.repeat(b"x" * 100_000)).exit_code == 6

    def test_a_source_that_never_gives_anything_holds_up_nobody(self, sh: Shell) -> None:
        gate = threading.Event()

        def stuck() -> Iterator[bytes]:
            gate.wait()
            yield b"late"

        assert sh.run("exit 7", stdin=stuck()).exit_code == 7
        gate.set()

    def test_a_command_that_prints_before_it_reads(self, sh: Shell) -> None:
        """Both directions fill up if either waits for the other."""
        result = sh.run("head -c 8000000 /dev/zero; cat", stdin=b"y" * 8_000_000)
        assert result.stdout.read() == bytes(8_000_000) + b"y" * 8_000_000

    def test_what_the_source_raises_ends_the_command(self, rig: Rig, sh: Shell) -> None:
        def broken() -> Iterator[bytes]:
            yield b"some"
            raise ZeroDivisionError("mine")

        with pytest.raises(ZeroDivisionError, match="mine"):
            sh.run("cat; sleep 100", stdin=broken())
        assert rig.commands.ended.wait(60)

    def test_an_error_of_ours_from_the_source_too(self, rig: Rig, sh: Shell) -> None:
        """As when it reads an object while the command runs."""

        def broken() -> Iterator[bytes]:
            raise OutcomeUnknownError("the object cannot be read")
            yield b""

        with pytest.raises(OutcomeUnknownError, match=r"^the object cannot be read$"):
            sh.run("cat; sleep 100", stdin=broken())
        assert rig.commands.ended.wait(60)

    def test_a_source_of_something_else(self, rig: Rig, sh: Shell) -> None:
        with pytest.raises(TypeError, match="stdin gave str instead of bytes"):
            sh.run("cat; sleep 100", stdin=["text"])  # type: ignore[list-item]
        assert rig.commands.ended.wait(60)


class TestCallbacks:
    def test_bytes_come_while_it_runs(self, sh: Shell, tmp_path: Path) -> None:
        """The command goes on only when the callback has seen the line before."""
        # One each: who opens the same one again may find the writer of before, and the end of what that had to say.
        first, second = fifos = [tmp_path / "first", tmp_path / "second"]
        for fifo in fifos:
            os.mkfifo(fifo)
        seen: list[tuple[str, bytes, bool]] = []
        here = threading.current_thread()

        def out(data: bytes) -> None:
            seen.append(("out", data, threading.current_thread() is here))
            fifos.pop(0).write_text("go on\n")

        def err(data: bytes) -> None:
            seen.append(("err", data, threading.current_thread() is here))

        script = f'echo one; read line < {first}; echo "$line" >&2; echo two; read line < {second}'
        result = sh.run(script, on_stdout=out, on_stderr=err)
        assert seen[0] == ("out", b"one\n", True)
        assert sorted(seen[1:]) == [("err", b"go on\n", True), ("out", b"two\n", True)]
        assert (result.stdout.text(), result.stderr.text()) == ("one\ntwo\n", "go on\n")

    def test_one_of_them_is_enough(self, sh: Shell) -> None:
        seen: list[bytes] = []
        sh.run("echo a; echo b >&2", on_stderr=seen.append)
        assert seen == [b"b\n"]

    def test_the_order_of_both_is_kept(self, rig: Rig, sh: Shell) -> None:
        printed = [
            (b"\x04", b"e1"),
            (b"\x03", b"o1"),
            (b"\x03", b"o2"),
            (b"\x04", b"e2"),
            (b"\x03", b""),
            (b"\x03", b"o3"),
        ]

        def serve(peer: ServerWebSocket) -> None:
            for kind, data in printed:
                peer.send(kind + data)
            peer.send(exit_message(exit_code=0))
            peer.receive()

        rig.next(websocket(serve))
        seen: list[bytes] = []
        result = sh.run("ls", on_stdout=seen.append, on_stderr=seen.append)
        assert b"".join(seen) == b"e1o1o2e2o3"
        assert (result.stdout.read(), result.stderr.read()) == (b"o1o2o3", b"e1e2")

    def test_what_they_raise_ends_the_command(self, rig: Rig, sh: Shell) -> None:
        def refuse(data: bytes) -> None:
            raise ZeroDivisionError(data)

        with pytest.raises(ZeroDivisionError, match="one"):
            sh.run("echo one; sleep 100", on_stdout=refuse, stdin=itertools.repeat(b"x" * 100_000))
        assert rig.commands.ended.wait(60)
        assert sh.run("echo still there").stdout.text() == "still there\n"

    def test_what_they_raise_does_not_wait_for_input_that_nobody_reads(self, rig: Rig, sh: Shell) -> None:
        def refuse(data: bytes) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            sh.run("head -c 1; sleep 100", on_stdout=refuse, stdin=b"x" * 20 * MIB)
        assert rig.commands.ended.wait(60)


class TestTimeOuts:
    @pytest.mark.parametrize("script", ["echo so far; echo err >&2; sleep 100", "echo so far; while :; do echo; done"])
    @pytest.mark.parametrize("with_callback", [False, True])
    def test_it_is_ended_and_what_it_printed_is_told(
        self, rig: Rig, sh: Shell, script: str, with_callback: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wait = Recording.wait
        seen: list[bytes] = []

        def see(data: bytes) -> None:
            seen.append(data)
            rig.clock.sleep(3600)

        def wait_too_long(recording: Recording, deadline: float | None) -> None:
            if not with_callback and deadline is not None:
                eventually(lambda: len(recording.stdout) > 0)
                rig.clock.sleep(3600)
            wait(recording, deadline)

        monkeypatch.setattr(Recording, "wait", wait_too_long)
        with pytest.raises(CommandTimeoutError, match=r"took longer than 600\.5 seconds, and was ended") as caught:
            sh.run(script, timeout=600.5, on_stdout=see if with_callback else None, stdin=b"x" * 20 * MIB)
        error = caught.value
        assert isinstance(error, TimeoutError)
        assert error.timeout == 600.5
        assert error.result.stdout.read().startswith(b"so far\n")
        assert error.result.exit_code is None
        assert bool(seen) is with_callback
        assert rig.commands.ended.wait(60)
        assert sh.run("exit 9").exit_code == 9

    def test_a_server_that_never_answers(self, rig: Rig) -> None:
        gate = rig.server.gate()
        rig.next(websocket(lambda peer: _wait(gate)))
        rig.service.states = [RUNNING]
        client = rig.client.with_options(timeout=2)
        with pytest.raises(CommandLostError, match=r"nothing for 2 seconds"), client.repository("o/r").shell() as sh:
            sh.run("ls")

    def test_silence_is_no_time_out(self, rig: Rig) -> None:
        """A command may be silent for longer than the client waits for answers: pings go back and forth."""

        def serve(peer: ServerWebSocket) -> None:
            pings = 0
            while pings < 4:  # of which there are three in the time of `timeout`
                frame = peer.read_frame()
                assert frame is not None
                if frame.opcode == PING:
                    pings += 1
                    peer.send_frame(PONG, frame.data)
            peer.send(exit_message(exit_code=9))
            peer.receive()

        rig.next(websocket(serve))
        with rig.client.with_options(timeout=2).repository("o/r").shell() as sh:
            assert sh.run("sleep 600").exit_code == 9


def _wait(gate: threading.Event) -> None:
    gate.wait()


def dies(*messages: bytes, how: str = "hang_up") -> Any:
    def serve(peer: ServerWebSocket) -> None:
        peer.receive()
        for message in messages:
            peer.send(message)
        (getattr(peer, how, None) or getattr(peer.exchange, how))()

    return websocket(serve)


class Unsendable:
    """A connector, and its one connection: it opens, and then takes nothing."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.closed = 0

    def connect(self, request: Request) -> WebSocket:
        return self

    def send(self, data: bytes) -> None:
        raise self.error

    def receive(self, timeout: float | None = None) -> bytes | None:
        raise AssertionError("nothing was sent")

    def close(self) -> None:
        self.closed += 1


class TestBrokenConnections:
    @pytest.mark.parametrize(
        ("error", "raised"),
        [(OutcomeUnknownError("hung up"), CommandLostError), (KeyboardInterrupt(), KeyboardInterrupt)],
    )
    def test_a_command_that_cannot_be_sent(self, error: BaseException, raised: type[BaseException]) -> None:
        connector = Unsendable(error)
        with Rig(connector=connector) as rig:
            rig.service.states = [RUNNING]
            with pytest.raises(raised) as caught, rig.shell() as sh:
                sh.run("ls")
            assert connector.closed == 1
        assert caught.value is error or caught.value.__cause__ is error

    @pytest.mark.parametrize("how", ["hang_up", "reset", "close"])
    def test_it_raises_with_the_output_so_far(self, rig: Rig, how: str) -> None:
        rig.service.states = [RUNNING]
        rig.next(dies(b"\x03so far", b"\x04err", how=how))
        with (
            pytest.raises(CommandLostError, match="the connection to 'ls' broke, which ends it") as caught,
            rig.shell() as sh,
        ):
            sh.run("ls")
        error = caught.value
        assert isinstance(error, OutcomeUnknownError)
        assert error.operation == "shell.run"
        if how != "reset":  # it may overtake what was sent before
            assert (error.result.stdout.read(), error.result.stderr.read()) == (b"so far", b"err")
        assert error.result.exit_code is None
        assert isinstance(error.__cause__, TransportError)
        assert pickle.loads(pickle.dumps(error)).result.stdout.read() == error.result.stdout.read()

    def test_why_the_service_closed_it(self, rig: Rig) -> None:
        rig.service.states = [RUNNING]
        rig.next(websocket(lambda peer: peer.close(1011, "the pod is gone")))
        with pytest.raises(CommandLostError, match="1011: the pod is gone"), rig.shell() as sh:
            sh.run("ls")

    def test_the_end_of_the_sandbox_is_told_as_such(self, rig: Rig) -> None:
        failed = status("failed", "timeout", error_message="it ran for longer than 60 s")
        rig.service.states = [RUNNING, RUNNING, failed]
        rig.next(dies(b"\x03so far"))
        with (
            pytest.raises(SandboxError, match=r"s1 ended as failed \(timeout\): it ran for longer than 60 s") as caught,
            rig.shell() as sh,
        ):
            sh.run("ls", check=False)
        assert (caught.value.state, caught.value.status_reason) == ("failed", "timeout")
        assert caught.value.result.stdout.read() == b"so far"

    def test_a_connection_that_cannot_be_opened_any_more(self, rig: Rig) -> None:
        rig.service.states = [RUNNING, status("cancelled", "cancelled_by_user")]
        rig.next(behaviors.answer(410, b'{"message": "Sandbox has already finished"}'))
        with pytest.raises(SandboxError, match="ended as cancelled") as caught, rig.shell() as sh:
            sh.run("ls")
        assert isinstance(caught.value.__cause__, GoneError)

    @pytest.mark.parametrize(("code", "kind"), [(403, ForbiddenError), (410, GoneError), (503, ServerError)])
    def test_refusals_stay_what_they_are_while_the_sandbox_runs(
        self, rig: Rig, code: int, kind: type[Exception]
    ) -> None:
        rig.service.states = [RUNNING]
        rig.next(*[behaviors.answer(code, b'{"message": "not like this"}')] * 4)
        with pytest.raises(kind, match=r"^shell\.run: not like this"), rig.shell() as sh:
            sh.run("ls")
        assert len(rig.server.requests) == (4 if code == 503 else 1)
        # Who may not run it hears so at once; else the sandbox may be about to say that it has ended.
        assert (rig.service.count(f"GET {PLACE}/status") == 1) is (code < 404)

    def test_not_ready_is_tried_again(self, rig: Rig, sh: Shell) -> None:
        rig.next(behaviors.answer(503), behaviors.hang_up(), behaviors.reset_after_request())
        assert sh.run("echo here").stdout.text() == "here\n"

    def test_an_exit_without_a_code_is_a_failure_of_the_sandbox(self, rig: Rig, sh: Shell) -> None:
        rig.next(dies(exit_message(reason="internal_error", error="no disk")))
        with pytest.raises(SandboxError, match="'ls' was not run to its end: internal error: no disk") as caught:
            sh.run("ls", check=False)
        assert caught.value.status_reason == "internal_error"

    @pytest.mark.parametrize("seconds", [0, 10])
    def test_a_command_that_ended_with_its_sandbox(self, rig: Rig, seconds: int) -> None:
        """Its end may be told a while before the service has written it down."""
        rig.service.states = [RUNNING, *[RUNNING] * seconds, status("failed", "timeout")]
        told = exit_message(exit_code=137, reason="sandbox_ended", error="the sandbox has ended")
        rig.next(dies(b"\x03so far", told, how="close"))
        with pytest.raises(SandboxError, match=r"ended as failed \(timeout\)") as caught, rig.shell() as sh:
            sh.run("ls", check=False)
        assert caught.value.result.stdout.read() == b"so far"

    def test_an_exit_that_cannot_be_read(self, rig: Rig, sh: Shell) -> None:
        rig.next(dies(b"\x05{"))
        with pytest.raises(SerializationError):
            sh.run("ls")

    def test_what_is_not_known_is_passed_over(self, rig: Rig, sh: Shell) -> None:
        rig.next(dies(b"\x09?", b"", b"\x03a", exit_message(exit_code=0), how="close"))
        assert sh.run("ls").stdout.text() == "a"

    def test_output_in_one_huge_frame_and_text_cut_in_a_character(self, rig: Rig, sh: Shell) -> None:
        text = "ß€😀" * 500_000
        data = text.encode()
        rig.next(dies(b"\x03" + data[:3_000_001], b"\x03" + data[3_000_001:], exit_message(exit_code=0), how="close"))
        result = sh.run("ls")
        assert result.stdout.text() == text
        assert "".join(result.stdout.iter_text(1000)) == text


def test_ctrl_c_ends_the_command(tmp_path: Path) -> None:
    script = """
import signal
from shells import Rig

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs with it ignored
with Rig() as rig:
    try:
        with rig.shell() as sh:
            sh.run("echo; sleep 100", on_stdout=lambda data: print(flush=True))
    except KeyboardInterrupt:
        print(rig.commands.ended.wait(60), rig.service.sent[-1])
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "True DELETE /sandboxes/s1\n"


MEMORY = """
import json, resource, sys
from shells import Rig

def pieces():
    for _ in range(1600):
        yield b"x" * 65536

with Rig() as rig, rig.shell() as sh:
    sh.run("true")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counted = 0
    def count(data):
        global counted
        counted += len(data)
    result = sh.run("cat", stdin=pieces(), on_stdout=count)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps([counted, len(result.stdout), result.exit_code, grown]))
"""


def test_a_hundred_megabytes_both_ways_take_little_memory() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", MEMORY],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=True,
        capture_output=True,
    )
    counted, size, exit_code, grown = json.loads(answer.stdout)
    assert (counted, size, exit_code) == (1600 * 65536, 1600 * 65536, 0)
    assert grown < 48 * 1024, f"{grown} KiB more"  # of which 8 MiB are kept on purpose, and the server is in here too
