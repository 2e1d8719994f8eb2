"""Commands: how they are started, what they are given, how they end. The same on every runner."""

from __future__ import annotations

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tilde_local.runner.base import CommandNotStarted

if TYPE_CHECKING:
    from tilde_local.runner.conftest import Start


def test_arguments_arrive_as_they_are(start: Start) -> None:
    arguments = ["", " ", "a b", "*", "$HOME", "ü€😀", "\n", "-n", "'\"\\", "\udcff"]
    done = start().run("python", "-c", "import os, sys; print([os.fsencode(a) for a in sys.argv[1:]])", *arguments)
    assert done.stdout.decode().strip() == str([os.fsencode(argument) for argument in arguments])


def test_a_very_long_argument_list(start: Start) -> None:
    arguments = ["x" * 100_000] * 15
    done = start().run("python", "-c", "import sys; print(len(''.join(sys.argv[1:])))", *arguments)
    assert done.stdout == b"1500000\n"


def test_the_environment_is_what_was_given(start: Start) -> None:
    sandbox = start()
    done = sandbox.run("env", "-0", env={"A": "b c\nd", "ü": "€"})
    seen = dict(line.split("=", 1) for line in done.stdout.decode().rstrip("\0").split("\0"))
    assert seen == {**sandbox.container.environment, "A": "b c\nd", "ü": "€"}


def test_commands_start_where_they_are_told(start: Start) -> None:
    sandbox = start({"data/x": ""})
    mountpoint = sandbox.container.mountpoint
    assert sandbox.run("pwd").stdout.decode() == f"{mountpoint}\n"
    assert sandbox.run("pwd", cwd=f"{mountpoint}/data").stdout.decode() == f"{mountpoint}/data\n"


@pytest.mark.parametrize("code", [0, 1, 2, 42, 255])
def test_exit_codes(start: Start, code: int) -> None:
    assert start().sh(f"exit {code}").code == code


@pytest.mark.parametrize(("name", "code"), [("TERM", 143), ("KILL", 137), ("SEGV", 139), ("HUP", 129), ("PIPE", 141)])
def test_signals_are_128_and_their_number(start: Start, name: str, code: int) -> None:
    assert start().sh(f"kill -{name} $$").code == code


def test_a_command_that_is_not_there(start: Start) -> None:
    with pytest.raises(CommandNotStarted, match="command not found: no-such-thing") as caught:
        start().run("no-such-thing")
    assert (caught.value.reason, caught.value.exit_code) == ("command_not_found", 127)


@pytest.mark.parametrize("argv", [["./script"], ["/"], ["./data"]])
def test_a_command_that_may_not_be_executed(start: Start, argv: list[str]) -> None:
    with pytest.raises(CommandNotStarted, match="permission denied") as caught:
        start({"script": "#!/bin/sh\n", "data/x": ""}).run(*argv)
    assert (caught.value.reason, caught.value.exit_code) == ("permission_denied", 126)


@pytest.mark.parametrize(
    ("content", "message"), [("#!/no/such/thing\n", "first line"), ("no program", "Exec format error")]
)
def test_a_file_that_is_no_program(start: Start, content: str, message: str) -> None:
    sandbox = start({"script": content})
    assert sandbox.sh("chmod +x script").code == 0
    with pytest.raises(CommandNotStarted, match=message) as caught:
        sandbox.run("./script")
    assert (caught.value.reason, caught.value.exit_code) == ("not_executable", 126)


def test_arguments_that_are_too_long(start: Start) -> None:
    with pytest.raises(CommandNotStarted, match="too long") as caught:
        start().run("true", "x" * 200_000)
    assert caught.value.reason == "too_long"


@pytest.mark.parametrize(
    ("argv", "env"),
    [([], {}), (["a\0b"], {}), (["true", "\ud800"], {}), (["true"], {"A=B": "c"}), (["true"], {"A": "\0"})],
)
def test_what_no_system_could_start(start: Start, argv: list[str], env: dict[str, str]) -> None:
    sandbox = start()
    with pytest.raises(CommandNotStarted) as caught:
        sandbox.run(*argv, env=env)
    assert caught.value.reason == "invalid_launch"
    assert sandbox.run("true").code == 0


def test_an_empty_name_is_not_found(start: Start) -> None:
    with pytest.raises(CommandNotStarted, match="command not found"):
        start().run("")


def test_a_working_directory_that_is_not_there(start: Start) -> None:
    with pytest.raises(CommandNotStarted, match="No such file") as caught:
        start().run("true", cwd="/no/such/place")
    assert caught.value.reason == "bad_cwd"


def test_programs_are_looked_up_in_the_given_path(start: Start) -> None:
    sandbox = start({"bin/hello": "#!/bin/sh\necho hello $1\n"})
    assert sandbox.sh("chmod +x bin/hello").code == 0
    path = f"{sandbox.container.mountpoint}/bin"
    assert sandbox.run("hello", "you", env={"PATH": f"/nowhere:{path}"}).stderr == b""
    with pytest.raises(CommandNotStarted, match="not found"):
        sandbox.run("hello", env={"PATH": "/nowhere"})


def test_python_is_the_server_s_and_knows_the_sdk(start: Start) -> None:
    done = start().run("python", "-c", "import sys, tilde; print(sys.prefix, bool(tilde.Client))")
    assert (done.code, done.stdout.decode()) == (0, f"{__import__('sys').prefix} True\n"), done.stderr


