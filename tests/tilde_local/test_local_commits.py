"""The log, single commits, diffs between commits, reverts and retention."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tilde_local.conftest import Clock, Repo


def ids(repo: Repo, **query: Any) -> list[str]:
    return [each["id"] for each in repo.get("/log", **query).results]


def statuses(repo: Repo, **query: Any) -> list[tuple[str, str]]:
    return [(each["path"], each["status"]) for each in repo.get("/diff", **query).results]


@pytest.fixture
def history(repo: Repo) -> list[str]:
    """Four commits, oldest first."""
    return [
        repo.commit({"a/1": b"1", "b/1": b"1"}, "one"),
        repo.commit({"a/2": b"1"}, "two"),
        repo.commit({"b/1": b"2"}, "three"),
        repo.commit({"a/1": None, "b/2": b"1"}, "four"),
    ]


def test_the_log_is_newest_first(repo: Repo, history: list[str]) -> None:
    commits = repo.get("/log").results
    assert [each["id"] for each in commits] == history[::-1]
    assert [each["message"] for each in commits] == ["four", "three", "two", "one"]
    assert [each["parents"] for each in commits] == [[history[2]], [history[1]], [history[0]], []]


def test_the_log_in_pages(repo: Repo, history: list[str]) -> None:
    first = repo.get("/log", amount=2).json
    assert [each["id"] for each in first["results"]] == [history[3], history[2]]
    assert first["pagination"] == {"has_more": True, "next_offset": history[2], "max_per_page": 1000}
    assert ids(repo, amount=2, after=history[2]) == [history[1], history[0]]
    assert repo.get("/log", after=history[0]).json == {
        "results": [],
        "pagination": {"has_more": False, "max_per_page": 1000},
    }


def test_the_log_from_a_commit_back(repo: Repo, history: list[str]) -> None:
    assert ids(repo, ref=history[1]) == [history[1], history[0]]
    assert ids(repo, ref=history[2][:12], after=history[1][:8]) == [history[0]]
    assert ids(repo, ref=history[1], after=history[3]) == [history[1], history[0]]


def test_the_log_of_a_prefix_and_of_an_object(repo: Repo, history: list[str]) -> None:
    assert ids(repo, prefix="a/") == [history[3], history[1], history[0]]
    assert ids(repo, prefix="a/", amount=1, after=history[3]) == [history[1]]
    assert ids(repo, object="b/1") == [history[2], history[0]]
    assert ids(repo, object="b/1", ref=history[1]) == [history[0]]
    assert ids(repo, object="b/1", prefix="a/") == [history[0]]
    assert ids(repo, object="b") == ids(repo, prefix="c") == []


def test_commits_are_found_by_abbreviation(repo: Repo, history: list[str], refused: Callable[..., None]) -> None:
    whole = repo.get(f"/commits/{history[0]}").json
    assert repo.get(f"/commits/{history[0][:12]}").json == whole
    assert repo.get(f"/commits/{history[0][:8]}").json == whole
    for ref in (history[0][:7], "0" * 64, "main", "z" * 12, history[0] + "0"):
        refused(repo.get(f"/commits/{ref}"), 404, ref)
        refused(repo.get("/objects", ref=ref), 404, ref)
        refused(repo.get("/object", ref=ref, path="a/1"), 404, ref)
        refused(repo.get("/log", ref=ref), 404, ref)
        refused(repo.get("/diff", right=ref), 404, ref)
        refused(repo.call("POST", f"/commits/{ref}/revert"), 404, ref)


def test_an_ambiguous_abbreviation_is_refused(timed_repo: Repo, refused: Callable[..., None]) -> None:
    # Two ids that agree in 32 bits are not to be found by trying.
    from tilde_local import Server

    first = timed_repo.commit({"a": b"1"})
    timed_repo.commit({"a": b"2"})
    with Server() as server:
        other = type(timed_repo.api)(server.endpoint_url, server.api_key)
        repo = other.new_repository()
        repo.commit({"a": b"1"})
        repo.commit({"a": b"2"})
        with server.services.database.write() as db:
            db.execute("UPDATE commits SET id = ? WHERE seq = 1", (first,))
            other_digit = "1" if first[10] == "0" else "0"
            db.execute("UPDATE commits SET id = ? WHERE seq = 2", (first[:10] + other_digit * 54,))
        refused(repo.get(f"/commits/{first[:10]}"), 400, "ambiguous", code="ambiguous_ref")
        assert repo.get(f"/commits/{first[:11]}").json["id"] == first
        other.close()


def test_reading_at_any_commit(repo: Repo, history: list[str]) -> None:
    expected = [["a/1", "b/1"], ["a/1", "a/2", "b/1"], ["a/1", "a/2", "b/1"], ["a/2", "b/1", "b/2"]]
    assert [repo.get("/objects", ref=ref).paths for ref in history] == expected
    assert [repo.read("b/1", ref=ref).body for ref in history] == [b"1", b"1", b"2", b"2"]
    assert [repo.call("HEAD", "/object", {"path": "a/1", "ref": ref}).status for ref in history] == [200, 200, 200, 404]


def test_diffs_between_commits(repo: Repo, history: list[str]) -> None:
    assert statuses(repo, right=history[0]) == [("a/1", "added"), ("b/1", "added")]
    assert statuses(repo, left=history[0], right=history[1]) == [("a/2", "added")]
    assert statuses(repo, left=history[1], right=history[2]) == [("b/1", "modified")]
    forth = [("a/1", "removed"), ("a/2", "added"), ("b/1", "modified"), ("b/2", "added")]
    assert statuses(repo, left=history[0], right=history[3]) == forth
    back = [("a/1", "added"), ("a/2", "removed"), ("b/1", "modified"), ("b/2", "removed")]
    assert statuses(repo, left=history[3], right=history[0]) == back
    assert statuses(repo, left=history[3], right=history[3]) == []


def test_diffs_have_entries_of_what_is_there_or_was(repo: Repo, history: list[str]) -> None:
    found = repo.get("/diff", left=history[2], right=history[3]).results
    assert [(each["type"], each["entry"]["size"]) for each in found] == [("object", 1), ("object", 1)]


def test_diffs_in_pages_and_folded(repo: Repo, history: list[str]) -> None:
    sides = {"left": history[0], "right": history[3]}
    page = repo.get("/diff", **sides, amount=3)
    assert page.paths == ["a/1", "a/2", "b/1"]
    assert page.json["pagination"]["next_offset"] == "b/1"
    assert repo.get("/diff", **sides, after="b/1").paths == ["b/2"]
    assert repo.get("/diff", **sides, prefix="b/").paths == ["b/1", "b/2"]
    folded = repo.get("/diff", **sides, delimiter="/", amount=1)
    assert folded.results == [{"path": "a/", "type": "prefix", "status": "modified"}]
    assert folded.json["pagination"]["next_offset"] == "a/"
    assert repo.get("/diff", **sides, delimiter="/", after="a/").paths == ["b/"]


def test_what_diff_refuses(repo: Repo, history: list[str], refused: Callable[..., None]) -> None:
    refused(repo.get("/diff"), 400, "right")
    refused(repo.get("/diff", left=history[0]), 400, "right")
    refused(repo.get("/diff", right=history[0], session_id=repo.session()), 400, "session_id")


def test_reverting_undoes_a_commit(repo: Repo, history: list[str]) -> None:
    answer = repo.call("POST", f"/commits/{history[3]}/revert")
    assert answer.status == 201
    commit = repo.get(f"/commits/{answer.json['commit_id']}").json
    assert commit["message"] == 'Revert "four"'
    assert commit["parents"] == [history[3]]
    assert statuses(repo, left=history[2], right=commit["id"]) == []
    assert statuses(repo, left=history[3], right=commit["id"]) == [("a/1", "added"), ("b/2", "removed")]
    assert repo.read("a/1").body == b"1"


def test_reverting_with_a_message(repo: Repo, history: list[str]) -> None:
    body = {"message": "undo", "metadata": {"why": "test"}}
    commit_id = repo.call("POST", f"/commits/{history[2][:12]}/revert", None, body).json["commit_id"]
    commit = repo.get(f"/commits/{commit_id}").json
    assert (commit["message"], commit["metadata"]) == ("undo", {"why": "test"})
    assert repo.read("b/1").body == b"1"
    assert repo.get("/objects").paths == ["a/2", "b/1", "b/2"]


def test_what_revert_refuses(repo: Repo, history: list[str], refused: Callable[..., None]) -> None:
    refused(repo.call("POST", f"/commits/{history[0]}/revert"), 400, "first", code="root_commit")
    repo.commit({"b/1": b"3", "a/2": b"2"})
    refused(repo.call("POST", f"/commits/{history[2]}/revert"), 409, "'b/1' changed again", code="conflict")
    nothing = repo.commit({"a/2": b"2"})
    refused(repo.call("POST", f"/commits/{nothing}/revert"), 400, "nothing", code="no_changes")
    assert len(ids(repo)) == 6


def test_retention_marks_old_commits_stale(timed_repo: Repo, clock: Clock, refused: Callable[..., None]) -> None:
    repo = timed_repo
    old = repo.commit({"a": b"1"})
    clock.advance(days=13)
    kept = repo.commit({"a": b"2"})
    newest = repo.commit({"b": b"1"})

    def stale() -> list[bool]:
        return [repo.get(f"/commits/{ref}").json["is_stale"] for ref in (old, kept, newest)]

    assert stale() == [False, False, False]
    clock.advance(days=1, seconds=1)
    assert stale() == [True, False, False]
    assert [each["is_stale"] for each in repo.get("/log").results] == [False, False, True]
    for path, query in (
        ("/objects", {"ref": old}),
        ("/object", {"ref": old, "path": "a"}),
        ("/diff", {"right": old}),
    ):
        refused(repo.get(path, **query), 410, "14 days", code="stale_commit")
    assert repo.call("HEAD", "/object", {"ref": old, "path": "a"}).status == 410
    assert statuses(repo, left=old, right=kept) == [("a", "modified")]
    clock.advance(days=100)
    assert stale() == [True, True, False]
    refused(repo.call("POST", f"/commits/{kept}/revert"), 410, code="stale_commit")
    assert repo.read("a", ref=newest).body == b"2"
    repo.call("PUT", "", None, {"retention_days": 365})
    assert stale() == [False, False, False]
    assert repo.read("a", ref=old).body == b"1"
