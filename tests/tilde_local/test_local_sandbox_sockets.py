"""The two WebSockets of a sandbox: commands, and terminals."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import websocket

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Repo, Sandbox

Running = Callable[["Sandbox"], "Sandbox"]


@pytest.fixture
def shell(repo: Repo, running: Running) -> Iterator[Sandbox]:
    """A sandbox in service mode."""
    sandbox = running(repo.sandbox(mode="service", env_vars={"A": "of sandbox", "B": "of sandbox"}))
    yield sandbox
    sandbox.call("DELETE")
    sandbox.log()


def launch(connection: websocket.WebSocket, *command: str) -> None:
    connection.send_binary(b"\x00" + json.dumps({"cmd": command}).encode())


def test_a_command(shell: Sandbox) -> None:
    ran = shell.run("sh", "-c", "echo out; echo err >&2; cat; exit 3", stdin=b"given")
    assert (ran.stdout, ran.stderr, ran.exit) == (b"out\ngiven", b"err\n", {"exit_code": 3})


def test_variables_and_directory(shell: Sandbox) -> None:
    ran = shell.run("sh", "-c", "echo $A $B $TILDE_SANDBOX_ID; pwd", env={"B": "of call", "TILDE_SANDBOX_ID": "x"})
    assert ran.stdout.decode() == f"of sandbox of call {shell.id}\n/sandbox\n"
    assert shell.run("pwd", cwd="/usr").stdout == b"/usr\n"


@pytest.mark.parametrize(
    ("launched", "code", "reason", "words"),
    [
        ({"cmd": ["no-such-program"]}, 127, "command_not_found", "no-such-program"),
        ({"cmd": ["/etc/passwd"]}, 126, "permission_denied", "/etc/passwd"),
        ({"cmd": ["ls"], "cwd": "/nowhere"}, 126, "bad_cwd", "/nowhere"),
        ({"cmd": []}, 126, "invalid_launch", "cmd"),
        ({"cmd": ["ls", "\0"]}, 126, "invalid_launch", "null"),
        ({"cmd": ["ls"], "env": {"A=B": "x"}}, 126, "invalid_launch", "env"),
        ({"cmd": "ls"}, 126, "invalid_launch", "array"),
        (None, 126, "invalid_launch", "0x00"),
    ],
)
def test_a_command_that_cannot_start(
    shell: Sandbox, ran: Any, launched: Any, code: int, reason: str, words: str
) -> None:
    with shell.connect() as connection:
        connection.send_binary(b"\x01" if launched is None else b"\x00" + json.dumps(launched).encode())
        exit_ = ran(connection).exit
    assert (exit_["exit_code"], exit_["reason"]) == (code, reason)
    assert words in exit_["error"]


def test_a_lot_in_and_out_of_a_command(shell: Sandbox, ran: Any) -> None:
    """As much as no buffer takes, both ways at once."""
    piece, count = bytes(range(256)) * 256, 512

    with shell.connect() as connection:
        launch(connection, "cat")

        def feed() -> None:
            for _ in range(count):
                connection.send_binary(b"\x01" + piece)
            connection.send_binary(b"\x02")

        feeder = threading.Thread(target=feed)
        feeder.start()
        read = ran(connection)
        feeder.join()
    assert read.exit == {"exit_code": 0}
    assert read.stdout == piece * count


def test_a_command_that_reads_nothing(shell: Sandbox, ran: Any) -> None:
    with shell.connect() as connection:
        launch(connection, "sh", "-c", "exec <&-; echo closed")
        connection.settimeout(60)
        for _ in range(100):
            try:
                connection.send_binary(b"\x01" + b"x" * 65_536)
            except OSError:  # it has ended and hung up meanwhile
                break
        assert ran(connection).stdout == b"closed\n"


# How much process 1 of the arguments has written by the time that it comes no further.
STALLED = """
import os, sys
def written():
    with open(f"/proc/{sys.argv[1]}/io") as counts:
        return next(int(line.split()[1]) for line in counts if line.startswith("wchar"))
last, same = -1, 0
while same < 20_000:
    os.sched_yield()
    now = written()
    last, same = now, same + 1 if now == last else 0
