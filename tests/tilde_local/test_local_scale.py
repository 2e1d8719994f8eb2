"""What a page or a commit costs does not depend on how many objects the repository has. Counted in SQLite's steps."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tilde_local.database import Database
from tilde_local.store import commits, committing, diffs, entries, listing, organizations, repositories, sessions, users
from tilde_local.store.records import Entry, Principal, Repository, View
from tilde_local.triggers.conditions import Condition, matched_paths

NOW = "2026-01-01T00:00:00.000000Z"
SMALL, LARGE = 1_000, 50_000


def entry_of(number: int) -> Entry:
    return Entry(hashlib.sha256(b"%d" % number).digest(), number, f'"{number}"', "x/y", "", NOW)


def path_of(number: int) -> str:
    return f"dir-{number % 10}/sub-{number % 100:02}/file-{number:06}"


class Seeded:
    """A repository with `size` objects in its first commit."""

    def __init__(self, path: Path, size: int) -> None:
        self.database = Database(path)
        with self.database.write() as db:
            self.user = users.create(db, "u", NOW).principal
            self.organization = organizations.create(db, "org", "", self.user, NOW)
            self.repository = repositories.create(db, self.organization, "r", "", 14, self.user, NOW)
        self.change((path_of(number), entry_of(number)) for number in range(size))

    def change(self, changes: Iterator[tuple[str, Entry]]) -> int:
        """Commit the changes; SQLite's steps of the commit alone."""
        with self.database.write() as db:
            session = sessions.create(db, self.repository, self.user, NOW)
            sessions.stage(db, session, changes)
            steps = count_steps(db, lambda: committing.commit(db, self.repository, session, self.user, "m", {}, NOW))
        with self.database.read() as db:
            self.repository = repositories.find(db, self.organization, "r")
        return steps

    def cost(self, act: Callable[[sqlite3.Connection, Repository, Principal], Any]) -> int:
        with self.database.read() as db:
            return count_steps(db, lambda: act(db, self.repository, self.user))


def count_steps(db: sqlite3.Connection, act: Callable[[], Any]) -> int:
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    db.set_progress_handler(count, 1)
    try:
        act()
    finally:
        db.set_progress_handler(None, 0)
    return steps


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Seeded, Seeded]]:
    folder = tmp_path_factory.mktemp("scale")
    small, large = Seeded(folder / "small.db", SMALL), Seeded(folder / "large.db", LARGE)
    # A second commit, so that there is an older one to look at.
    for each in (small, large):
        each.change((path_of(number), entry_of(number + 1)) for number in range(5))
    yield small, large
    small.database.close()
    large.database.close()


def page(view: Callable[[Repository], View], **options: Any) -> Callable[..., Any]:
    wanted = {"prefix": "", "after": "", "limit": 50, "delimiter": "", **options}
    return lambda db, repository, user: listing.list_page(db, view(repository), **wanted)


def at(seq: int, session: int | None = None) -> Callable[[Repository], View]:
    return lambda repository: View(repository.key, seq, repository.head, session)


READS = {
    "first page": page(at(2)),
    "page in the middle": page(at(2), after=path_of(555)),
    "older commit": page(at(1), after=path_of(555)),
    "in a session": page(at(2, session=1), after=path_of(555)),
    "in a session on an older commit": page(at(1, session=1), after=path_of(555)),
    "folded": page(at(2), delimiter="/"),
    "folded at an older commit": page(at(1), delimiter="/"),
    "folded below a prefix": page(at(2), prefix="dir-3/", delimiter="/"),
    "one object": lambda db, repository, user: entries.find(db, at(2)(repository), path_of(7)),
    "one object at an older commit": lambda db, repository, user: entries.find(db, at(1)(repository), path_of(4)),
    "diff of adjacent commits": lambda db, repository, user: diffs.diff_page(
        diffs.compare_commits(db, repository, 1, 2), "", "", 50, ""
    ),
    "log": lambda db, repository, user: commits.log(db, repository, 2, "", None, 50),
    "log of a prefix": lambda db, repository, user: commits.log(db, repository, 2, "dir-1/", None, 50),
    "log of an object": lambda db, repository, user: commits.log(db, repository, 2, "", path_of(3), 50),
    "matching a prefix": lambda db, repository, user: matched_paths(db, repository, 1, [Condition("prefix", "")]),
    "matching a path": lambda db, repository, user: matched_paths(
        db, repository, 1, [Condition("path_exact", path=path_of(4), diff_type="added")]
    ),
}


@pytest.mark.parametrize("name", READS)
def test_a_read_costs_the_same_in_a_large_repository(seeded: tuple[Seeded, Seeded], name: str) -> None:
    small, large = (each.cost(READS[name]) for each in seeded)
    assert 0 < large <= small * 1.1 + 20


def test_a_commit_costs_what_it_changes(seeded: tuple[Seeded, Seeded]) -> None:
    few = [each.change((path_of(number), entry_of(number + 2)) for number in range(10)) for each in seeded]
    many = [each.change((path_of(number), entry_of(number + 3)) for number in range(100)) for each in seeded]
    assert few[1] <= few[0] * 1.1 + 20
    assert many[1] <= many[0] * 1.1 + 20
    assert many[0] <= few[0] * 12


@pytest.mark.parametrize("between", [10, 40])
def test_folding_a_diff_costs_about_what_reading_it_does(tmp_path: Path, between: int) -> None:
    folders = 100
    seeded = Seeded(tmp_path / "tilde.db", 1)
    for number in range(between):
        seeded.change((f"dir-{index}/file", entry_of(number)) for index in range(folders))

    def diff(delimiter: str) -> Callable[[sqlite3.Connection, Repository, Principal], Any]:
        return lambda db, repository, user: diffs.diff_page(
            diffs.compare_commits(db, repository, 1, 1 + between), "", "", 1000, delimiter
        )

    statements: list[str] = []
    with seeded.database.read() as db:
        db.set_trace_callback(statements.append)
        assert len(diff("/")(db, seeded.repository, seeded.user)) == folders
        db.set_trace_callback(None)
    whole, folded = seeded.cost(diff("")), seeded.cost(diff("/"))
    seeded.database.close()
    assert folded <= whole * 4
    # Statements have a price beside their steps; two of each folder look up both sides.
    assert len(statements) <= (folders + 1) * (2 + 16)


@pytest.mark.parametrize("view", [View(1, 2, 2), View(1, 1, 2), View(1, 2, 2, 1), View(1, 1, 2, 1)])
def test_listings_neither_scan_nor_sort(seeded: tuple[Seeded, Seeded], view: View) -> None:
    names = {"repository": 1, "seq": view.seq, "session": view.session, "low": "", "high": b"", "limit": 1}
    with seeded[1].database.read() as db:
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {entries.walk_sql(view)}", names)]
    assert any(step.startswith("SEARCH") for step in plan)
    assert not [step for step in plan if "SCAN" in step or "TEMP B-TREE" in step]
