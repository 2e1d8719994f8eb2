"""Which runner is in force: the one that the operator chose, or the one that isolates, where the machine can."""

from __future__ import annotations

import sys
from pathlib import Path

from tilde_local.blobs import Blobs
from tilde_local.runner.base import Runner
from tilde_local.runner.trees import Trees
from tilde_local.sandboxes.registry import Engine, RunnerUnavailable

__all__ = ["AUTO", "RUNNERS", "open_engine"]

AUTO = "auto"
RUNNERS = (AUTO, "namespaces", "plain")
_WAY_OUT = "; `--runner plain` runs them as ordinary processes, which are kept away from nothing"


def open_engine(choice: str | Runner, data_directory: Path, blobs: Blobs) -> Engine:
    """The runner of that name, or the given one, with the trees for it. Raises RunnerUnavailable."""
    place = data_directory / "sandboxes"
    place.mkdir(mode=0o700, exist_ok=True)
    if choice in (AUTO, "namespaces"):
        return _open_namespaces(place, data_directory, blobs)
    runner = _open_plain(place) if choice == "plain" else choice
    assert not isinstance(runner, str), f"{choice!r} is none of {', '.join(RUNNERS)}"
    return Engine(runner, Trees(place / "trees", blobs))


def _open_namespaces(place: Path, hidden: Path, blobs: Blobs) -> Engine:
    if sys.platform != "linux":
        raise RunnerUnavailable(f"only Linux can isolate them, and this is {sys.platform}{_WAY_OUT}")
    from tilde_local.runner.identity import identity_of_commands
    from tilde_local.runner.namespaces import NamespacesRunner

    runner = NamespacesRunner(place / "runner", [hidden])
    return Engine(runner, Trees(place / "trees", blobs, identity_of_commands()))


def _open_plain(place: Path) -> Runner:
    from tilde_local.runner.plain import PlainRunner

    return PlainRunner(place / "runner")
