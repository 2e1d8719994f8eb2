"""Images of Docker. The engine is a stand-in: a program called `docker` that has its images in a folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tilde_local.runner.base import CommandNotStarted, ContainerSpec, Limits, Runner, RunnerError
from tilde_local.runner.docker import DockerRunner

if TYPE_CHECKING:
    from tilde_local.runner.conftest import Sandbox, Start

# Knows what the runner asks of the real one: version, image inspect, pull, create, export, rm.
DOCKER = """#!/bin/sh
cd "$(dirname "$0")/images" && echo "$*" >> calls || exit
case "$1 $2" in
"version --format") echo 99.1;;
"image inspect") cat "have/$3/inspect" 2> /dev/null || { echo "Error: No such image: $3" >&2; exit 1; };;
"pull --quiet") mv "there/$3" have/ 2> /dev/null || { echo "Error: manifest for $3 not found" >&2; exit 1; };;
"create --network") echo "of-$4";;
export*) tar -c -C "have/$(cat "ids/${2#of-}")/root" .;;
esac
"""
PROGRAMS = ("sh", "cat", "env", "id", "ls", "ln")


class Engine:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "images"
        for name in ("have", "there", "ids"):
            (self.folder / name).mkdir(parents=True)
        (folder / "docker").write_text(DOCKER)
        (folder / "docker").chmod(0o755)

    def add(self, name: str, *, pulled: bool = True, settings: tuple[str, ...] = ()) -> Path:
        """A new image with a few programs of this machine; the folder with its files."""
        folder = self.folder / ("have" if pulled else "there") / name
        root = folder / "root"
        (root / "etc").mkdir(parents=True)
        (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (root / "etc" / "image").write_text(name)
        for program in PROGRAMS:
            _copy_program(program, root)
        identity = f"sha256:{name}"
        (folder / "inspect").write_text(json.dumps([{"Id": identity, "Config": {"Env": list(settings) or None}}]))
        (self.folder / "ids" / identity).write_text(name)
        return root

    @property
    def calls(self) -> list[str]:
        return [line.split()[0] for line in (self.folder / "calls").read_text().splitlines()]


def _copy_program(name: str, root: Path) -> None:
    """The program, and the libraries that it loads."""
    program = shutil.which(name)
    assert program is not None
    listed = subprocess.run(["ldd", program], capture_output=True, check=True, text=True).stdout.split()
    for source, place in [(program, f"/bin/{name}"), *((path, path) for path in listed if path.startswith("/"))]:
        target = root / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    folder = tmp_path / "engine"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return Engine(folder)


@pytest.fixture
def docker(engine: Engine, namespaces: Runner, tmp_path: Path, stack: ExitStack) -> DockerRunner:
    assert namespaces.name == "namespaces"
    runner = DockerRunner(tmp_path / "scratch", tmp_path / "unpacked")
    stack.callback(runner.close)
    return runner


@pytest.fixture
def start_image(docker: DockerRunner, starter: Callable[[Runner], Start]) -> Callable[..., Sandbox]:
    start = starter(docker)
    return lambda image, files=None, **more: start(files, image=image, **more)


def test_programs_are_the_image_s(engine: Engine, start_image: Callable[..., Sandbox]) -> None:
    engine.add("tiny", settings=("PATH=/bin", "LANGUAGE=de", "HOME=/root", "EMPTY="))
    sandbox = start_image("tiny", {"a": "hello"})
    assert sandbox.sh("cat /etc/image a; echo x > n; ln -s a l").stdout == b"tinyhello"
    environment = sandbox.container.environment
    assert [environment[name] for name in ("PATH", "LANGUAGE", "HOME", "EMPTY")] == ["/bin", "de", "/home/sandbox", ""]
    assert sandbox.sh("id -un; id -u").stdout == b"sandbox\n1000\n"
    assert b"localhost" in sandbox.sh("cat /etc/hosts").stdout
    with pytest.raises(CommandNotStarted, match="command not found: python"):
        sandbox.run("python")
    assert sandbox.changes() == ([], {"n": b"x\n", "l": b"hello"}, {})


def test_nothing_of_the_host_is_seen(engine: Engine, start_image: Callable[..., Sandbox], tmp_path: Path) -> None:
    engine.add("tiny")
    sandbox = start_image("tiny")
    done = sandbox.sh('ls /usr/share /usr/bin/python3 /root /var/lib "$1"', str(tmp_path))
    assert (done.stdout, done.stderr.count(b"No such file")) == (b"", 5)
    assert b"Read-only file system" in sandbox.sh("echo x > /etc/image").stderr
    assert b"Read-only file system" in sandbox.sh("echo x > /new").stderr


def test_an_image_is_unpacked_once(engine: Engine, start_image: Callable[..., Sandbox]) -> None:
    engine.add("tiny")
    for _ in range(3):
        assert start_image("tiny").sh("cat /etc/image").stdout == b"tiny"
    assert engine.calls == ["version", "image", "create", "export", "rm", "image", "image"]


def test_an_image_is_pulled_if_it_is_not_there(engine: Engine, start_image: Callable[..., Sandbox]) -> None:
    engine.add("remote", pulled=False)
    assert start_image("remote").sh("cat /etc/image").stdout == b"remote"
    assert engine.calls[:4] == ["version", "image", "pull", "image"]


@pytest.mark.parametrize("name", ["nowhere", "", "--help"])
def test_an_image_that_does_not_exist(start_image: Callable[..., Sandbox], name: str) -> None:
    with pytest.raises(RunnerError, match=r"manifest for nowhere not found|is no name of an image") as caught:
        start_image(name)
    assert caught.value.reason == "image_not_found"


@pytest.mark.parametrize("mountpoint", ["/opt", "/opt/data", "/data", "/app"])
def test_mountpoints(engine: Engine, start_image: Callable[..., Sandbox], mountpoint: str) -> None:
    root = engine.add("tiny")
    (root / "opt").mkdir()
    (root / "app").mkdir()
    (root / "app" / "of-the-image").touch()
    assert start_image("tiny", {"a": ""}, mountpoint=mountpoint).run("ls").stdout == b"a\n"


@pytest.mark.parametrize("mountpoint", ["/bin", "/app/data", "/link/data", "/etc/x"])
def test_mountpoints_that_the_image_needs(engine: Engine, start_image: Callable[..., Sandbox], mountpoint: str) -> None:
    root = engine.add("tiny")
    (root / "link").symlink_to("app")
    (root / "app").mkdir()
    (root / "app" / "of-the-image").touch()
    with pytest.raises(RunnerError, match="it is in use"):
        start_image("tiny", mountpoint=mountpoint)


def test_an_image_cannot_reach_the_host_by_links(
    engine: Engine, start_image: Callable[..., Sandbox], tmp_path: Path
) -> None:
    """Root mounts and writes while a container is laid out: never where an image points to."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "passwd").write_text("of the host\n")
    root = engine.add("evil")
    (root / "etc" / "passwd").unlink()
    (root / "etc" / "passwd").symlink_to(outside / "passwd")
    for name in ("tmp", "home", "var", "run", "dev", "proc", "mnt", "usr", "sandbox"):
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name).symlink_to(outside)
    sandbox = start_image("evil", {"a": "a"}, mountpoint="/data")
    assert b"No such file" in sandbox.sh("cat /etc/passwd").stderr
    done = sandbox.sh('cat a /usr/passwd; echo x > "$HOME/x"; echo x > /tmp/x; ls /dev/null; exit 0')
    assert (done.stdout, done.code) == (b"a/dev/null\n", 0)
    assert [path.name for path in outside.iterdir()] == ["passwd"]
    assert (outside / "passwd").read_text() == "of the host\n"


