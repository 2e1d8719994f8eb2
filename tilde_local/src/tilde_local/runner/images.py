"""The files of Docker images, unpacked once each.

The engine is asked through its command line, `docker`, which finds it as for any user (`DOCKER_HOST` and so on).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tilde_local.runner.base import RunnerError

__all__ = ["Image", "Images", "engine_version"]

# What a container has of its own; device nodes would only be in the way.
_LEFT_OUT = ("dev", "proc", "sys")
_NEVER_TAKEN = ("HOME", "TMPDIR", "USER", "LOGNAME")
# Added to what the image has. The engine exports the others empty.
_ETC = {
    "passwd": "sandbox:x:1000:1000:sandbox:/home/sandbox:/bin/sh\n",
    "group": "sandbox:x:1000:\n",
    "hostname": "sandbox\n",
    "hosts": "127.0.0.1 localhost sandbox\n::1 localhost sandbox\n",
    "resolv.conf": "# There is no network.\n",
}


class Image(NamedTuple):
    """An image: its files, and the variables that it sets for its programs."""

    root: Path
    environment: dict[str, str]


def engine_version() -> str:
    """The version of the engine. Raises RunnerError if there is none to reach."""
    return _docker("version", "--format", "{{.Server.Version}}").strip()


class Images:
    """The images below `root`, which is this object's alone, created if missing. What was unpacked before is kept."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(mode=0o755, parents=True, exist_ok=True)
        for unfinished in root.glob("*.part"):
            shutil.rmtree(unfinished, ignore_errors=True)
        self._lock = threading.Lock()

    def get(self, name: str) -> Image:
        """The image of that name, pulled if the engine does not have it. Raises RunnerError, image_not_found too."""
        if not name or name.startswith("-"):
            raise RunnerError("image_not_found", f"{name!r} is no name of an image")
        try:
            described = _inspect(name)
        except RunnerError:
            _docker("pull", "--quiet", name, reason="image_not_found")
            described = _inspect(name)
        root = self._root / described.id.rpartition(":")[2]
        # One after the other: two would only get into each other's way on the disk.
        with self._lock:
            if not root.exists():
                _unpack(described.id, root)
        return Image(root, _environment(described.settings))


class _Described(NamedTuple):
    id: str
    settings: list[str]


def _inspect(name: str) -> _Described:
    described = json.loads(_docker("image", "inspect", name))[0]
    return _Described(described["Id"], described["Config"].get("Env") or [])


def _environment(settings: Sequence[str]) -> dict[str, str]:
    pairs = (setting.partition("=") for setting in settings)
    return {name: value for name, equals, value in pairs if equals and name not in _NEVER_TAKEN}


def _unpack(image: str, root: Path) -> None:
    unfinished = root.with_suffix(".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    # The engine gives the files of containers only, even of one that never runs.
    container = _docker("create", "--network", "none", image, "true").strip()
    try:
        _export(container, unfinished)
        _add_to_etc(unfinished / "etc")
        unfinished.rename(root)
    except OSError as error:
        raise RunnerError("storage_not_ready", f"cannot unpack the image: {error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        _docker("rm", "--force", container)


def _export(container: str, root: Path) -> None:
    left_out = [argument for name in _LEFT_OUT for argument in ("--exclude", f"{name}/*")]
    tar = ["tar", "-x", "-f", "-", "--no-same-owner", "-C", str(root), *left_out]
    with (
        subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as export,
        subprocess.Popen(tar, stdin=export.stdout, stderr=subprocess.PIPE) as unpacking,
    ):
        complaint = unpacking.communicate()[1]
        if unpacking.returncode != 0 or export.wait() != 0:
            raise RunnerError("storage_not_ready", f"cannot unpack the image: {_last_line(complaint)}")


def _add_to_etc(etc: Path) -> None:
    """Give the user that commands run as a name, and localhost. What is no file or folder in the image stays."""
    if etc.is_symlink() or not etc.is_dir():
        return
    for name, text in _ETC.items():
        with suppress(OSError):
            fd = os.open(etc / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
            with os.fdopen(fd, "w") as file:
                file.write(text)


def _docker(*arguments: str, reason: str = "internal_error") -> str:
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, stdin=subprocess.DEVNULL, check=True)
    except OSError as error:
        raise RunnerError("internal_error", f"cannot run docker: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        raise RunnerError(reason, f"docker {arguments[0]} failed: {_last_line(error.stderr)}") from error
    return done.stdout.decode()


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").split("\n")
    with suppress(StopIteration):
        return next(line.strip() for line in reversed(lines) if line.strip())
    return "it did not say why"
