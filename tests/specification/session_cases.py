"""The page's section "Sessions (Advanced)"."""

from __future__ import annotations

import pytest

from specification.world import World, snippet
from tilde.exceptions import SessionClosedError


@snippet("021")
def context_manager(world: World) -> None:
    world.commit(data_old_csv=b"old")
    (world.directory / "train.csv").write_bytes(b"train")
    (world.directory / "test.csv").write_bytes(b"test")
    world.run_leaving_files_open()
    assert world.log == ["Add new dataset", "Earlier"]
    assert world.paths == ["data/test.csv", "data/train.csv"]
    assert world.content("data/train.csv") == b"train"


@snippet("022")
def explicit_control(world: World) -> None:
    assert world.run_in_repo().lines == ["data/file.csv 14", f"Committed: {world.latest.id}"]
    assert (world.latest.message, world.latest.metadata) == ("Add CSV data", {"source": "ingest"})
    assert world.content("data/file.csv") == b"col1,col2\na,b\n"


@snippet("023")
def rollback(world: World) -> None:
    session = world.run_in_repo().names["session"]
    assert world.log == []
    with pytest.raises(SessionClosedError):
        session.commit("Too late")


@snippet("024")
def attaching(world: World) -> None:
    (world.directory / "part1.csv").write_bytes(b"1")
    (world.directory / "part2.csv").write_bytes(b"2")
    # Both processes are this one here: the id is handed over as the first one prints it.
    outcome = world.run_leaving_files_open({'"existing-session-uuid"': "session.session_id"})
    assert outcome.lines == [outcome.names["session"].session_id]
    assert world.log == ["Add dataset parts 1 and 2"]
    assert world.paths == ["data/part1.csv", "data/part2.csv"]
