"""Commands in a terminal, and listeners."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import termios
from typing import TYPE_CHECKING

import pytest

from tilde_local.runner.base import CommandNotStarted, Process, RunnerError

if TYPE_CHECKING:
    from tilde_local.runner.conftest import Sandbox, Start


class Terminal:
    """The other end of a terminal."""

    def __init__(self, sandbox: Sandbox, *argv: str, columns: int = 80, rows: int = 24) -> None:
        container = sandbox.container
        env, cwd = container.environment, container.mountpoint
        self.process: Process
        self.process, self.fd = container.run_in_terminal(argv, env=env, cwd=cwd, columns=columns, rows=rows)
        self.seen = b""

    def read_until(self, words: bytes) -> bytes:
        """All that came so far, once these words are in it."""
        while words not in self.seen:
            assert select.select([self.fd], [], [], 60)[0], f"nothing more came after {self.seen!r}"
            self.seen += os.read(self.fd, 65536)
        return self.seen

    def type(self, keys: bytes) -> None:
        os.write(self.fd, keys)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def test_it_is_a_terminal_of_the_given_size(start: Start) -> None:
    terminal = Terminal(
        start(), "sh", "-c", "tty; stty size; test -t 0 -a -t 1 -a -t 2 && echo all", columns=132, rows=50
    )
    terminal.read_until(b"all")
    assert b"50 132" in terminal.seen
    assert terminal.process.wait(60) == 0
    os.close(terminal.fd)


@pytest.mark.parametrize(("columns", "seen"), [(0, b"24 0"), (-1, b"24 0"), (100_000, b"24 65535")])
def test_impossible_sizes(start: Start, columns: int, seen: bytes) -> None:
    terminal = Terminal(start(), "sh", "-c", "stty size; exit 0", columns=columns)
    terminal.read_until(seen)
    assert terminal.process.wait(60) == 0
    os.close(terminal.fd)


def test_it_is_resized_while_it_runs(start: Start) -> None:
    terminal = Terminal(
        start(), "bash", "-c", "trap 'stty size; exit 7' WINCH; echo ready; while :; do read -t 1; done"
    )
    terminal.read_until(b"ready")
    terminal.resize(100, 40)
    terminal.read_until(b"40 100")
    assert terminal.process.wait(60) == 7
    os.close(terminal.fd)


def test_keys_become_signals(start: Start) -> None:
    terminal = Terminal(start(), "bash", "-c", "echo ready; exec tail -f /dev/null")
    terminal.read_until(b"ready")
    terminal.type(b"\x03")
    assert terminal.process.wait(60) == 130
    os.close(terminal.fd)


def test_a_shell_is_there_to_talk_to(start: Start) -> None:
    terminal = Terminal(start({"data": "hello"}), "sh")
    terminal.type(b"cat data; echo $((6 * 7)) > answer\n")
    terminal.read_until(b"hello")
    terminal.type(b"exit 3\n")
    assert terminal.process.wait(60) == 3
    os.close(terminal.fd)


def test_hanging_up_ends_it(start: Start) -> None:
    terminal = Terminal(start(), "sh", "-c", "echo ready; tail -f /dev/null")
    terminal.read_until(b"ready")
    os.close(terminal.fd)
    assert terminal.process.wait(60) == 129


def test_its_end_is_an_end_of_reading(start: Start) -> None:
    terminal = Terminal(start(), "echo", "hello")
    terminal.read_until(b"hello")
    assert terminal.process.wait(60) == 0
    with pytest.raises(OSError, match="Input/output error"):
        terminal.read_until(b"more")
    os.close(terminal.fd)


def test_a_command_that_is_not_there(start: Start) -> None:
    with pytest.raises(CommandNotStarted, match="command not found"):
        Terminal(start(), "no-such-thing")


CLIENT = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    connection.sendall(b"hello from inside")
    print(connection.recv(100).decode())
"""


def test_commands_reach_a_listener(start: Start) -> None:
    sandbox = start()
    reader, writer = os.pipe()
    with sandbox.container.listen() as listener:
        host, port = listener.getsockname()
        assert host == "127.0.0.1"
        process = sandbox.start(["python", "-c", CLIENT, str(port)], stdout=writer)
        os.close(writer)
        connection, _ = listener.accept()
        with connection, os.fdopen(reader, "rb") as output:
            assert connection.recv(100) == b"hello from inside"
            connection.sendall(b"hello from outside")
            assert output.read() == b"hello from outside\n"
    assert process.wait(60) == 0


def test_a_listener_is_of_one_sandbox_alone(isolated: Start) -> None:
    first, second = isolated(), isolated()
    with first.container.listen() as listener:
        port = listener.getsockname()[1]
        assert b"ConnectionRefusedError" in second.run("python", "-c", CLIENT, str(port)).stderr
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()


def test_several_listeners(start: Start) -> None:
    sandbox = start()
    with sandbox.container.listen() as first, sandbox.container.listen() as second:
        assert first.getsockname() != second.getsockname()


def test_no_listener_in_a_container_that_was_killed(isolated: Start) -> None:
    sandbox = isolated()
    sandbox.container.kill()
    with pytest.raises(RunnerError, match="gone"):
        sandbox.container.listen()
