"""Which runner is in force: the one that the operator chose, or the one that isolates, where the machine can."""

from __future__ import annotations

import shutil
from pathlib import Path

from tilde_local.blobs import Blobs
from tilde_local.runner.availability import why_namespaces_are_missing
from tilde_local.runner.base import Runner, RunnerError
from tilde_local.runner.trees import Trees
from tilde_local.sandboxes.registry import Engine, RunnerUnavailable

__all__ = ["AUTO", "RUNNERS", "open_engine", "remove_leftovers"]

AUTO = "auto"
RUNNERS = (AUTO, "namespaces", "plain")
_TREES, _SCRATCH = "trees", "runner"


def open_engine(choice: str | Runner, data_directory: Path, blobs: Blobs) -> Engine:
    """The runner of that name, or the given one, with the trees for it. Raises RunnerUnavailable."""
    place = data_directory / "sandboxes"
    place.mkdir(mode=0o700, exist_ok=True)
    if choice in (AUTO, "namespaces"):
        return _open_namespaces(place, data_directory, blobs)
    runner = _open_plain(place) if choice == "plain" else choice
    assert not isinstance(runner, str), f"{choice!r} is none of {', '.join(RUNNERS)}"
    return Engine(runner, Trees(place / _TREES, blobs), place / _SCRATCH)


def remove_leftovers(data_directory: Path) -> None:
    """Remove what the runner of a server before has left behind, which did not end by itself. The logs stay."""
    for name in (_TREES, _SCRATCH):
        shutil.rmtree(data_directory / "sandboxes" / name, ignore_errors=True)


def _open_namespaces(place: Path, hidden: Path, blobs: Blobs) -> Engine:
    reason = why_namespaces_are_missing()
    if reason is not None:
        raise RunnerUnavailable(reason)
    # Only Linux has what these need.
    from tilde_local.runner.identity import identity_of_commands
    from tilde_local.runner.namespaces import NamespacesRunner

    runner = NamespacesRunner(place / _SCRATCH, [hidden])
    return Engine(runner, Trees(place / _TREES, blobs, identity_of_commands()), place / _SCRATCH)


def _open_plain(place: Path) -> Runner:
    from tilde_local.runner.plain import PlainRunner

    try:
        return PlainRunner(place / _SCRATCH)
    except RunnerError as error:
        raise RunnerUnavailable(error.message) from error
