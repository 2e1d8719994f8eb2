"""The runner that isolates nothing: ordinary processes, on a copy of the files. Only for who asks for it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tilde_local.runner.base import Change, CommandNotStarted, ContainerSpec, Limits, RunnerError
from tilde_local.runner.copies import Copy
from tilde_local.runner.processes import Exit

__all__ = ["PlainContainer", "PlainProcess", "PlainRunner"]

_PROGRAM = (
    "import json, os, sys; sys.path.append(sys.argv[1]); from inside.commands import become_command;"
    "request = json.load(open(int(sys.argv[2]), 'rb'));"
    "become_command(request, [0, 1, 2], request['limits'], int(sys.argv[3]))"
)
_OPEN_FILES = 4096


class PlainRunner:
    """Runs commands as processes like any other of the server's user.

    `scratch` is a directory that is this runner's alone, created if missing and emptied.
    """

    name = "plain"
    isolation = (
        "none: commands are ordinary processes of the server's user, who may read and write what he may, the server's "
        "data included, and use the network"
    )

    def __init__(self, scratch: Path) -> None:
        if sys.platform == "win32":
            raise RunnerError("internal_error", "the plain runner needs a POSIX system, and this is Windows")
        self._scratch = scratch
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700, parents=True)
        self._lock = threading.Lock()
        self._running: set[PlainContainer] = set()

    def start(self, spec: ContainerSpec) -> PlainContainer:
        """A copy of the files. Raises RunnerError if there is no room for it."""
        folder = self._scratch.resolve() / spec.id
        try:
            container = PlainContainer(spec, folder, self._forget)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise RunnerError("storage_not_ready", f"cannot copy the files: {error}") from error
        with self._lock:
            self._running.add(container)
        return container

    def _forget(self, container: PlainContainer) -> None:
        with self._lock:
            self._running.discard(container)

    def close(self) -> None:
        """Kill what still runs and remove what lies about."""
        with self._lock:
            running = list(self._running)
        for container in running:
            container.close()
        shutil.rmtree(self._scratch, ignore_errors=True)


class PlainProcess:
    """A command, and the process group that it leads."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._exit = Exit()
        self._lock = threading.Lock()
        self._group_left = True
        self._waiter = threading.Thread(target=self._await, name="tilde-command", daemon=True)
        self._waiter.start()

    def _await(self) -> None:
        code = self._process.wait()
        with self._lock:
            # Its number is given away again once nobody is left in the group.
            self._group_left = _signal_group(self._process.pid, 0)
        self._exit.set(code if code >= 0 else 128 - code)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, or 128 + n if signal n ended it. Raises TimeoutError after `timeout` seconds."""
        return self._exit.wait(timeout)

    def on_exit(self, callback: Callable[[int], None]) -> None:
        """Call `callback` once with the exit code, from any thread; at once if it has ended."""
        self._exit.on_exit(callback)

    def kill(self) -> None:
        """End it and its process group. What made itself a group of its own goes on."""
        with self._lock:
            if self._group_left:
                self._group_left = _signal_group(self._process.pid, signal.SIGKILL)

    def join(self) -> None:
        """Return when the command has ended."""
        self._waiter.join()


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group; whether there is one."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        # macOS says the latter of a group of zombies.
        return False
    return True


class PlainContainer:
    """A directory with a copy of the files, a home and a place for temporary files."""

    def __init__(self, spec: ContainerSpec, folder: Path, forget: Callable[[PlainContainer], None]) -> None:
        self._folder = folder
        self._forget = forget
        self._limits = _rlimits(spec.limits)
        self._lock = threading.Lock()
        self._killed = False
        self._processes: list[PlainProcess] = []
        for name in ("home", "tmp"):
            (folder / name).mkdir(parents=True)
        self._copy = Copy(spec.tree, folder / "files")
        self.mountpoint = str(folder / "files")
        self.environment: Mapping[str, str] = _environment(folder)

    def listen(self) -> socket.socket:
        """A listening TCP socket on 127.0.0.1, which every program of this machine can connect to."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        return listener

    def run(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str, stdin: int, stdout: int, stderr: int
    ) -> PlainProcess:
        """Start `argv` with exactly `env`, in `cwd`, on copies of the three descriptors. Raises CommandNotStarted."""
        return self._start(argv, env, cwd, None, [stdin, stdout, stderr])

    def run_in_terminal(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str, columns: int, rows: int
    ) -> tuple[PlainProcess, int]:
        """Start `argv` as the leader of a terminal; also the terminal's other end. Raises CommandNotStarted."""
        # Windows has no terminals of this kind.
        from tilde_local.runner.inside.commands import open_terminal

        other_end, terminal = open_terminal(columns, rows)
        try:
            return self._start(argv, env, cwd, [columns, rows], [terminal] * 3), other_end
        except BaseException:
            os.close(other_end)
            raise
        finally:
            os.close(terminal)

    def _start(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: str, terminal: list[int] | None, fds: list[int]
    ) -> PlainProcess:
        request = {"argv": list(argv), "env": dict(env), "cwd": cwd, "terminal": terminal, "limits": self._limits}
        with self._lock:
            if self._killed:
                raise CommandNotStarted("container_gone", "the sandbox is gone")
            process = _start_process(request, fds, self._folder / "tmp")
            self._processes.append(process)
        return process

    def kill(self) -> None:
        """End the process groups of all commands. Twice is fine."""
        with self._lock:
            self._killed = True
            for process in self._processes:
                process.kill()
            for process in self._processes:
                process.join()

    def changes(self) -> Iterator[Change]:
        """What differs from the tree, everything that is Deleted first. Raises RunnerError if it cannot be read."""
        try:
            yield from self._copy.changes()
        except OSError as error:
            raise RunnerError("internal_error", f"cannot read what the sandbox changed: {error}") from error

    def close(self) -> None:
        """Kill it and remove its files. Twice is fine."""
        self.kill()
        self._copy.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._forget(self)