print(last)
"""


def test_a_client_that_does_not_read_fills_no_memory(shell: Sandbox) -> None:
    """The command stands still with him: of 1 GiB it comes no further than the buffers on the way."""
    with shell.connect() as connection:
        launch(connection, "sh", "-c", "echo $$; exec head -c 1073741824 /dev/zero")
        first = connection.recv()
        assert isinstance(first, bytes)
        # Others go on, and see it stand.
        stalled = shell.run("python", "-c", STALLED, first[1:].split()[0].decode())
        assert stalled.exit == {"exit_code": 0}, stalled
        assert int(stalled.stdout) < 64 << 20


def test_commands_run_side_by_side(shell: Sandbox, ran: Any) -> None:
    with shell.connect() as first, shell.connect() as second:
        launch(first, "sh", "-c", "mkfifo /tmp/a && echo made && cat /tmp/a")
        assert first.recv() == b"\x03made\n"
        launch(second, "sh", "-c", "echo hello > /tmp/a")
        assert ran(second).exit == {"exit_code": 0}
        assert ran(first).stdout == b"hello\n"


def test_a_daemon_holds_nobody_up(shell: Sandbox) -> None:
    assert shell.run("sh", "-c", "mkfifo /tmp/end; (cat /tmp/end; echo late > late) & echo now").stdout == b"now\n"
    # It goes on all the same, for the commands that come.
    assert shell.run("sh", "-c", "echo > /tmp/end; while ! test -e late; do :; done").exit == {"exit_code": 0}


@pytest.mark.parametrize("feeds", [False, True])
def test_a_client_who_leaves_takes_his_command_along(shell: Sandbox, ran: Any, feeds: bool) -> None:
    """Also if he has sent what the command does not read, behind which nothing more is taken from him."""
    with shell.connect() as other:
        with shell.connect() as connection:
            launch(connection, "sh", "-c", "mkfifo /tmp/alive; echo 1; exec 3> /tmp/alive; echo 2; sleep 1000")
            assert connection.recv() == b"\x031\n"
            launch(other, "cat", "/tmp/alive")
            assert connection.recv() == b"\x032\n"
            if feeds:
                fill(connection)
        # Reading ends once nobody has it open to write.
        assert ran(other).exit == {"exit_code": 0}


def fill(connection: websocket.WebSocket) -> None:
    """Send to standard input until the network takes no more, and be ready to leave without waiting for it."""
    frame = websocket.ABNF.create_frame(b"\x01" + b"x" * 65_536, websocket.ABNF.OPCODE_BINARY).format()
    assert connection.sock is not None
    connection.sock.settimeout(0.5)
    with pytest.raises(TimeoutError):
        connection.sock.sendall(frame * 1000)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


STOPS_OTHERS = """
import os, signal
def others():
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}
known = others()
print("ready", flush=True)
while True:
    for pid in others() - known:
        try:
            os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError:
            pass
