"""Containers of the runners, with what a test wants to know of a command in one call."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tilde_local.runner.availability import why_namespaces_are_missing
from tilde_local.runner.base import Container, ContainerSpec, Deleted, Limits, Process, Runner, Skipped, Written
from tilde_local.runner.identity import identity_of_commands
from tilde_local.runner.namespaces import NamespacesRunner
from tilde_local.runner.plain import PlainRunner

SECONDS = 60


class Done(NamedTuple):
    code: int
    stdout: bytes
    stderr: bytes


class Changes(NamedTuple):
    deleted: list[str]
    written: dict[str, bytes]
    skipped: dict[str, str]


class Sandbox:
    """A container, and short ways to use it."""

    def __init__(self, container: Container, tree: Path) -> None:
        self.container = container
        self.tree = tree

    def start(
        self,
        argv: Sequence[str],
        *,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> Process:
        null = os.open(os.devnull, os.O_RDWR)
        fds = [null if fd is None else fd for fd in (stdin, stdout, stderr)]
        try:
            return self.container.run(
                argv,
                env={**self.container.environment, **(env or {})},
                cwd=cwd or self.container.mountpoint,
                stdin=fds[0],
                stdout=fds[1],
                stderr=fds[2],
            )
        finally:
            os.close(null)

    def run(self, *argv: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, cwd: str | None = None) -> Done:
        """Run to its end, and that of all that holds its output open."""
        pipes = [os.pipe() for _ in range(3)]
        (child_in, write_in), (read_out, child_out), (read_err, child_err) = pipes
        try:
            process = self.start(argv, stdin=child_in, stdout=child_out, stderr=child_err, env=env, cwd=cwd)
        except BaseException:
            for fd in (write_in, read_out, read_err):
                os.close(fd)
            raise
        finally:
            for fd in (child_in, child_out, child_err):
                os.close(fd)
        with ThreadPoolExecutor(3) as threads:
            threads.submit(_write, write_in, stdin)
            out, err = threads.submit(_read, read_out), threads.submit(_read, read_err)
            return Done(process.wait(SECONDS), out.result(SECONDS), err.result(SECONDS))

    def sh(self, script: str, *arguments: str) -> Done:
        return self.run("sh", "-c", script, "sh", *arguments)

    def changes(self) -> Changes:
        self.container.kill()
        changes = Changes([], {}, {})
        for change in self.container.changes():
            if isinstance(change, Deleted):
                assert not changes.written, "deletions come first"
                changes.deleted.append(change.path)
            elif isinstance(change, Written):
                with change.open() as file:
                    changes.written[change.path] = file.read()
            elif isinstance(change, Skipped):
                changes.skipped[change.path] = change.why
        return changes


def _write(fd: int, data: bytes) -> None:
    # Nobody may be there to read it.
    with suppress(BrokenPipeError), os.fdopen(fd, "wb", buffering=0) as stream:
        view = memoryview(data)
        while view:
            view = view[stream.write(view) :]


def _read(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as stream:
        return stream.read()


_numbers = itertools.count(1)


class Start:
    """Makes sandboxes on a runner; each is closed when the test is over."""

    def __init__(self, runner: Runner, root: Path, stack: ExitStack) -> None:
        self.runner = runner
        self._root = root
        self._stack = stack

    def __call__(
        self,
        files: Mapping[str, str | bytes] | None = None,
        *,
        limits: Limits | None = None,
        mountpoint: str = "/sandbox",
        image: str = "any",
    ) -> Sandbox:
        tree = self.make_tree(files or {})
        spec = ContainerSpec(
            id=f"test-{next(_numbers)}", tree=tree, mountpoint=mountpoint, image=image, limits=limits or Limits()
        )
        container = self.runner.start(spec)
        self._stack.callback(container.close)
        return Sandbox(container, tree)

    def make_tree(self, files: Mapping[str, str | bytes]) -> Path:
        tree = self._root / f"tree-{next(_numbers)}"
        tree.mkdir(parents=True)
        for name, content in files.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        identity = identity_of_commands()
        for path in (tree, *tree.rglob("*")):
            os.chown(path, identity.uid, identity.gid)
        return tree


@pytest.fixture(scope="session")
def namespaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """The runner that isolates; skips where the machine has none, unless the environment says it must."""
    why = why_namespaces_are_missing()
    if why is not None and os.environ.get("TILDE_REQUIRE_ISOLATION") == "1":
        pytest.fail(why)
    if why is not None:
        pytest.skip(why)
    scratch = tmp_path_factory.mktemp("namespaces")
    runner = NamespacesRunner(scratch)
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    runner = PlainRunner(tmp_path_factory.mktemp("plain"))
    yield runner
    runner.close()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def starter(tmp_path: Path, stack: ExitStack) -> Callable[[Runner], Start]:
    """Starts sandboxes on a runner of the test's own."""
    return lambda runner: Start(runner, tmp_path / "trees", stack)


@pytest.fixture(params=["namespaces", "plain"])
def start(request: pytest.FixtureRequest, tmp_path: Path, stack: ExitStack) -> Start:
    """Starts sandboxes on each of the runners."""
    return Start(request.getfixturevalue(request.param), tmp_path, stack)


@pytest.fixture
def isolated(namespaces: Runner, tmp_path: Path, stack: ExitStack) -> Start:
    """Starts sandboxes that are isolated."""
    return Start(namespaces, tmp_path, stack)


@pytest.fixture
def unisolated(plain: Runner, tmp_path: Path, stack: ExitStack) -> Start:
    """Starts sandboxes that are not."""
    return Start(plain, tmp_path, stack)
