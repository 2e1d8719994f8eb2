"""Which runner is in force: the one that the operator chose, or the one that isolates, where the machine can."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from tilde_local.blobs import Blobs
from tilde_local.runner.availability import why_namespaces_are_missing
from tilde_local.runner.base import Runner, RunnerError
from tilde_local.runner.trees import Trees
from tilde_local.sandboxes.registry import Engine, RunnerUnavailable

__all__ = ["AUTO", "RUNNERS", "open_engine", "remove_leftovers"]

AUTO = "auto"
RUNNERS = (AUTO, "namespaces", "docker", "plain")
_TREES, _SCRATCH = "trees", "runner"


def open_engine(choice: str | Runner, data_directory: Path, blobs: Blobs) -> Engine:
    """The runner of that name, or the given one, with the trees for it. Raises RunnerUnavailable."""
    place = data_directory / "sandboxes"
    place.mkdir(mode=0o700, exist_ok=True)
    if not isinstance(choice, str):
        return Engine(choice, Trees(place / _TREES, blobs), place / _SCRATCH)
    try:
        return _OPENERS[choice](place, data_directory, blobs)
    except RunnerError as error:
        raise RunnerUnavailable(error.message) from error


def remove_leftovers(data_directory: Path) -> None:
    """Remove what the runner of a server before has left behind, which did not end by itself. The logs stay."""
    for name in (_TREES, _SCRATCH):
        shutil.rmtree(data_directory / "sandboxes" / name, ignore_errors=True)


# The modules of the runners are for some systems only.


def _open_namespaces(place: Path, hidden: Path, blobs: Blobs) -> Engine:
    reason = why_namespaces_are_missing()
    if reason is not None:
        raise RunnerUnavailable(reason)
    from tilde_local.runner.identity import identity_of_commands
    from tilde_local.runner.namespaces import NamespacesRunner

    runner = NamespacesRunner(place / _SCRATCH, [hidden])
    return Engine(runner, Trees(place / _TREES, blobs, identity_of_commands()), place / _SCRATCH)


def _open_docker(place: Path, hidden: Path, blobs: Blobs) -> Engine:
    reason = why_namespaces_are_missing()
    if reason is not None:
        raise RunnerUnavailable(reason)
    from tilde_local.runner.docker import DockerRunner
    from tilde_local.runner.identity import identity_of_commands

    # Unpacked images are kept from one server to the next.
    runner = DockerRunner(place / _SCRATCH, place / "images")
    return Engine(runner, Trees(place / _TREES, blobs, identity_of_commands()), place / _SCRATCH)


def _open_plain(place: Path, hidden: Path, blobs: Blobs) -> Engine:
    from tilde_local.runner.plain import PlainRunner

    return Engine(PlainRunner(place / _SCRATCH), Trees(place / _TREES, blobs), place / _SCRATCH)


_OPENERS: Mapping[str, Callable[[Path, Path, Blobs], Engine]] = {
    AUTO: _open_namespaces,
    "namespaces": _open_namespaces,
    "docker": _open_docker,
    "plain": _open_plain,
}