"""


def test_commands_that_are_kept_from_starting_hold_nobody_else_up(repo: Repo, running: Running) -> None:
    """The server has 40 threads for all its work."""
    sandbox = running(repo.sandbox("python", "-c", STOPS_OTHERS))
    with sandbox.follow() as log, ExitStack() as stack:
        assert log.readline() == b"ready\n"
        for _ in range(50):
            launch(stack.enter_context(sandbox.connect()), "true")
        assert repo.sandbox("true").end()["status"] == "done"
        assert sandbox.call("DELETE").status == 202
        assert log.read() == b""


def test_the_sandbox_ends_under_a_command(shell: Sandbox, ran: Any) -> None:
    with shell.connect() as connection:
        launch(connection, "sh", "-c", "echo begun; sleep 1000")
        assert connection.recv() == b"\x03begun\n"
        shell.call("DELETE")
        exit_ = ran(connection).exit
    assert (exit_["exit_code"], exit_["reason"]) == (137, "sandbox_ended")


def test_commands_in_a_sandbox_that_has_one_of_its_own(repo: Repo, running: Running) -> None:
    sandbox = running(repo.sandbox("sh", "-c", "while ! test -e go; do :; done; rm go; cat note"))
    assert sandbox.run("sh", "-c", "echo from exec > note").exit == {"exit_code": 0}
    sandbox.run("touch", "go")  # it may be killed by what it lets happen
    assert sandbox.end()["status_reason"] == "committed"
    assert sandbox.log() == "from exec\n"


def refusal(error: pytest.ExceptionInfo[websocket.WebSocketBadStatusException]) -> tuple[int, str]:
    body: dict[str, str] = json.loads(error.value.resp_body or b"")
    assert set(body) == {"message", "code", "request_id"}
    return error.value.status_code, body["code"]


@contextmanager
def refused_with(status: int, code: str) -> Iterator[None]:
    with pytest.raises(websocket.WebSocketBadStatusException) as error:
        yield
    assert refusal(error) == (status, code)


def open_(sandbox: Sandbox, path: str = "/exec", **options: Any) -> None:
    with sandbox.connect(path, **options):
        pass


def test_refusals_come_before_the_upgrade(
    repo: Repo, api: Api, shell: Sandbox, connect: Callable[[str, str], Api], running: Running
) -> None:
    with refused_with(403, "forbidden_origin"):
        open_(shell, origin="https://evil.example")
    with refused_with(403, "forbidden_host"):
        open_(shell, host="evil.example")
    stranger = connect(api.endpoint_url, "tuk-wrong").repository(repo.root)
    with refused_with(401, "unauthorized"):
        open_(type(shell)(stranger, shell.id))
    with refused_with(404, "not_found"):
        open_(type(shell)(repo, "nothing"))
    with refused_with(404, "not_found"):
        open_(shell, "/nothing")
    with refused_with(400, "bad_request"):
        open_(shell, "/terminal")
    ended = repo.sandbox("true")
    ended.log()
    for path in ("/exec", "/terminal"):
        with refused_with(410, "gone"):
            open_(ended, path)
    open_(shell, origin=api.endpoint_url)


@pytest.mark.parametrize("path", ["/exec", "/terminal"])
def test_without_a_websocket(repo: Repo, running: Running, refused: Callable[..., None], path: str) -> None:
    sandbox = running(repo.sandbox(mode="interactive"))
    answer = sandbox.call("GET", path)
    refused(answer, 426, "WebSocket", code="upgrade_required")
    assert answer.headers["Upgrade"] == "websocket"
    sandbox.call("DELETE")


class Typist:
    """Somebody in front of a terminal."""

    def __init__(self, connection: websocket.WebSocket) -> None:
        self.connection = connection
        self.seen = b""

    def type(self, text: str) -> None:
        self.connection.send_binary(b"\x00" + text.encode())

    def wait_for(self, text: str) -> None:
        while text.encode() not in self.seen:
            frame = self.connection.recv()
            assert isinstance(frame, bytes), self.seen
            assert frame[0] == 1, frame
            self.seen += frame[1:]

    def exit(self) -> Any:
        while True:
            frame = self.connection.recv()
            assert isinstance(frame, bytes), self.seen
            if frame[0] == 3:
                return json.loads(frame[1:])
            self.seen += frame[1:]


def test_a_terminal(repo: Repo, running: Running) -> None:
    sandbox = running(repo.sandbox(mode="interactive"))
    with sandbox.connect("/terminal") as connection:
        typist = Typist(connection)
        connection.send_binary(b"\x02" + json.dumps({"cols": 132, "rows": 43}).encode())
        for nonsense in (b"\x02no json", b"\x02{}", b"", b"\x09", b'\x02{"cols":0,"rows":-1}'):
            connection.send_binary(nonsense)
        typist.type("stty size; test -t 0 && echo $TERM $((1+1))\n")
        typist.wait_for("43 132")
        typist.wait_for("xterm-256color 2")
        typist.type("echo typed > note; exit\n")
        assert typist.exit() == {"exited": True, "exit_code": 0}
    assert sandbox.end()["status_reason"] == "committed"
    assert repo.read("note").body == b"typed\n"
    assert "43 132" in sandbox.log()


def test_a_terminal_that_nobody_looks_at_goes_on(repo: Repo, running: Running) -> None:
    sandbox = running(repo.sandbox(mode="interactive", command=["sh", "-c", "echo first; cat"]))
    with sandbox.connect("/terminal") as connection:
        Typist(connection).wait_for("first")
    with sandbox.connect("/terminal") as one, sandbox.connect("/terminal") as other:
        # Who comes later sees what was there, and all see the same.
        for typist in (Typist(one), Typist(other)):
            typist.wait_for("first")
        Typist(one).type("together\n")
        Typist(other).wait_for("together")
        Typist(one).type("\x04")
        assert Typist(one).exit() == Typist(other).exit() == {"exited": True, "exit_code": 0}


def test_a_terminal_that_is_cancelled(repo: Repo, running: Running) -> None:
    sandbox = running(repo.sandbox(mode="interactive"))
    with sandbox.connect("/terminal") as connection:
        assert sandbox.call("DELETE").status == 202
        assert Typist(connection).exit() == {"exited": True, "exit_code": 137}


def test_a_shell_that_ends_badly(repo: Repo, running: Running) -> None:
    sandbox = running(repo.sandbox(mode="interactive"))
    with sandbox.connect("/terminal") as connection:
        typist = Typist(connection)
        typist.type("echo x > note; exit 5\n")
        assert typist.exit()["exit_code"] == 5
    assert sandbox.end()["status"] == "errored"
    assert repo.get("/objects").paths == []


def test_a_paste_of_any_size(repo: Repo, running: Running) -> None:
    command = ["sh", "-c", "stty raw -echo; echo ready; head -c 2000000 | wc -c"]
    sandbox = running(repo.sandbox(mode="interactive", command=command))
    with sandbox.connect("/terminal") as connection:
        typist = Typist(connection)
        typist.wait_for("ready")
        typist.type("x" * 2_000_000)
        typist.wait_for("2000000")
        assert typist.exit()["exit_code"] == 0
