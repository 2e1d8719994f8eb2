"""Listings, lookups and diffs agree with plain dictionaries, at every commit and inside sessions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tilde_local.database import Database
from tilde_local.store import committing, diffs, entries, listing, organizations, repositories, sessions, users
from tilde_local.store.paths import prefix_end
from tilde_local.store.records import Entry, Session, View

if TYPE_CHECKING:
    from tilde_local.conftest import Repo

NOW = "2026-01-01T00:00:00.000000Z"
# Few characters, so that prefixes are shared; among them the ends of UTF-8's and UTF-16's ranges, whose orders differ.
ALPHABET = "a/b\ud7ff\ue000\uffff\U00010000\U0010ffff"
paths = st.text(ALPHABET, min_size=1, max_size=5)
contents = st.integers(1, 3)
changes = st.dictionaries(paths, st.none() | contents, min_size=1, max_size=8)
delimiters = st.sampled_from(["", "/", "a", "//", "\U0010ffff"])
prefixes = st.text(ALPHABET, max_size=2)

Model = dict[str, int]


def entry_of(content: int) -> Entry:
    return Entry(hashlib.sha256(bytes([content])).digest(), content, f'"{content}"', "x/y", "", NOW)


class History:
    """A repository below the API, and what every commit of it should hold."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.models: list[Model] = [{}]
        with database.write() as db:
            self.user = (users.find_by_name(db, "u") or users.create(db, "u", NOW)).principal
            with mock.patch.object(organizations, "availability", return_value=""):
                organization = organizations.create(db, f"o{id(self)}", "", self.user, NOW)
            self.repository = repositories.create(db, organization, "r", "", 14, self.user, NOW)
            organizations.delete(db, organization, NOW)

    def open(self, staged: Mapping[str, int | None]) -> tuple[Session, Model]:
        """A session with changes, and what it should show."""
        model = dict(self.models[-1])
        with self.database.write() as db:
            session = sessions.create(db, self.repository, self.user, NOW)
            for path, content in staged.items():
                if content is None:
                    sessions.stage_deletes(db, session, self.repository, [path])
                    model.pop(path, None)
                else:
                    sessions.stage(db, session, [(path, entry_of(content))])
                    model[path] = content
        return session, model

    def commit(self, staged: Mapping[str, int | None]) -> None:
        session, model = self.open(staged)
        with self.database.write() as db:
            if db.execute("SELECT 1 FROM staged WHERE session = ?", (session.key,)).fetchone():
                committing.commit(db, self.repository, session, self.user, "m", {}, NOW)
                self.repository = self.repository._replace(head=self.repository.head + 1)
                self.models.append(model)

    def view(self, seq: int) -> View:
        return View(self.repository.key, seq, self.repository.head)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Any:
    found = Database(tmp_path_factory.mktemp("listing") / "tilde.db")
    # Thousands of tiny transactions, and nothing to lose.
    with found.write() as db:
        db.execute("COMMIT")
        db.execute("PRAGMA synchronous=OFF")
        db.execute("BEGIN")
    yield found
    found.close()


def in_order(names: Any) -> list[str]:
    return sorted(names, key=lambda name: name.encode())


def folded(model: Mapping[str, Any], prefix: str, delimiter: str) -> list[str]:
    """What a whole listing should show: straight from the definition."""
    names = set()
    for path in model:
        if path.startswith(prefix):
            cut = path[len(prefix) :].find(delimiter) if delimiter else -1
            names.add(path if cut < 0 else path[: len(prefix) + cut + len(delimiter)])
    return in_order(names)


def check_pages(fetch: Any, expected: list[str], after: str, amount: int) -> None:
    """Pages joined by their last results are the whole; starting anywhere gives what sorts after it."""
    seen: list[str] = []
    while page := fetch(seen[-1] if seen else "", amount):
        seen += [each.path for each in page]
    assert seen == expected
    rest = [name for name in expected if name.encode() > after.encode()]
    assert [each.path for each in fetch(after, amount)] == rest[:amount]


