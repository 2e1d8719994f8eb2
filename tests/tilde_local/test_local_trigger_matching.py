"""What a commit changed, as triggers look for it, is what its diff shows: for any history."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilde_local.database import Database
from tilde_local.store import committing, diffs, organizations, repositories, sessions, users
from tilde_local.store.paths import END
from tilde_local.store.records import Entry, Organization, Repository

NOW = "2026-01-01T00:00:00.000000Z"
_numbers = itertools.count()

# What commits do to paths: remove them, or put one of a few contents there, of which two differ in the type alone.
CONTENTS = st.sampled_from([None, ("1", "x/y"), ("2", "x/y"), ("2", "x/z")])
HISTORIES = st.lists(
    st.dictionaries(st.sampled_from(["a", "a/b", "b", "\u00e9"]), CONTENTS, min_size=1), min_size=1, max_size=8
)


class History:
    """Repositories in one database."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        with self.database.write() as db:
            self._user = users.create(db, "u", NOW).principal
            self._organization: Organization = organizations.create(db, "org", "", self._user, NOW)

    def of(self, commits: list[dict[str, tuple[str, str] | None]]) -> Repository:
        """A new repository with these commits; those that would be empty are left out."""
        name = f"r{next(_numbers)}"
        with self.database.write() as db:
            repositories.create(db, self._organization, name, "", 14, self._user, NOW)
            for changes in commits:
                repository = repositories.find(db, self._organization, name)
                session = sessions.create(db, repository, self._user, NOW)
                sessions.stage(db, session, [(path, _entry(*it)) for path, it in changes.items() if it is not None])
                gone = [path for path, it in changes.items() if it is None]
                sessions.stage_deletes(db, session, repository, gone)
                if next(sessions.staged(db, session, "", END), None) is not None:
                    committing.commit(db, repository, session, self._user, "m", {}, NOW)
            return repositories.find(db, self._organization, name)


def _entry(content: str, content_type: str) -> Entry:
    return Entry(hashlib.sha256(content.encode()).digest(), 1, f'"{content}"', content_type, "", NOW)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    made = History(tmp_path_factory.mktemp("matching") / "tilde.db")
    yield made
    made.database.close()


@settings(max_examples=60)
@given(commits=HISTORIES)
def test_it_agrees_with_the_diff(history: History, commits: list[dict[str, tuple[str, str] | None]]) -> None:
    repository = history.of(commits)
    with history.database.read() as db:
        for seq in range(1, repository.head + 1):
            sides = diffs.compare_commits(db, repository, seq - 1, seq)
            shown = [(each.path, each.status) for each in diffs.diff_page(sides, "", "", 100, "")]
            assert diffs.list_changed(db, repository, seq, "", END, 100) == shown
            assert diffs.list_changed(db, repository, seq, "a", "b", 1) == [e for e in shown if e[0][0] == "a"][:1]


def test_it_walks_along_the_changes_of_the_commit(history: History) -> None:
    with history.database.read() as db:
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {diffs.CHANGED_SQL}", (1, 1, "", END, 1))]
    assert len(plan) == 4
    assert all(step.startswith("SEARCH") for step in plan), plan
