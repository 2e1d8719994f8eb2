"""Starting one command, and a monitor that is there as long as anything the command started.

    first process -> monitor -> command -> …

The monitor is the parent of whatever loses its own, so that daemons stay recognizable as the command's. It waits for
the command, and tells the first process how it ended.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import resource
import signal
import struct
import termios
from typing import Any, NamedTuple, NoReturn

from .kernel import adopt_orphans
from .messages import Message

__all__ = ["Monitor", "become_command", "exit_code", "open_terminal", "start_monitor"]


def exit_code(status: int) -> int:
    """Of a status that wait() gave, as shells say it: 128 + n for signal n."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def open_terminal(columns: int, rows: int) -> tuple[int, int]:
    """A new terminal of that size: its other end, and itself."""
    master, terminal = os.openpty()
    size = [max(0, min(number, 65535)) for number in (rows, columns)]
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    return master, terminal


class Monitor(NamedTuple):
    """A monitor that was started: its pid, and what to read of it.

    `status` has lines of JSON, `pid` of the command and then its exit `code`, and ends with the monitor. `failure` has
    one object if the command did not start, and ends when it did.
    """

    pid: int
    status: int
    failure: int


def start_monitor(request: Message, fds: list[int], limits: dict[str, int]) -> Monitor:
    """Fork the monitor of a command on the descriptors `fds`. Raises OSError."""
    (status, tells_status), (failure, tells_failure) = os.pipe(), os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(status)
        os.close(failure)
        raise
    else:
        if pid == 0:
            _monitor(request, fds, limits, (tells_status, tells_failure))
        return Monitor(pid, status, failure)
    finally:
        os.close(tells_status)
        os.close(tells_failure)


def _monitor(request: Message, fds: list[int], limits: dict[str, int], writers: tuple[int, int]) -> NoReturn:
    with contextlib.suppress(BaseException):
        _keep_only([*fds, *writers])
        status, failure = writers
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        adopt_orphans()
        os.setsid()
        command = os.fork()
        if command == 0:
            # Not told by the monitor: a command may kill that before it gets to it.
            _tell(status, {"pid": os.getpid()})
            become_command(request, fds, limits, failure)
        for fd in {*fds, failure}:
            os.close(fd)
        _wait(command, status)
    os._exit(0)


def _tell(fd: int, message: Message) -> None:
    os.write(fd, json.dumps(message).encode() + b"\n")


def _wait(command: int, status: int) -> None:
    """Reap until nothing is left that the command started."""
    with contextlib.suppress(ChildProcessError):
        while True:
            # It stays a zombie until its end is told: if this process is killed meanwhile, the first process finds it.
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
            if ended is not None and ended.si_pid == command:
                by_signal = ended.si_code != os.CLD_EXITED
                _tell(status, {"code": ended.si_status + 128 * by_signal})
            os.waitpid(-1 if ended is None else ended.si_pid, 0)


def _keep_only(fds: list[int]) -> None:
    edge = 3
    for fd in sorted({fd for fd in fds if fd > 2}):
        os.closerange(edge, fd)
        edge = fd + 1
    os.closerange(edge, 65536)


def become_command(request: Message, fds: list[int], limits: dict[str, int], writer: int) -> NoReturn:
    """Become the program that `request` names, with `fds` as its standard streams; tell `writer` if that fails."""
    _Command(request, fds, limits, writer).run()


class _Refused(Exception):
    pass


class _Command:
    """The child, up to the moment when it becomes the program."""

    def __init__(self, request: Message, fds: list[int], limits: dict[str, int], writer: int) -> None:
        self._request = request
        self._fds = fds
        self._limits = limits
        self._writer = writer

    def run(self) -> NoReturn:
        reason, message = "internal_error", "the command did not start"
        try:
            self._prepare()
            self._execute()
        except _Refused as refused:
            reason, message = refused.args
        except ValueError as error:
            # A NUL, a name of a variable with a "=" in it, half of a surrogate pair.
            reason, message = "invalid_launch", f"the command cannot be: {error}"
        except Exception as error:  # noqa: BLE001 - told to the server, whatever it is
            message = str(error)
        with contextlib.suppress(OSError):
            os.write(self._writer, json.dumps({"refused": reason, "message": message}).encode())
        os._exit(126)

    def _prepare(self) -> None:
        os.set_inheritable(self._writer, False)
        os.setsid()
        if self._request["terminal"] is not None:
            fcntl.ioctl(self._fds[0], termios.TIOCSCTTY, 0)
        # First out of the way: one of them may be 0 to 2.
        moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64) for fd in self._fds]
        for number, fd in enumerate(moved):
            os.dup2(fd, number)
        self._change_directory()
        self._restrict()
        # What Python ignores, and a server that runs in the background (with `&` or nohup), and programs count on.
        for number_of_signal in signal.valid_signals():
            if signal.getsignal(number_of_signal) is signal.SIG_IGN:
                signal.signal(number_of_signal, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])

    def _change_directory(self) -> None:
        try:
            os.chdir(_encoded(self._request["cwd"]))
        except OSError as error:
            raise _Refused("bad_cwd", f"cannot start in {self._request['cwd']}: {error.strerror}") from error

    def _restrict(self) -> None:
        for name, value in self._limits.items():
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            if hard != resource.RLIM_INFINITY:
                value = min(value, hard)
            # One more second to see SIGXCPU and tidy up.
            resource.setrlimit(kind, (value, value + 1 if name == "RLIMIT_CPU" and hard < 0 else value))

    def _execute(self) -> NoReturn:
        argv = [_encoded(argument) for argument in self._request["argv"]]
        env = {_encoded(name): _encoded(value) for name, value in self._request["env"].items()}
        if not argv:
            raise _Refused("invalid_launch", "the command is empty")
        seen: OSError | None = None
        for place in _candidates(argv[0], env):
            try:
                os.execve(place, argv, env)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                    seen = seen or error
                elif os.path.lexists(place):
                    seen = seen or OSError(errno.ENOEXEC, "the program that its first line names is not there")
        raise _refusal(os.fsdecode(argv[0]), seen)


def _candidates(name: bytes, env: dict[bytes, bytes]) -> list[bytes]:
    """Where the program may lie."""
    if b"/" in name:
        return [name]
    path = env.get(b"PATH", b"/usr/local/bin:/usr/bin:/bin")
    return [(folder or b".") + b"/" + name for folder in path.split(b":")] if name else []


def _encoded(text: Any) -> bytes:
    return str(text).encode("utf-8", "surrogateescape")


def _refusal(name: str, error: OSError | None) -> _Refused:
    if error is None:
        return _Refused("command_not_found", f"command not found: {name}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EISDIR):
        return _Refused("permission_denied", f"permission denied: {name}")
    if error.errno == errno.E2BIG:
        return _Refused("too_long", f"the arguments and the environment of {name} are too long")
    if error.errno in (errno.ENOMEM, errno.EAGAIN):
        return _Refused("no_process", f"cannot start {name}: {error.strerror}")
    return _Refused("not_executable", f"cannot execute {name}: {error.strerror}")
