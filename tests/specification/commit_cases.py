"""The page's sections "Commit Log & Diffs" and "Error Handling"."""

from __future__ import annotations

import tilde
from specification.world import World, snippet
from support import answer
from tilde_core.testing import FakeTransport

PLACEHOLDER = "a1b2c3d4e5f6"


@snippet("035")
def log(world: World) -> None:
    first = world.commit("One", data_a_txt=b"1")
    second = world.commit("Two", data_a_txt=b"2")
    assert world.run(tilde=tilde).lines == [f"{second.id[:12]} local: Two", f"{first.id[:12]} local: One"]


@snippet("036")
def log_from_a_commit(world: World) -> None:
    first = world.commit("One", data_a_txt=b"1")
    second = world.commit("Two", data_a_txt=b"2")
    world.commit("Three", data_a_txt=b"3")
    assert world.run_in_repo({PLACEHOLDER: second.id[:12]}).lines == [f"{second.id} Two", f"{first.id} One"]


@snippet("037")
def one_commit(world: World) -> None:
    first = world.commit("One", data_a_txt=b"1")
    world.commit("Two", data_a_txt=b"2")
    assert world.run_in_repo({PLACEHOLDER: first.id[:12]}).lines == ["local One"]


@snippet("038")
def diff(world: World) -> None:
    world.commit("One", data_a_txt=b"1")
    world.commit("Two", data_a_txt=b"2", data_b_txt=b"2")
    assert world.run_in_repo().lines == ["  modified: data/a.txt", "  added: data/b.txt"]


@snippet("039")
def revert(world: World) -> None:
    world.commit("One", data_a_txt=b"1")
    world.commit("Two", data_a_txt=b"2")
    assert world.run_in_repo().lines == [f"Reverted to: {world.latest.id}"]
    assert world.log == ["Undo last change", "Two", "One"]
    assert world.content("data/a.txt") == b"1"


@snippet("070")
def errors(world: World) -> None:
    (line,) = world.run().lines
    assert line.startswith("Not found: ")
    world.configure(api_key="tuk-wrong")
    assert world.run().lines == ["Invalid API key"]
    failure = answer(500, {"message": "it broke", "request_id": "r-1"})
    world.configure(transport=FakeTransport([failure]), max_retries=0)
    assert world.run().lines == ["API error 500: it broke (request_id: r-1)"]
