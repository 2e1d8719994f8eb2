"""The server's side of `/exec` and `/terminal`: runs real processes, as a service does, over the loopback server."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from typing import IO, Any

from tilde_core.testing import ServerWebSocket

__all__ = ["ExecService", "exit_message"]

PIECE = 64 * 1024
_IN_TERMINAL = "import fcntl, os, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp('sh', ['sh'])"


def exit_message(**fields: Any) -> bytes:
    return b"\x05" + json.dumps(fields).encode()


class ExecService:
    """Serves one command for each connection; `launches` has what was asked for, and `ended` is set once a process
    has ended, by itself or since its connection went."""

    def __init__(self) -> None:
        self.launches: list[dict[str, Any]] = []
        self.ended = threading.Event()

    def serve(self, peer: ServerWebSocket) -> None:
        first = peer.receive()
        if first is None:
            return
        assert first[:1] == b"\x00"
        wanted = json.loads(first[1:])
        self.launches.append(wanted)
        environment = {"PATH": os.environ["PATH"], **wanted.get("env", {})}
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        try:
            process = subprocess.Popen(
                wanted["cmd"], env=environment, cwd=wanted.get("cwd"), start_new_session=True, bufsize=0, **pipes
            )
        except FileNotFoundError:
            peer.send(exit_message(exit_code=127, reason="command_not_found", error=wanted["cmd"][0]))
            peer.close()
            return
        self._attend(peer, process)

    def _attend(self, peer: ServerWebSocket, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        outputs = [
            threading.Thread(target=self._copy, args=(peer, b"\x03", process.stdout)),
            threading.Thread(target=self._copy, args=(peer, b"\x04", process.stderr)),
        ]
        waiter = threading.Thread(target=self._wait, args=(peer, process, outputs))
        for thread in (*outputs, waiter):
            thread.start()
        self._feed(peer, process)
        waiter.join()
        process.stdin.close()

    def _copy(self, peer: ServerWebSocket, kind: bytes, output: IO[bytes]) -> None:
        with output, contextlib.suppress(OSError):  # the client went away
            while data := output.read(PIECE):
                peer.send(kind + data)

    def _wait(self, peer: ServerWebSocket, process: subprocess.Popen[bytes], outputs: list[threading.Thread]) -> None:
        for thread in outputs:
            thread.join()
        code = process.wait()
        with contextlib.suppress(OSError):
            peer.send(exit_message(exit_code=code if code >= 0 else 128 - code))
            peer.send_frame(8, b"\x03\xe8")

    def _feed(self, peer: ServerWebSocket, process: subprocess.Popen[bytes]) -> None:
        """Give it what it is to read, until the client goes away, and it with it."""
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            while (message := peer.receive()) is not None:
                if message[:1] == b"\x02":
                    process.stdin.close()
                    continue
                assert message[:1] == b"\x01"
                assert len(message) <= PIECE
                with contextlib.suppress(BrokenPipeError):  # it has ended, or reads no more
                    self._write(peer, process.stdin.fileno(), memoryview(message)[1:])
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.ended.set()

    def _write(self, peer: ServerWebSocket, pipe: int, data: memoryview) -> None:
        """As much at a time as the pipe takes. A client that goes away meanwhile is noticed, though not read from."""
        os.set_blocking(pipe, False)
        poll = select.poll()
        poll.register(pipe, select.POLLOUT)
        poll.register(peer.exchange.connection, select.POLLRDHUP)
        while data:
            ready = dict(poll.poll())
            if peer.exchange.connection.fileno() in ready:
                raise ConnectionResetError("the client went away")
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(pipe, data) :]

    def serve_terminal(self, peer: ServerWebSocket) -> None:
        """A shell in a terminal, which ends with its connection at the latest."""
        terminal, inside = pty.openpty()
        shell = subprocess.Popen(
            [sys.executable, "-c", _IN_TERMINAL], stdin=inside, stdout=inside, stderr=inside, start_new_session=True
        )
        os.close(inside)
        typing = threading.Thread(target=self._type, args=(peer, terminal, shell))
        typing.start()
        with contextlib.suppress(OSError):  # how Linux says that nobody has the terminal open any more
            while data := os.read(terminal, PIECE):
                peer.send(b"\x01" + data)
        code = shell.wait()
        with contextlib.suppress(OSError):
            peer.send(b"\x03" + json.dumps({"exited": True, "exit_code": code}).encode())
            peer.send_frame(8, b"\x03\xe8")
        typing.join()
        os.close(terminal)

    def _type(self, peer: ServerWebSocket, terminal: int, shell: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(OSError):
            while (message := peer.receive()) is not None:
                if message[:1] == b"\x00":
                    os.write(terminal, message[1:])
                else:
                    size = json.loads(message[1:])
                    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", size["rows"], size["cols"], 0, 0))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
