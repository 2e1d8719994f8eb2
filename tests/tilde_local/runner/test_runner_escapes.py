"""Attempts to break out, each made by real code inside a container: see probes.py for what they try."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tilde_local import Server
from tilde_local.runner.base import Runner
from tilde_local.runner.namespaces import NamespacesRunner

if TYPE_CHECKING:
    from tilde_local.runner.conftest import Sandbox, Start

SOURCE = Path(__file__).with_name("probes.py").read_text()
MARKER = f"marker-{secrets.token_hex(8)}"
SECONDS = 60


def _probes() -> list[str]:
    spec = importlib.util.spec_from_file_location("probes", Path(__file__).with_name("probes.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.PROBES)


PROBES = _probes()
# Those that do no harm where nothing is isolated, and find something there whoever runs them.
HARMLESS = [
    "reading_files_of_the_host",
    "listing_folders_of_the_host",
    "reading_the_server_s_data",
    "the_roots_of_processes",
    "environments_of_the_server",
    "processes_of_the_host",
    "ports_of_the_host",
    "sockets_of_the_host",
    "shared_memory_of_the_host",
    "control_groups",
    "set_user_id_programs",
    "the_layers_of_the_overlay",
]


class World:
    """A machine with something to find: a server with its data, files, processes, sockets, another sandbox."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._stack = stack
        self.folder = folder
        self.data = folder / "data"
        self.server = stack.enter_context(Server(self.data))
        self.facts: dict[str, Any] = {
            "marker": MARKER,
            "host_files": self._make_files(),
            "host_folders": [str(folder), str(self.data), str(self.data / "blobs")],
            "data_files": self._data_files(),
            "environment": _entry_of_environment(),
            "host_pids": [os.getpid(), os.getppid(), self._start_process()],
            "packages": _package_folders(),
            "ports": [int(self.server.endpoint_url.rpartition(":")[2]), self._listen(), 22],
            "addresses": _addresses(),
            "unix_sockets": [self._listen_at(str(folder / "socket")), self._listen_at(f"\0{MARKER}")],
            "shared_memory": [self._share_memory()],
        }

    def _make_files(self) -> list[str]:
        names = ("home/.ssh/id_ed25519", "home/.aws/credentials", "home/notes.txt", f"{MARKER}.txt")
        paths = [self.folder / name for name in names]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("secret")
        return [str(path) for path in paths]

    def _data_files(self) -> list[str]:
        writer = self.server.services.blobs.create()
        writer.write(b"bytes of another repository")
        blob = self.server.services.blobs.path(writer.finish().digest)
        names = ("tilde.db", "secret.key", "encryption.key", "lock")
        return [*(str(self.data / name) for name in names), str(blob)]

    def _start_process(self) -> int:
        process = subprocess.Popen(["tail", "-f", "/dev/null", "--", MARKER], stderr=subprocess.DEVNULL)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process.pid

    def _listen(self) -> int:
        listener = self._stack.enter_context(socket.create_server(("0.0.0.0", 0)))
        port: int = listener.getsockname()[1]
        return port

    def _listen_at(self, address: str) -> str:
        listener = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(address)
        listener.listen()
        return address

    def _share_memory(self) -> str:
        path = Path("/dev/shm", MARKER)
        path.write_text("secret")
        self._stack.callback(path.unlink)
        # A queue of System V, which has no path.
        libc = ctypes.CDLL(None)
        queue = libc.msgget(0, 0o1600)
        assert queue >= 0
        self._stack.callback(libc.msgctl, queue, 0, None)
        return str(path)


def _entry_of_environment() -> str:
    """Something in the environment that this process was started with."""
    entries = Path("/proc/self/environ").read_text().split("\0")
    return max(entries, key=len)


def _package_folders() -> list[str]:
    names = ("tilde", "tilde_core", "tilde_local")
    return [str(Path(sys.modules[name].__file__ or "").parent) for name in names if name in sys.modules]


def _addresses() -> list[str]:
    """This machine's own, by which it reaches others. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, suppress(OSError):
        datagrams.connect(("192.0.2.1", 9))
        return [datagrams.getsockname()[0]]
    return []


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        # Not below /tmp alone, which the container has of its own: everything must be out of sight by itself.
        yield World(tmp_path_factory.mktemp("world"), stack)


@pytest.fixture(scope="module")
def runner(world: World, namespaces: Runner) -> Iterator[Runner]:
    """A runner whose directory lies in the server's data, as in a real server."""
    assert namespaces.name == "namespaces"
    runner = NamespacesRunner(world.data / "sandboxes", hidden=[world.data])
    yield runner
    runner.close()


@pytest.fixture
def victim(runner: Runner, starter: Callable[[Runner], Start]) -> Sandbox:
    """The sandbox from which the probes try to get out; beside it another one runs."""
    start = starter(runner)
    other = start({f"{MARKER}.csv": "x"})
    assert other.sh(f'touch /tmp/{MARKER} "$HOME/{MARKER}" /dev/shm/{MARKER}').code == 0
    other.start(["tail", "-f", f"{MARKER}.csv"])
    return start({"a": "a"})


def attempt(sandbox: Sandbox, name: str, world: World) -> list[str]:
    facts = json.dumps({**world.facts, "tree": str(sandbox.tree)})
    done = sandbox.run("python", "-c", SOURCE, name, env={"PROBE_FACTS": facts})
    assert (done.code, done.stderr) == (0, b"")
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", PROBES)
def test_nothing_gets_out(victim: Sandbox, world: World, name: str) -> None:
    assert attempt(victim, name, world) == []
    # Nor did it break anything: the container works, and so does the server.
    assert victim.run("true").code == 0
    socket.create_connection(("127.0.0.1", world.facts["ports"][0])).close()


@pytest.mark.parametrize("name", HARMLESS)
def test_the_probes_find_something_where_nothing_is_isolated(unisolated: Start, world: World, name: str) -> None:
    assert attempt(unisolated(), name, world) != []


def test_forged_marks_of_the_overlay_change_nothing(victim: Sandbox, world: World) -> None:
    attempt(victim, "forging_marks_of_the_overlay", world)
    assert victim.sh("cat a; ls -A").stdout == b"aa\nforged\n"
    assert victim.changes() == ([], {}, {})


@pytest.mark.usefixtures("namespaces")
def test_the_server_s_data_is_hidden_in_what_is_visible_too(
    starter: Callable[[Runner], Start], tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data directory inside of a folder of programs, also if it was named by a link that leads there."""
    monkeypatch.syspath_prepend(tmp_path / "path")
    data = tmp_path / "path" / "tilde_of_this_test" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").touch()
    (data / "file").write_text("secret")
    link = tmp_path / "link"
    link.symlink_to(data)
    for hidden, content in ((), b"secret"), ((data,), b""), ((link,), b""):
        runner = NamespacesRunner(tmp_path / "scratch", hidden=hidden)
        stack.callback(runner.close)
        assert starter(runner)().run("cat", str(data / "file")).stdout == content


def test_typing_into_one_s_own_terminal(victim: Sandbox) -> None:
    """With a terminal, TIOCSTI would type into it what its user then runs outside."""
    source = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSTI, b'x')"
    container = victim.container
    process, terminal = container.run_in_terminal(
        ["python", "-c", source], env=container.environment, cwd="/sandbox", columns=80, rows=24
    )
    seen = b""
    with suppress(OSError):
        while data := os.read(terminal, 1000):
            seen += data
    os.close(terminal)
    assert process.wait(SECONDS) == 1
    assert b"PermissionError" in seen
