"""What a runner is: it gives commands a view of a tree of files, and says afterwards what they changed.

    Runner.start(spec) -> Container.run(argv, …) -> Process.wait()
                          Container.kill(), changes(), close()

Everything blocks, and may be called from any thread. Which runner is in force decides how far commands are kept away
from the machine: `Runner.isolation` says it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

__all__ = [
    "Change",
    "CommandNotStarted",
    "Container",
    "ContainerSpec",
    "Deleted",
    "Limits",
    "Process",
    "Runner",
    "RunnerError",
    "Skipped",
    "Written",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What commands may use. `isolation` of the runner says which of these it enforces.

    `cpu_seconds` and `memory_bytes` (address space) are of one process, `file_bytes` of one file; the others are of all
    that runs in the container together. `disk_bytes` and `files` count whatever is written: changes to the files, a
    file that is changed with its whole size, `/tmp` and the home directory.
    """

    cpu_seconds: int = 3600
    memory_bytes: int = 4 << 30
    processes: int = 256
    file_bytes: int = 1 << 30
    disk_bytes: int = 1 << 30
    files: int = 262_144


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """What to start. `tree` holds the files and is never written to; `mountpoint` is where commands shall see them.

    `id` is unique among the running containers and fit for a file name. `mountpoint` is absolute. `image` is a label,
    but for the docker runner.
    """

    id: str
    tree: Path
    mountpoint: str
    image: str
    limits: Limits


class RunnerError(Exception):
    """A container did not start. `reason`: image_not_found, storage_not_ready or internal_error."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class CommandNotStarted(Exception):
    """A command did not start. `exit_code` is what a shell would say: 127 if not found, else 126.

    `reason`: command_not_found, permission_denied, bad_cwd, not_executable (no program of this machine),
    too_long (arguments and environment), invalid_launch (nothing that any system could start), no_process (the limit of
    processes is reached), container_gone (killed).
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    @property
    def exit_code(self) -> int:
        """127 or 126."""
        return 127 if self.reason == "command_not_found" else 126


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is new, or may differ from the tree's: one that was only touched counts too. `open` it to read.

    `open` may raise OSError. `path` is relative to the mountpoint; whether the store takes such a name is not checked.
    """

    path: str
    open: Callable[[], BinaryIO]


@dataclass(frozen=True, slots=True)
class Deleted:
    """What the tree has at `path`, a file or a folder with everything in it, is there no more."""

    path: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something at `path` that is no file and cannot become one; `why` is for people.

    Bytes of the name that are not UTF-8 are written as `\\xff`.
    """

    path: str
    why: str


Change = Written | Deleted | Skipped


class Process(Protocol):
    """A command that was started."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, or 128 + n if signal n ended it. Raises TimeoutError after `timeout` seconds.

        Returns when the command itself has ended; what it left running in the background goes on.
        """

    def on_exit(self, callback: Callable[[int], None]) -> None:
        """Call `callback` once with the exit code, from any thread; at once if it has ended. It must not block."""

    def kill(self) -> None:
        """End it and all it started, daemons too. Returns at once; does nothing if all that has ended."""


class Container(Protocol):
    """Somewhere to run commands, until it is killed. `close()` it in the end, whatever happened."""

    @property
    def mountpoint(self) -> str:
        """Where commands see the files: the spec's, but for runners that cannot mount."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What a command needs to work: PATH, HOME, LANG and so on. The caller adds his own to it, and passes it on."""

    def listen(self) -> socket.socket:
        """A listening TCP socket on 127.0.0.1 of the container, to accept from here. The caller closes it.

        With isolation nothing outside of the container can connect to it. Raises RunnerError if it was killed.
        """

    def run(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str, stdin: int, stdout: int, stderr: int
    ) -> Process:
        """Start `argv` with exactly `env`, in `cwd`, on copies of the three descriptors; the caller closes his own.

        A program without a slash is looked up in the PATH of `env`. Raises CommandNotStarted.
        """

    def run_in_terminal(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str, columns: int, rows: int
    ) -> tuple[Process, int]:
        """Start `argv` as the leader of a terminal; also the descriptor of the terminal's other end, the caller's.

        Reading it fails with EIO once nobody has the terminal open any more; TIOCSWINSZ resizes, closing hangs up.
        Raises CommandNotStarted.
        """

    def kill(self) -> None:
        """End every process in it at once. Returns when they are gone. Twice is fine."""

    def changes(self) -> Iterator[Change]:
        """What differs from the tree, everything that is Deleted first. To be called after `kill()`.

        What it yields is good until `close()`. Raises RunnerError if the changes cannot be read.
        """

    def close(self) -> None:
        """Kill it and free everything it holds. Twice is fine."""


class Runner(Protocol):
    """Makes containers."""

    @property
    def name(self) -> str:
        """`namespaces`, `plain` or `docker`."""

    @property
    def isolation(self) -> str:
        """One line for people: what is isolated, and what is not."""

    def start(self, spec: ContainerSpec) -> Container:
        """A container without any command in it. Raises RunnerError."""

    def close(self) -> None:
        """Kill what still runs and remove what lies about. No container may be used after that."""
