"""What commands can see beside their files, to read: the host's programs and the server's Python, or an image."""

from __future__ import annotations

import os
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tilde_local.runner.base import RunnerError

__all__ = ["HOME", "View", "check_mountpoint", "host_view", "image_view", "places_of"]

HOME = "/home/sandbox"
_HOSTNAME = "sandbox"

_PROGRAM_FOLDERS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "alternatives", "ca-certificates", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "mime.types",
    "pki/ca-trust/extracted", "pki/tls/certs", "protocols", "services", "ssl/certs", "ssl/openssl.cnf",
)  # fmt: skip
_TEXTS = {
    "/etc/passwd": "sandbox:x:1000:1000:sandbox:/home/sandbox:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "/etc/group": "sandbox:x:1000:\nnogroup:x:65534:\n",
    "/etc/hostname": f"{_HOSTNAME}\n",
    "/etc/hosts": f"127.0.0.1 localhost {_HOSTNAME}\n::1 localhost {_HOSTNAME}\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n",
    "/etc/resolv.conf": "# There is no network.\n",
}
_DIRECTORIES = ("/dev/pts", "/dev/shm", "/etc", "/home/sandbox", "/proc", "/run", "/tmp", "/usr", "/var")
_LINKS = {"/var/tmp": "/tmp", "/var/run": "/run"}
_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
# What every container has of its own, whatever an image has there.
_OURS = ("/dev", "/home", "/proc", "/run", "/sys", "/tmp")
_RESERVED = ("/dev", "/etc", "/proc", "/run", "/sys", "/usr", "/var", *_PROGRAM_FOLDERS)


class View(NamedTuple):
    """What goes where: `binds` from a path of the host to one of the container, `links` and `texts` by their path.

    `environment` is what commands get below what the caller gives: nothing of the server's own.
    """

    directories: tuple[str, ...]
    binds: list[tuple[str, str]]
    links: dict[str, str]
    texts: dict[str, str]
    hostname: str
    environment: dict[str, str]


def host_view() -> View:
    """What commands see of this host."""
    links = dict(_LINKS)
    folders = []
    for folder in _PROGRAM_FOLDERS:
        if Path(folder).is_symlink():
            links[folder] = str(Path(folder).readlink())
        elif Path(folder).is_dir():
            folders.append(folder)
    etc = [str(path) for path in (Path("/etc", name) for name in _ETC) if path.exists()]
    binds = _without_nested(["/usr", *folders, *etc, *_python_paths()])
    python = str(Path(sys.prefix, "bin"))
    environment = _environment([python, *_PATH])
    return View(_DIRECTORIES, [(path, path) for path in binds], links, _TEXTS, _HOSTNAME, environment)


def _python_paths() -> Iterator[str]:
    """The interpreter that the server runs on, with its libraries, and the SDK if it lies elsewhere."""
    prefixes = [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix]
    for prefix in dict.fromkeys(prefixes):
        yield from {prefix, os.path.realpath(prefix)} - {"/"}
    for module in pkgutil.iter_modules():
        folder = getattr(module.module_finder, "path", None)
        if module.ispkg and folder and (module.name == "tilde" or module.name.startswith("tilde_")):
            yield str(Path(folder, module.name).absolute())


def _without_nested(paths: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for path in sorted(set(paths), key=lambda path: (path.count("/"), path)):
        if not any(_is_in(path, folder) for folder in kept):
            kept.append(path)
    return kept


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def places_of(path: str, view: View) -> list[str]:
    """Where a directory of the host would be seen: below each folder that it lies in, whatever links lead there."""
    real = os.path.realpath(path)
    sources = ((os.path.realpath(source), target) for source, target in view.binds)
    return [path, *(target + real[len(source) :] for source, target in sources if _is_in(real, source))]


def check_mountpoint(mountpoint: str, view: View) -> None:
    """Raise RunnerError if files cannot be shown there without hiding what commands need."""
    parts = PurePosixPath(mountpoint).parts
    if not mountpoint.startswith("/") or ".." in parts or "\0" in mountpoint or str(PurePosixPath(mountpoint)) == "/":
        raise RunnerError("storage_not_ready", f"cannot mount on {mountpoint!r}: use an absolute path such as /sandbox")
    where = str(PurePosixPath("/", *parts[1:]))
    needed = [*view.links, *(target for _, target in view.binds)]
    inside = any(_is_in(where, folder) for folder in (*_RESERVED, *needed))
    above = any(_is_in(folder, where) for folder in (*needed, HOME, "/tmp"))
    if inside or above:
        raise RunnerError("storage_not_ready", f"cannot mount on {mountpoint}: it is in use. Try /sandbox or /data")


def _environment(path: Iterable[str]) -> dict[str, str]:
    return {
        "HOME": HOME,
        "LANG": "C.UTF-8",
        "LOGNAME": "sandbox",
        "PATH": ":".join(dict.fromkeys(path)),
        # Importing a module of the repository should not count as changing the repository.
        "PYTHONDONTWRITEBYTECODE": "1",
        "SHELL": "/bin/sh",
        "TMPDIR": "/tmp",
        "USER": "sandbox",
    }


def image_view(root: Path, settings: dict[str, str]) -> View:
    """What commands see of an image that was unpacked to `root`, with its `settings` of the environment.

    Nothing of it is trusted: only what lies at the top is looked at, and links are passed on as links.
    """
    links: dict[str, str] = {}
    binds: list[tuple[str, str]] = []
    for entry in sorted(root.iterdir()):
        path = f"/{entry.name}"
        if path in _OURS:
            continue
        if entry.is_symlink():
            links[path] = str(entry.readlink())
        # An empty one is left out, so that files can be mounted below it.
        elif entry.is_dir() and any(entry.iterdir()):
            binds.append((str(entry), path))
    taken = [*links, *(target for _, target in binds)]
    # Not ours to lay anything out in: it would land where a link of the image points to.
    free = [path for path in (*_DIRECTORIES, *_LINKS, *_TEXTS) if not any(_is_in(path, each) for each in taken)]
    links |= {path: target for path, target in _LINKS.items() if path in free}
    texts = {path: text for path, text in _TEXTS.items() if path in free}
    directories = tuple(path for path in _DIRECTORIES if path in free)
    return View(directories, binds, links, texts, _HOSTNAME, {**_environment(_PATH), **settings})
