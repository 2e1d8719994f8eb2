"""What a sandbox is asked to be, checked before anything is sent. No message shows the value of a variable."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

from tilde_core.arguments import checked_text
from tilde_core.config import Config
from tilde_core.resources.agents import Agent
from tilde_core.resources.changes import named
from tilde_core.resources.roles import Role

__all__ = [
    "Command",
    "RunAs",
    "SandboxMode",
    "checked_command",
    "checked_env",
    "checked_image",
    "checked_mountpoint",
    "checked_prefix",
    "checked_run_as",
    "checked_seconds",
    "checked_timeout",
    "sandbox_request",
]

Command: TypeAlias = str | Sequence[str]
"""A str is a command for the shell (`sh -c`), a list the program and its arguments."""

RunAs: TypeAlias = Mapping[str, str] | Agent | Role
"""Another principal: `{"type": "agent", "id": "…"}`, likewise with `"role"`, or the entity itself."""

SandboxMode = Literal["one-shot", "interactive", "service"]
"""`"one-shot"` ends with its command, `"interactive"` has a terminal, `"service"` goes on until `finish()`."""

_RUN_AS = ("agent", "role")
_UNFIT = re.compile("[\0\ud800-\udfff]")  # what neither an argument nor a variable of a process can hold


def sandbox_request(
    config: Config,
    *,
    image: str | None,
    command: Command | None,
    env: Mapping[str, str] | None,
    mountpoint: str | None,
    path_prefix: str | None,
    timeout_seconds: int | None,
    run_as: RunAs | None,
    mode: SandboxMode | str | None,
) -> dict[str, Any]:
    """Return the body of the request for a sandbox; what is `None` is left to the service, but for the image.

    Raises `ValueError` or `TypeError` that names the argument.
    """
    if mode is not None and mode not in get_args(SandboxMode):
        raise ValueError(f"mode {mode!r} must be one of {', '.join(get_args(SandboxMode))}")
    if mode == "service" and command is not None:
        raise ValueError("mode 'service' runs no command of its own; leave command out, or use another mode")
    return named(
        image=checked_image(config.default_sandbox_image.value if image is None else image),
        command=None if command is None else checked_command(command),
        env_vars=None if env is None else checked_env(env),
        mountpoint=None if mountpoint is None else checked_mountpoint(mountpoint),
        path_prefix=None if path_prefix is None else checked_prefix(path_prefix),
        timeout_seconds=None if timeout_seconds is None else checked_seconds(timeout_seconds),
        run_as=None if run_as is None else checked_run_as(run_as),
        mode=mode,
    )


def checked_image(image: str) -> str:
    """Return a reference to an image, such as `python:3.12`."""
    if not checked_text("image", image).strip():
        raise ValueError("image is empty; it must name an image such as 'python:3.12'")
    return image


def checked_command(command: Command) -> list[str]:
    """Return program and arguments: of a str, the shell that runs it."""
    if isinstance(command, str):
        if not command.strip():
            raise ValueError("command is empty")
        return ["sh", "-c", _checked_argument("command", command)]
    if isinstance(command, (bytes, bytearray)) or not isinstance(command, Sequence):
        raise TypeError(f"command must be a str or a list of str, not {type(command).__name__}")
    if not command or command[0] == "":
        raise ValueError("command is empty; a list must begin with the program")
    return [_checked_argument(f"command[{index}]", argument) for index, argument in enumerate(command)]


def checked_env(env: Mapping[str, str], name: str = "env") -> dict[str, str]:
    """Return environment variables."""
    if not isinstance(env, Mapping):
        raise TypeError(f"{name} must be a mapping of str to str, not {type(env).__name__}")
    for variable, value in env.items():
        if not checked_text(f"a name in {name}", variable) or "=" in variable:
            raise ValueError(f"{name} has the name {variable!r}; a variable's name must not be empty or hold '='")
        _checked_argument(f"{name}[{variable!r}]", value)
    return dict(env)


def checked_mountpoint(mountpoint: str) -> str:
    """Return where the files are to be found in the sandbox."""
    first, *segments = checked_text("mountpoint", mountpoint).rstrip("/").split("/")
    if first or not segments or not {"", ".", ".."}.isdisjoint(segments):
        raise ValueError(
            f"mountpoint {mountpoint!r} must be an absolute path without '.' and '..', such as '/sandbox', and not '/'"
        )
    return mountpoint.rstrip("/")


def checked_prefix(path_prefix: str) -> str:
    """Return what the paths begin with that are mounted; `""` for all."""
    if checked_text("path_prefix", path_prefix).startswith("/"):
        raise ValueError(f"path_prefix {path_prefix!r} begins with a slash; paths are relative, such as 'datasets/'")
    return path_prefix


def checked_seconds(timeout_seconds: int) -> int:
    """Return a number of whole seconds."""
    if isinstance(timeout_seconds, bool) or not isinstance(timeout_seconds, int):
        raise TypeError(f"timeout_seconds must be a whole number, not {type(timeout_seconds).__name__}")
    if timeout_seconds < 1:
        raise ValueError(f"timeout_seconds={timeout_seconds}: must be 1 or more")
    return timeout_seconds


def checked_timeout(timeout: float | None) -> int | None:
    """Return a time-out in seconds as the service takes it: whole seconds, rounded up."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout must be a number of seconds, not {type(timeout).__name__}")
    if not 0 < timeout < math.inf:  # NaN neither
        raise ValueError(f"timeout={timeout!r}: must be more than 0 seconds, or None for no limit")
    return math.ceil(timeout)


def checked_run_as(run_as: RunAs) -> dict[str, str]:
    """Return the principal that is to run it, as the service wants it."""
    if isinstance(run_as, (Agent, Role)):
        run_as = {"type": "agent" if isinstance(run_as, Agent) else "role", "id": run_as.id}
    if not isinstance(run_as, Mapping):
        raise TypeError(f"run_as must be an Agent, a Role or a mapping with type and id, not {type(run_as).__name__}")
    if set(run_as) != {"type", "id"}:
        given = ", ".join(map(repr, run_as)) or "nothing"
        raise ValueError(f"run_as must have 'type' and 'id' and nothing else, and has {given}")
    if run_as["type"] not in _RUN_AS:
        raise ValueError(f"run_as: type {run_as['type']!r} must be one of {', '.join(_RUN_AS)}")
    if not checked_text("run_as: id", run_as["id"]):
        raise ValueError(f"run_as: id is empty; it must be the id of the {run_as['type']}")
    return {"type": run_as["type"], "id": run_as["id"]}


def _checked_argument(name: str, value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if _UNFIT.search(value):
        raise ValueError(f"{name} holds a NUL or a lone surrogate, which no process can be given")
    return value
