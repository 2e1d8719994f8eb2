"""What can be asked for: a command on a repository's files, and the checks of all that is said about it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tilde_local.errors import BadRequest
from tilde_local.store.paths import check_path

__all__ = ["DEFAULT_MOUNTPOINT", "MODES", "NewSandbox", "check"]

MODES = ("one-shot", "interactive", "service")
DEFAULT_MOUNTPOINT = "/sandbox"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,255}")
# Linux takes no longer argument or variable, and no more of them together than a quarter of the stack.
_MAX_TEXT_BYTES = 128 * 1024 - 1
_MAX_ALL_BYTES = 1024 * 1024
_MAX_IMAGE = 512
_MAX_MOUNTPOINT = 256
_SYSTEM = ("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "sys", "usr")
_SHARED = ("/home", "/opt", "/root", "/srv", "/tmp", "/var")


@dataclass(frozen=True, kw_only=True)
class NewSandbox:
    """A sandbox as it is asked for. Without a `command` nothing is run, or a shell if it is `interactive`.

    `timeout_seconds` None is as long as the server lets a sandbox run.
    """

    image: str
    command: Sequence[str] = ()
    mountpoint: str = DEFAULT_MOUNTPOINT
    path_prefix: str = ""
    timeout_seconds: int | None = None
    mode: str = "one-shot"
    env_vars: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"NewSandbox({self.image!r}, {self.mode!r})"  # its variables may be secrets


def check(request: NewSandbox, max_seconds: int, prefix: str = "") -> None:
    """Raise BadRequest, naming the field, unless a sandbox can be made of it.

    `prefix` stands in front of the names of the fields, such as `sandbox_config.`.
    """
    _check_image(request.image, f"{prefix}image")
    _check_command(request.command, f"{prefix}command")
    _check_mountpoint(request.mountpoint, f"{prefix}mountpoint")
    if request.path_prefix:
        check_path(request.path_prefix, f"{prefix}path_prefix")
    if request.mode not in MODES:
        raise BadRequest(f"{prefix}mode: one of {', '.join(MODES)}, got {request.mode!r}")
    if request.timeout_seconds is not None and not 1 <= request.timeout_seconds <= max_seconds:
        raise BadRequest(f"{prefix}timeout_seconds: expected 1 to {max_seconds} seconds, got {request.timeout_seconds}")
    _check_variables(request.env_vars, f"{prefix}env_vars")


def _check_image(image: str, field: str) -> None:
    if not image.strip():
        raise BadRequest(f"{field}: cannot be empty")
    if len(image) > _MAX_IMAGE or any(char.isspace() or not char.isprintable() for char in image):
        raise BadRequest(f"{field}: expected at most {_MAX_IMAGE} characters without spaces, got {image!r}")


def _check_command(command: Sequence[str], field: str) -> None:
    if command and not command[0]:
        raise BadRequest(f"{field}[0]: the name of a program cannot be empty")
    for index, argument in enumerate(command):
        _check_text(argument, f"{field}[{index}]")
    if sum(len(argument.encode()) for argument in command) > _MAX_ALL_BYTES:
        raise BadRequest(f"{field}: at most {_MAX_ALL_BYTES} bytes in all")


def _check_text(text: str, field: str) -> None:
    if "\x00" in text:
        raise BadRequest(f"{field}: cannot hold a null character")
    if len(text.encode()) > _MAX_TEXT_BYTES:
        raise BadRequest(f"{field}: at most {_MAX_TEXT_BYTES} bytes")


def _check_mountpoint(path: str, field: str) -> None:
    if not path.startswith("/") or path != posixpath.normpath(path) or path.startswith("//"):
        raise BadRequest(f"{field}: expected an absolute path without '.', '..' or '//', got {path!r}")
    if len(path.encode()) > _MAX_MOUNTPOINT or not path.isprintable():
        raise BadRequest(f"{field}: expected at most {_MAX_MOUNTPOINT} bytes, all of them printable")
    if path == "/" or path.split("/")[1] in _SYSTEM or path in _SHARED:
        raise BadRequest(f"{field}: {path!r} is a directory of the system: use {DEFAULT_MOUNTPOINT} or /data, say")


def _check_variables(variables: Mapping[str, str], field: str) -> None:
    for name, value in variables.items():
        if not _NAME.fullmatch(name):
            raise BadRequest(f"{field}: the name of a variable must match ^{_NAME.pattern}$, got {name!r}")
        _check_text(value, f"{field}[{name!r}]")
    if sum(len(name.encode()) + len(value.encode()) for name, value in variables.items()) > _MAX_ALL_BYTES:
        raise BadRequest(f"{field}: at most {_MAX_ALL_BYTES} bytes in all")
