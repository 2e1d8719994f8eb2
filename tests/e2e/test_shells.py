"""Shells and terminals, with real processes in the embedded server."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tilde import Client
from tilde.exceptions import CommandError, CommandTimeoutError, GoneError, SandboxError, SessionClosedError
from tilde.models import Repository, Shell, Terminal
from tilde.plugins import Clock
from tilde_local import Server

MIB = 1024 * 1024


@pytest.fixture
def sh(repo: Repository) -> Iterator[Shell]:
    with repo.shell() as sh:
        yield sh


def test_several_commands_make_one_commit(repo: Repository) -> None:
    with repo.session() as session:
        session.objects.put("in.csv", b"a,b\n1,2\n")
        session.commit("data")
    with repo.shell(image="python:3.12") as sh:
        assert sh.run("cat in.csv").stdout.text() == "a,b\n1,2\n"
        result = sh.run("wc -l < in.csv > out.txt; echo counted >&2; exit 3")
        assert (result.exit_code, result.stderr.text(), result.stdout.read()) == (3, "counted\n", b"")
        assert sh.run(["cat", "out.txt"], check=True).stdout.text().strip() == "2"
    assert sh.result is not None
    assert sh.result.is_committed
    latest = repo.latest()
    assert latest is not None
    assert (latest.id, [change.path for change in latest.diff()]) == (sh.result.commit_id, ["out.txt"])
    assert latest.message.endswith(": shell")
    with pytest.raises(SessionClosedError):
        sh.run("ls")


def test_nothing_changed(repo: Repository) -> None:
    with repo.shell() as sh:
        sh.run("true")
    assert sh.result is not None
    assert sh.result.has_no_changes


def test_an_exception_drops_all_changes(repo: Repository) -> None:
    with pytest.raises(CommandError), repo.shell() as sh:
        sh.run("echo x > made.txt; ls; exit 1", check=True)
    assert sh.sandbox.wait(timeout=60).state == "cancelled"
    assert repo.latest() is None


def test_variables_and_directory(sh: Shell) -> None:
    result = sh.run('mkdir -p "a b"; cd "a b"; pwd; echo "$A"', env={"A": "grüß dich"})
    where, greeting = result.stdout.iter_lines()
    assert greeting == "grüß dich"
    assert sh.run(["pwd"], cwd=where).stdout.text() == f"{where}\n"


def test_why_a_command_did_not_start(sh: Shell) -> None:
    with pytest.raises(CommandError, match=r"exit code 127 of 'no-such-program' \(.*not found.*no-such-program"):
        sh.run(["no-such-program"], check=True)
    assert sh.run(["no-such-program"]).exit_code == 127
    assert "/no/such/place" in sh.run("ls", cwd="/no/such/place").reason


@pytest.mark.parametrize("size", [0, 1, 20 * MIB])
def test_input_of_any_size_comes_back(sh: Shell, size: int) -> None:
    data = os.urandom(size)
    assert sh.run("cat", stdin=data).stdout.read() == data


def test_a_command_that_prints_before_it_reads(sh: Shell) -> None:
    result = sh.run("head -c 8000000 /dev/zero; cat", stdin=b"y" * 8_000_000)
    assert len(result.stdout) == 16_000_000


def test_a_command_that_reads_nothing(sh: Shell) -> None:
    assert sh.run("exit 5", stdin=itertools.repeat(b"x" * 100_000)).exit_code == 5


def test_output_comes_while_it_runs(sh: Shell) -> None:
    seen: list[bytes] = []

    def note(data: bytes) -> None:
        seen.append(data)
        sh.run("touch go-on")

    sh.run("echo one; until [ -e go-on ]; do sleep 0.02; done; echo two", on_stdout=note, timeout=60)
    assert b"".join(seen) == b"one\ntwo\n"


@pytest.mark.parametrize("stdin", [None, b"x" * 20 * MIB], ids=["no input", "input that nobody reads"])
def test_a_command_that_takes_too_long_is_ended(
    server: Server, transport: str, repo: Repository, stdin: bytes | None
) -> None:
    ahead = [0.0]
    clock = Clock(monotonic=lambda: time.monotonic() + ahead[0])

    def let_time_pass(data: bytes) -> None:
        ahead[0] = 3600.0

    with (
        Client(server.api_key, endpoint_url=server.endpoint_url, transport=transport, clock=clock) as client,
        client.repository(repo.path).shell() as sh,
    ):
        with pytest.raises(CommandTimeoutError) as caught:
            sh.run("echo $$ > pid; echo so far; sleep 600", timeout=600, stdin=stdin, on_stdout=let_time_pass)
        assert caught.value.result.stdout.text() == "so far\n"
        script = "until ! kill -0 $(cat pid) 2>/dev/null; do sleep 0.02; done; echo gone"
        assert sh.run(script, timeout=60).stdout.text() == "gone\n"


def test_handles(sh: Shell) -> None:
    process = sh.start('while read line; do echo "you said $line"; done; exit 3')
    lines = process.stdout.iter_lines()
    process.write(b"one\n")
    assert next(lines) == "you said one"
    assert process.poll() is None
    process.close_stdin()
    assert process.wait(60).exit_code == 3
    with sh.start("sleep 600") as sleeping:
        sleeping.kill()
    assert sleeping.poll() == 137


def test_many_at_once(sh: Shell) -> None:
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda number: sh.run("cat", stdin=b"%d" % number), range(18)))
    assert [result.stdout.read() for result in results] == [b"%d" % number for number in range(18)]


def test_a_sandbox_that_is_cancelled_meanwhile(repo: Repository) -> None:
    with pytest.raises(SandboxError) as caught, repo.shell() as sh:
        sh.run("echo begun; sleep 600", on_stdout=lambda data: sh.sandbox.cancel())
    assert caught.value.state == "cancelled"


def test_terminal(repo: Repository) -> None:
    sandbox = repo.sandboxes.create(mode="interactive")
    with sandbox.terminal() as terminal:
        terminal.resize(columns=123, rows=45)
        terminal.send(b"echo $((40 + 2)); stty size; echo x > made.txt\n")
        shown_until(terminal, b"45 123")
        terminal.send(b"exit\n")
        list(terminal)
        assert terminal.exit_code == 0
    assert sandbox.wait(timeout=60).is_committed
    with pytest.raises(GoneError):
        sandbox.terminal()


def shown_until(terminal: Terminal, wanted: bytes) -> bytes:
    shown = b""
    while wanted not in shown:
        piece = terminal.receive(60)
        assert piece, shown
        shown += piece
    return shown
