"""The first process of a container: starts commands for the server, and takes everything with it when it ends.

It ends when the server closes its side of the control socket, or dies.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket

from .commands import exit_code, open_terminal, start_monitor
from .descendants import kill_descendants
from .messages import Message, receive, send

__all__ = ["serve"]


class _Started:
    """A command, with the monitor that watches it for us."""

    def __init__(self, number: int, monitor: int, pipe: int, terminal: int | None) -> None:
        self.number = number
        self.monitor = monitor
        self.pipe = pipe
        self.terminal = terminal
        self.pid: int | None = None
        self.code_known = False
        self.unread = b""


class _Init:
    def __init__(self, control: socket.socket, limits: dict[str, int]) -> None:
        self._control = control
        self._limits = limits
        self._poll = select.poll()
        self._by_pipe: dict[int, _Started] = {}
        # Their monitor is dead, killed by one of those it watched. Their parent is this process now.
        self._unwatched: list[_Started] = []

    def run(self) -> None:
        wakeup, wakes = os.pipe()
        os.set_blocking(wakeup, False)
        os.set_blocking(wakes, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(wakeup, select.POLLIN)
        while True:
            for fd, _ in self._poll.poll():
                if fd == wakeup:
                    os.read(wakeup, 4096)
                    self._reap()
                elif fd in self._by_pipe:
                    self._read_status(self._by_pipe[fd])
                elif fd == self._control.fileno() and not self._obey():
                    return

    def _obey(self) -> bool:
        received = receive(self._control)
        if received is None:
            return False
        message, fds = received
        if "run" in message:
            self._start(message, fds)
        elif "listen" in message:
            self._listen(message["listen"])
        elif "kill" in message:
            self._kill(message["kill"])
        for fd in fds:
            os.close(fd)
        return True

    def _start(self, request: Message, fds: list[int]) -> None:
        number, terminal = request["run"], None
        try:
            if request["terminal"]:
                terminal, other = open_terminal(*request["terminal"])
                fds.append(other)
            monitor, pipe = start_monitor(request, fds if len(fds) == 3 else fds * 3, self._limits)
        except OSError as error:
            if terminal is not None:
                os.close(terminal)
            self._refuse(number, "no_process", f"cannot start a process: {error.strerror}")
            return
        self._by_pipe[pipe] = _Started(number, monitor, pipe, terminal)
        self._poll.register(pipe, select.POLLIN)

    def _refuse(self, number: int, reason: str, message: str) -> None:
        send(self._control, {"answer": number, "refused": reason, "message": message})

    def _read_status(self, started: _Started) -> None:
        data = os.read(started.pipe, 65536)
        if not data:
            self._lose_monitor(started)
            return
        *lines, started.unread = (started.unread + data).split(b"\n")
        for line in lines:
            self._note(started, line)

    def _note(self, started: _Started, line: bytes) -> None:
        status = json.loads(line)
        if "pid" in status:
            started.pid = status["pid"]
        elif "started" in status:
            self._answer_started(started)
        elif "refused" in status:
            started.code_known = True
            self._refuse(started.number, status["refused"], status["message"])
        elif not started.code_known:
            self._tell_exit(started, status["code"])

    def _answer_started(self, started: _Started) -> None:
        fds = [] if started.terminal is None else [started.terminal]
        send(self._control, {"answer": started.number, "started": True}, fds)
        self._close_terminal(started)

    def _close_terminal(self, started: _Started) -> None:
        if started.terminal is not None:
            os.close(started.terminal)
            started.terminal = None

    def _tell_exit(self, started: _Started, code: int) -> None:
        started.code_known = True
        send(self._control, {"exited": started.number, "code": code})

    def _lose_monitor(self, started: _Started) -> None:
        self._poll.unregister(started.pipe)
        del self._by_pipe[started.pipe]
        os.close(started.pipe)
        self._close_terminal(started)
        if not started.code_known:
            self._unwatched.append(started)
            self._reap()

    def _reap(self) -> None:
        ended: dict[int, int] = {}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            ended[pid] = exit_code(status)
        for started in list(self._unwatched):
            code = ended.get(started.pid or 0)
            if code is not None or not _exists(started.pid):
                self._unwatched.remove(started)
                self._tell_exit(started, 128 + signal.SIGKILL if code is None else code)

    def _listen(self, number: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(128)
            send(self._control, {"answer": number}, [listener.fileno()])

    def _kill(self, number: int) -> None:
        for started in [*self._by_pipe.values(), *self._unwatched]:
            if started.number != number:
                continue
            kill_descendants(started.monitor)
            if started in self._unwatched and started.pid is not None:
                kill_descendants(started.pid)
                os.kill(started.pid, signal.SIGKILL)


def _exists(pid: int | None) -> bool:
    try:
        os.kill(pid or 0, 0)
    except ProcessLookupError:
        return False
    return pid is not None


def serve(control: socket.socket, limits: dict[str, int]) -> None:
    """Do what the server asks for until it is gone."""
    _Init(control, limits).run()