examples = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@examples
@given(
    commits=st.lists(changes, min_size=1, max_size=5),
    staged=changes,
    prefix=prefixes,
    delimiter=delimiters,
    after=st.text(ALPHABET, max_size=5),
    amount=st.integers(1, 4),
    data=st.data(),
)
def test_listings_agree_with_the_model(
    database: Database,
    commits: list[dict[str, int | None]],
    staged: dict[str, int | None],
    prefix: str,
    delimiter: str,
    after: str,
    amount: int,
    data: st.DataObject,
) -> None:
    history = History(database)
    for change in commits[:-1]:
        history.commit(change)
    session, overlaid = history.open(staged)
    history.commit(commits[-1])
    seq = data.draw(st.integers(0, history.repository.head))
    for view, model in (
        (history.view(seq), history.models[seq]),
        (sessions.view_of(session, history.repository), overlaid),
    ):
        with database.read() as db:

            def fetch(start: str, limit: int, view: View = view, db: Any = db) -> list[listing.Listed]:
                return listing.list_page(db, view, prefix, start, limit, delimiter)

            check_pages(fetch, folded(model, prefix, delimiter), after, amount)
            for path in set(model) | {after or "a"}:
                found = entries.find(db, view, path)
                assert (found and found.size) == model.get(path)


@examples
@given(
    commits=st.lists(changes, min_size=1, max_size=5),
    staged=changes,
    prefix=prefixes,
    delimiter=delimiters,
    after=st.text(ALPHABET, max_size=5),
    amount=st.integers(1, 4),
    merged=st.sampled_from([0, 256]),
    data=st.data(),
)
def test_diffs_agree_with_the_model(
    database: Database,
    commits: list[dict[str, int | None]],
    staged: dict[str, int | None],
    prefix: str,
    delimiter: str,
    after: str,
    amount: int,
    merged: int,
    data: st.DataObject,
) -> None:
    history = History(database)
    for change in commits:
        history.commit(change)
    session, overlaid = history.open(staged)
    left, right = (data.draw(st.integers(0, history.repository.head)) for _ in range(2))
    with database.read() as db, mock.patch.object(diffs, "_MERGED_COMMITS", merged):
        for sides, before, now in (
            (diffs.compare_commits(db, history.repository, left, right), history.models[left], history.models[right]),
            (diffs.compare_session(db, history.repository, session), history.models[-1], overlaid),
        ):
            expected = {
                path: "removed" if path not in now else "modified" if path in before else "added"
                for path in before.keys() | now.keys()
                if before.get(path) != now.get(path)
            }

            def fetch(start: str, limit: int, sides: diffs.Comparison = sides) -> list[diffs.Difference]:
                return diffs.diff_page(sides, prefix, start, limit, delimiter)

            check_pages(fetch, folded(expected, prefix, delimiter), after, amount)
            assert {each.path: each.status for each in diffs.diff_page(sides, "", "", 100, "")} == expected


@given(prefix=st.text(ALPHABET + "\ud7fe", max_size=4), path=st.text(ALPHABET, max_size=6))
def test_prefix_end_is_the_bound_of_a_prefix(prefix: str, path: str) -> None:
    end = prefix_end(prefix)
    below = True if isinstance(end, bytes) else path.encode() < end.encode()
    assert path.startswith(prefix) == (path.encode() >= prefix.encode() and below)


def test_a_listing_over_http(repo: Repo) -> None:
    session = repo.session()
    for path in ("a", "d/1", "d/2", "d/e/3", "z", "ü"):
        repo.put(session, path, path.encode())
    page = repo.get("/objects", session_id=session, delimiter="/", amount=2)
    assert page.json["pagination"] == {"has_more": True, "next_offset": "d/", "max_per_page": 1000}
    assert page.results[1] == {"path": "d/", "type": "prefix"}
    entry = page.results[0]["entry"]
    assert (entry["size"], entry["e_tag"]) == (1, hashlib.md5(b"a").hexdigest())
    assert entry["content_type"] == "application/octet-stream"
    assert entry["last_modified"].endswith("Z")
    assert repo.get("/objects", session_id=session, delimiter="/", after="d/").paths == ["z", "ü"]
    assert repo.get("/objects", session_id=session, delimiter="/", after="d/1").paths == ["z", "ü"]
    assert repo.get("/objects", session_id=session, prefix="d/", delimiter="/").paths == ["d/1", "d/2", "d/e/"]
    assert repo.get("/objects", session_id=session, prefix="d/", after="d/1").paths == ["d/2", "d/e/3"]
    assert repo.get("/objects", session_id=session, prefix="nothing").results == []


def test_an_empty_repository(repo: Repo) -> None:
    for path in ("/objects", "/log"):
        assert repo.get(path).json == {"results": [], "pagination": {"has_more": False, "max_per_page": 1000}}