def _environment(folder: Path) -> dict[str, str]:
    path = [str(Path(sys.prefix, "bin")), *os.environ.get("PATH", os.defpath).split(os.pathsep)]
    kept = {name: os.environ[name] for name in ("LOGNAME", "SHELL", "USER") if name in os.environ}
    return kept | {
        "HOME": str(folder / "home"),
        "LANG": "C.UTF-8",
        "PATH": os.pathsep.join(dict.fromkeys(path)),
        # Importing a module of the repository should not count as changing the repository.
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(folder / "tmp"),
    }


def _rlimits(limits: Limits) -> dict[str, int]:
    shared = {"RLIMIT_CPU": limits.cpu_seconds, "RLIMIT_FSIZE": limits.file_bytes, "RLIMIT_CORE": 0}
    # macOS has a limit of the address space, and refuses to set it.
    only_linux = {"RLIMIT_AS": limits.memory_bytes} if sys.platform == "linux" else {}
    return shared | only_linux | {"RLIMIT_NOFILE": _OPEN_FILES}


def _start_process(request: Mapping[str, object], fds: Sequence[int], scratch: Path) -> PlainProcess:
    """Start a small Python that becomes the command. Raises CommandNotStarted."""
    reader, writer = os.pipe()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, reader)
        file = scratch / f"request-{writer}"
        file.write_text(json.dumps(request))
        request_fd = os.open(file, os.O_RDONLY)
        stack.callback(os.close, request_fd)
        file.unlink()
        with os.fdopen(writer, "wb"):
            process = _popen(request_fd, writer, fds)
        failure = b"".join(iter(lambda: os.read(reader, 65536), b""))
    if failure:
        process.wait()
        refused = json.loads(failure)
        raise CommandNotStarted(refused["refused"], refused["message"])
    return PlainProcess(process)


def _popen(request: int, writer: int, fds: Sequence[int]) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(Path(__file__).parent), str(request), str(writer)]
    try:
        return subprocess.Popen(
            arguments, env={}, pass_fds=[request, writer], stdin=fds[0], stdout=fds[1], stderr=fds[2]
        )
    except OSError as error:
        raise CommandNotStarted("no_process", f"cannot start a process: {error.strerror}") from error
