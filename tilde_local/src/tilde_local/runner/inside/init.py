"""The first process of a container: starts commands for the server, and takes everything with it when it ends.

It ends when the server closes its side of the control socket, or dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
from collections.abc import Callable, Iterator

from .commands import Monitor, exit_code, open_terminal, start_monitor
from .descendants import kill_descendants
from .messages import Message, receive, send

__all__ = ["serve"]


class _Started:
    """A command, with the monitor that watches it for us."""

    def __init__(self, number: int, monitor: Monitor, terminal: int | None) -> None:
        self.number = number
        self.monitor = monitor
        self.terminal = terminal
        self.pid: int | None = None
        self.code_known = False
        self.unread = b""


class _Init:
    def __init__(self, control: socket.socket, limits: dict[str, int]) -> None:
        self._control = control
        self._limits = limits
        self._poll = select.poll()
        self._readers: dict[int, Callable[[], object]] = {}
        self._watched: list[_Started] = []
        # Their monitor is dead, killed by one of those it watched. Their parent is this process now.
        self._unwatched: list[_Started] = []

    def run(self) -> None:
        wakeup, wakes = os.pipe()
        os.set_blocking(wakeup, False)
        os.set_blocking(wakes, False)
        # Python's own answer to it would end this process. Without one, the kernel keeps it away, as all others.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        self._read_with(wakeup, lambda: self._wake(wakeup))
        self._poll.register(self._control, select.POLLIN)
        while True:
            ready = [(fd, self._readers.get(fd)) for fd, _ in self._poll.poll()]
            for fd, reader in ready:
                if fd == self._control.fileno():
                    if not self._obey():
                        return
                # What was read before may have closed it, and its number may be that of another by now.
                elif reader is not None and self._readers.get(fd) is reader:
                    reader()

    def _wake(self, wakeup: int) -> None:
        os.read(wakeup, 4096)
        self._reap()

    def _read_with(self, fd: int, reader: Callable[[], object]) -> None:
        self._poll.register(fd, select.POLLIN)
        self._readers[fd] = reader

    def _stop_reading(self, fd: int) -> None:
        self._poll.unregister(fd)
        del self._readers[fd]
        os.close(fd)

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
            monitor = start_monitor(request, fds if len(fds) == 3 else fds * 3, self._limits)
        except OSError as error:
            if terminal is not None:
                os.close(terminal)
            self._refuse(number, "no_process", f"cannot start a process: {error.strerror}")
            return
        started = _Started(number, monitor, terminal)
        self._watched.append(started)
        self._read_with(monitor.status, lambda: self._read_status(started))
        self._read_with(monitor.failure, lambda: self._read_failure(started))

    def _refuse(self, number: int, reason: str, message: str) -> None:
        send(self._control, {"answer": number, "refused": reason, "message": message})

    def _read_failure(self, started: _Started) -> None:
        """Answer the request: the command started, or it did not."""
        data = os.read(started.monitor.failure, 65536)
        self._stop_reading(started.monitor.failure)
        if data:
            failure = json.loads(data)
            self._refuse(started.number, failure["refused"], failure["message"])
        else:
            fds = [] if started.terminal is None else [started.terminal]
            send(self._control, {"answer": started.number, "started": True}, fds)
        if started.terminal is not None:
            os.close(started.terminal)

    def _read_status(self, started: _Started) -> bool:
        """Take in what the monitor wrote; False once it is dead."""
        data = os.read(started.monitor.status, 65536)
        if not data:
            self._lose_monitor(started)
            return False
        *lines, started.unread = (started.unread + data).split(b"\n")
        for status in map(json.loads, lines):
            started.pid = status.get("pid", started.pid)
            if "code" in status:
                self._tell_exit(started, status["code"])
        return True

    def _tell_exit(self, started: _Started, code: int) -> None:
        started.code_known = True
        send(self._control, {"exited": started.number, "code": code})

    def _lose_monitor(self, started: _Started) -> None:
        self._stop_reading(started.monitor.status)
        self._watched.remove(started)
        if not started.code_known:
            self._unwatched.append(started)

    def _reap(self) -> None:
        ended = dict(_ended_children())
        for started in list(self._watched):
            if started.monitor.pid in ended:
                while self._read_status(started):
                    pass
        for started in list(self._unwatched):
            code = ended.get(started.pid or 0)
            if code is not None or not _exists(started.pid):
                self._unwatched.remove(started)
                self._tell_exit(started, 128 + signal.SIGKILL if code is None else code)

    def _listen(self, number: int) -> None:
        try:
            listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        except OSError as error:
            self._refuse(number, "internal_error", f"cannot listen in the sandbox: {error.strerror}")
            return
        with listener:
            send(self._control, {"answer": number}, [listener.fileno()])

    def _kill(self, number: int) -> None:
        for started in [*self._watched, *self._unwatched]:
            if started.number != number:
                continue
            kill_descendants(started.monitor.pid)
            if started.pid is not None and not started.code_known:
                # Its monitor may be dead, and it no descendant of it any more.
                kill_descendants(started.pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(started.pid, signal.SIGKILL)


def _ended_children() -> Iterator[tuple[int, int]]:
    """Their pids and exit codes."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, exit_code(status)


def _exists(pid: int | None) -> bool:
    try:
        os.kill(pid or 0, 0)
    except ProcessLookupError:
        return False
    return pid is not None


def serve(control: socket.socket, limits: dict[str, int]) -> None:
    """Do what the server asks for until it is gone."""
    _Init(control, limits).run()