def test_leftovers_are_removed_and_images_are_kept(engine: Engine, docker: DockerRunner, tmp_path: Path) -> None:
    engine.add("tiny")
    tree = tmp_path / "tree"
    tree.mkdir()
    spec = ContainerSpec(id="one", tree=tree, mountpoint="/sandbox", image="tiny", limits=Limits())
    docker.start(spec).close()
    docker.close()
    (tmp_path / "unpacked" / "other.part").mkdir()
    DockerRunner(tmp_path / "scratch", tmp_path / "unpacked").close()
    assert [path.name for path in (tmp_path / "unpacked").iterdir()] == ["tiny"]


def test_it_says_what_is_in_force(docker: DockerRunner) -> None:
    assert "files of images of Docker 99.1" in docker.isolation


def test_without_an_engine_it_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RunnerError, match="cannot run docker: No such file"):
        DockerRunner(tmp_path / "scratch", tmp_path / "unpacked")
    (tmp_path / "docker").write_text("#!/bin/sh\necho Cannot connect to the Docker daemon >&2; exit 1\n")
    (tmp_path / "docker").chmod(0o755)
    with pytest.raises(RunnerError, match="docker version failed: Cannot connect to the Docker daemon"):
        DockerRunner(tmp_path / "scratch", tmp_path / "unpacked")
