"""The runner that isolates: Linux namespaces, without any tool beside the kernel."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tilde_local.runner.base import Change, CommandNotStarted, ContainerSpec, Limits, RunnerError
from tilde_local.runner.changes import overlay_changes
from tilde_local.runner.control import Control, ControlGone, wait_for_launch
from tilde_local.runner.identity import identity_of_commands
from tilde_local.runner.inside.messages import Message
from tilde_local.runner.launching import Launcher
from tilde_local.runner.merged import Merged
from tilde_local.runner.processes import Exit
from tilde_local.runner.view import HOME, View, check_mountpoint, host_view

__all__ = ["NamespacesContainer", "NamespacesProcess", "NamespacesRunner"]

_OPEN_FILES = 4096


class NamespacesRunner:
    """Runs each container in Linux namespaces of its own.

    `scratch` is a directory that is this runner's alone, created if missing. Nothing below the paths `hidden` is seen
    in containers, wherever the programs of the host lie. `view_of` says what else is seen there; it raises RunnerError.
    """

    name = "namespaces"
    isolation = (
        "Linux namespaces: own files, processes, user, and a network of loopback alone; the host's programs are there "
        "to read, and the kernel is shared"
    )

    def __init__(
        self, scratch: Path, hidden: Sequence[Path] = (), view_of: Callable[[ContainerSpec], View] | None = None
    ) -> None:
        self._staging = scratch / "staging"
        self._staging.mkdir(parents=True, exist_ok=True)
        self._hidden = [str(path.absolute()) for path in hidden]
        self._identity = identity_of_commands()
        view = host_view()
        self._view_of = view_of or (lambda _: view)
        self._launcher = Launcher()
        self._lock = threading.Lock()
        self._running: set[NamespacesContainer] = set()

    def start(self, spec: ContainerSpec) -> NamespacesContainer:
        """A container without any command in it. Raises RunnerError."""
        view = self._view_of(spec)
        check_mountpoint(spec.mountpoint, view)
        try:
            channel = self._launcher.launch(self._plan(spec, view))
            container = NamespacesContainer(spec, view.environment, channel, self._forget)
        except OSError as error:
            raise RunnerError("internal_error", f"the sandbox did not start: {error}") from error
        with self._lock:
            self._running.add(container)
        return container

    def _plan(self, spec: ContainerSpec, view: View) -> Message:
        return {
            "staging": str(self._staging),
            "tree": str(spec.tree),
            "mountpoint": spec.mountpoint,
            "home": HOME,
            "owner": [self._identity.uid, self._identity.gid],
            "privileged": self._identity.privileged,
            "hidden": self._hidden,
            "disk_bytes": spec.limits.disk_bytes,
            "files": spec.limits.files,
            "limits": _rlimits(spec.limits),
            **view._asdict(),
        }

    def _forget(self, container: NamespacesContainer) -> None:
        with self._lock:
            self._running.discard(container)

    def close(self) -> None:
        """Kill what still runs and remove what lies about."""
        with self._lock:
            running = list(self._running)
        for container in running:
            container.close()
        self._launcher.close()
        with suppress(OSError):
            self._staging.rmdir()


def _rlimits(limits: Limits) -> dict[str, int]:
    return {
        "RLIMIT_CPU": limits.cpu_seconds,
        "RLIMIT_AS": limits.memory_bytes,
        "RLIMIT_NPROC": limits.processes,
        "RLIMIT_FSIZE": limits.file_bytes,
        # No dumps: 0 would still hand them to a program of the host, where one is set up to take them.
        "RLIMIT_CORE": 1,
        "RLIMIT_NOFILE": _OPEN_FILES,
    }


class NamespacesProcess:
    """A command in such a container."""

    def __init__(self, control: Control, number: int, exit_: Exit) -> None:
        self._control = control
        self._number = number
        self._exit = exit_

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, or 128 + n if signal n ended it. Raises TimeoutError after `timeout` seconds."""
        return self._exit.wait(timeout)

    def on_exit(self, callback: Callable[[int], None]) -> None:
        """Call `callback` once with the exit code, from any thread; at once if it has ended."""
        self._exit.on_exit(callback)

    def kill(self) -> None:
        """End it and all it started, daemons too."""
        self._control.tell({"kill": self._number})


class NamespacesContainer:
    """A container, by the control socket of its first process and by the descriptor of its upper directory."""

    def __init__(
        self,
        spec: ContainerSpec,
        environment: Mapping[str, str],
        channel: socket.socket,
        forget: Callable[[NamespacesContainer], None],
    ) -> None:
        self.mountpoint = spec.mountpoint
        self.environment = dict(environment)
        self._forget = forget
        self._closed = False
        self._lock = threading.Lock()
        try:
            self._upper, self._first_process = wait_for_launch(channel)
        except OSError:
            channel.close()
            raise
        self._merged = Merged(self._upper, spec.tree, spec.mountpoint)
        self._control = Control(channel)

    def listen(self) -> socket.socket:
        """A listening TCP socket on 127.0.0.1 of the container. Raises RunnerError if it was killed."""
        try:
            answer, fds, _, _ = self._control.ask("listen", {})
        except ControlGone as error:
            raise RunnerError("internal_error", "the sandbox is gone") from error
        if "refused" in answer:
            raise RunnerError("internal_error", answer["message"])
        return socket.socket(fileno=fds[0])

    def run(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str, stdin: int, stdout: int, stderr: int
    ) -> NamespacesProcess:
        """Start `argv` with exactly `env`, in `cwd`, on copies of the three descriptors. Raises CommandNotStarted.

        Give pipes or sockets: a file of the host could be opened anew through /proc/self/fd, with other rights.
        """
        return self._start(argv, env, cwd, None, [stdin, stdout, stderr])[0]

    def run_in_terminal(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str, columns: int, rows: int
    ) -> tuple[NamespacesProcess, int]:
        """Start `argv` as the leader of a terminal; also the terminal's other end. Raises CommandNotStarted."""
        process, fds = self._start(argv, env, cwd, [columns, rows], [])
        return process, fds[0]

    def _start(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: str, terminal: list[int] | None, fds: list[int]
    ) -> tuple[NamespacesProcess, list[int]]:
        message = {"argv": list(argv), "env": dict(env), "cwd": cwd, "terminal": terminal}
        try:
            answer, files, number, exit_ = self._control.ask("run", message, fds)
        except ControlGone as error:
            raise CommandNotStarted("container_gone", "the sandbox is gone") from error
        if "refused" in answer:
            raise CommandNotStarted(answer["refused"], answer["message"])
        return NamespacesProcess(self._control, number, exit_), files

    def kill(self) -> None:
        """End every process in it at once. Returns when they are gone. Twice is fine."""
        with self._lock:
            if self._closed:
                return
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first_process, signal.SIGKILL)
            # The kernel lets the first process end after all the others in its namespace.
            poll = select.poll()
            poll.register(self._first_process, select.POLLIN)
            poll.poll()

    def changes(self) -> Iterator[Change]:
        """What differs from the tree, everything that is Deleted first. Raises RunnerError if it cannot be read."""
        # Nobody may change anything while it is read.
        self.kill()
        try:
            yield from overlay_changes(self._merged)
        except OSError as error:
            raise RunnerError("internal_error", f"cannot read what the sandbox changed: {error}") from error

    def close(self) -> None:
        """Kill it and free everything it holds. Twice is fine."""
        self.kill()
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._control.close()
        self._merged.close()
        os.close(self._upper)
        os.close(self._first_process)
        self._forget(self)