def test_stdin_arrives_and_ends(start: Start) -> None:
    data = os.urandom(3_000_000)
    done = start().run("sha256sum", stdin=data)
    assert done.stdout.decode().split()[0] == hashlib.sha256(data).hexdigest()


def test_nobody_reads_stdin(start: Start) -> None:
    assert start().run("true", stdin=bytes(1_000_000)).code == 0


def test_stdout_and_stderr_are_apart(start: Start) -> None:
    done = start().sh("echo out; echo err >&2")
    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")


def test_a_gigabyte_of_output(start: Start) -> None:
    reader, writer = os.pipe()
    process = start().start(["sh", "-c", "head -c 1000000000 /dev/zero"], stdout=writer)
    os.close(writer)
    seen = 0
    with os.fdopen(reader, "rb", buffering=0) as stream:
        while data := stream.read(1 << 20):
            seen += len(data)
    assert (process.wait(60), seen) == (0, 1_000_000_000)


def test_a_closed_output_ends_the_writer(start: Start) -> None:
    """As in any shell: what Python ignores is not ignored by its children."""
    assert start().run("bash", "-c", "yes | head -n 1; echo ${PIPESTATUS[0]}").stdout == b"y\n141\n"


def test_signals_are_as_a_shell_expects_them(start: Start) -> None:
    done = start().sh("grep -E '^(SigBlk|SigIgn)' /proc/self/status")
    # 32 and 33 are the C library's own, which it leaves ignored at times.
    own = 1 << 31 | 1 << 32
    assert [int(line.split()[1], 16) & ~own for line in done.stdout.splitlines()] == [0, 0]


def test_no_other_descriptors_are_inherited(start: Start) -> None:
    inherited = os.open("/", os.O_RDONLY)
    os.set_inheritable(inherited, True)
    try:
        done = start().run("python", "-c", "import os; print(sorted(os.listdir('/proc/self/fd')))")
    finally:
        os.close(inherited)
    # The fourth is the directory that is being listed.
    assert done.stdout == b"['0', '1', '2', '3']\n"


def test_waiting_has_an_end(start: Start) -> None:
    reader, writer = os.pipe()
    process = start().start(["cat"], stdin=reader)
    with pytest.raises(TimeoutError, match="still running"):
        process.wait(0.01)
    os.close(reader)
    os.close(writer)
    assert process.wait(60) == 0


def test_the_end_is_told_to_who_asked(start: Start) -> None:
    reader, writer = os.pipe()
    process = start().start(["cat"], stdin=reader)
    os.close(reader)
    codes: list[int] = []
    arrived = threading.Event()
    process.on_exit(codes.append)
    process.on_exit(lambda _: arrived.set())
    assert codes == []
    os.close(writer)
    assert arrived.wait(60)
    process.on_exit(codes.append)
    assert codes == [0, 0]


def test_many_commands_at_once(start: Start) -> None:
    sandbox = start()
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda number: sandbox.sh(f"echo {number}; exit {number}"), range(24)))
    assert [(each.code, each.stdout) for each in done] == [(n, b"%d\n" % n) for n in range(24)]


def test_commands_share_the_files(start: Start) -> None:
    sandbox = start({"a": "1"})
    assert sandbox.sh('echo 2 >> a; echo 3 > b; mkdir c; echo tmp > "$TMPDIR/x"').code == 0
    assert sandbox.sh('cat a b "$TMPDIR/x"').stdout == b"12\n3\ntmp\n"


def test_killing_a_command_ends_its_children(start: Start) -> None:
    reader, writer = os.pipe()
    process = start().start(["sh", "-c", "sh -c 'tail -f /dev/null; echo never' & echo started; wait"], stdout=writer)
    os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as stream:
        assert stream.read(8) == b"started\n"
        process.kill()
        assert process.wait(60) == 137
        # Whoever still lived would hold it open.
        assert stream.read() == b""


def test_killing_what_has_ended_does_nothing(start: Start) -> None:
    sandbox = start()
    process = sandbox.start(["true"])
    assert process.wait(60) == 0
    process.kill()
    assert (process.wait(60), sandbox.run("true").code) == (0, 0)


def test_killing_the_container_ends_everything(start: Start) -> None:
    sandbox = start()
    reader, writer = os.pipe()
    processes = [sandbox.start(["sh", "-c", "echo started; exec tail -f /dev/null"], stdout=writer) for _ in range(3)]
    os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as stream:
        seen = b""
        while seen.count(b"started") < 3:
            seen += stream.read(100)
        sandbox.container.kill()
        assert stream.read() == b""
    assert [process.wait(60) for process in processes] == [137, 137, 137]


def test_nothing_starts_in_a_container_that_was_killed(start: Start) -> None:
    sandbox = start()
    sandbox.container.kill()
    sandbox.container.kill()
    with pytest.raises(CommandNotStarted) as caught:
        sandbox.run("true")
    assert caught.value.reason == "container_gone"
    sandbox.container.close()
    sandbox.container.close()


def test_home_and_temporary_files_can_be_written_and_are_no_changes(start: Start) -> None:
    sandbox = start()
    assert sandbox.sh('touch "$HOME/x" "$TMPDIR/y" && cd && pwd').code == 0
    assert sandbox.changes() == ([], {}, {})
