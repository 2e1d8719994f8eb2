"""Sessions stage changes that nobody else sees, and commit them whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Repo


def test_staged_changes_are_visible_in_their_session_only(repo: Repo) -> None:
    repo.commit({"kept": b"1", "gone": b"2", "changed": b"3"})
    mine, other = repo.session(), repo.session()
    repo.put(mine, "new", b"4")
    repo.put(mine, "changed", b"5")
    repo.delete(mine, "gone")
    assert repo.get("/objects", session_id=mine).paths == ["changed", "kept", "new"]
    assert repo.read("changed", session_id=mine).body == b"5"
    assert repo.read("gone", session_id=mine).status == 404
    for query in ({}, {"session_id": other}):
        assert repo.get("/objects", **query).paths == ["changed", "gone", "kept"]
        assert repo.read("changed", **query).body == b"3"
        assert repo.read("new", **query).status == 404


def test_a_session_keeps_seeing_the_commit_it_began_with(repo: Repo) -> None:
    repo.commit({"a": b"old", "b": b"old"})
    session = repo.session()
    repo.commit({"a": b"new", "b": None, "c": b"new"})
    assert repo.get("/objects", session_id=session).paths == ["a", "b"]
    assert repo.read("a", session_id=session).body == b"old"
    assert repo.read("b", session_id=session).body == b"old"
    assert repo.read("c", session_id=session).status == 404
    assert repo.get("/objects").paths == ["a", "c"]


def test_two_sessions_that_change_one_path_conflict(repo: Repo, refused: Callable[..., None]) -> None:
    repo.commit({"shared/a": b"0", "shared/b": b"0"})
    first, second = repo.session(), repo.session()
    repo.put(first, "shared/a", b"1")
    repo.delete(first, "shared/b")
    repo.put(first, "own", b"1")
    repo.put(second, "shared/a", b"2")
    repo.delete(second, "shared/b")
    repo.put(second, "other", b"2")
    assert repo.try_commit(first).status == 200
    answer = repo.try_commit(second)
    refused(answer, 409, "'shared/a', 'shared/b' changed", code="conflict")
    assert "'other'" not in answer.json["message"]
    # The session stays open as it was, and nothing of it got through.
    assert repo.get("/changes", session_id=second).paths == ["other", "shared/a", "shared/b"]
    assert repo.get("/objects").paths == ["own", "shared/a"]
    assert repo.call("DELETE", f"/sessions/{second}").status == 204


def test_sessions_that_change_different_paths_both_commit(repo: Repo) -> None:
    first, second = repo.session(), repo.session()
    repo.put(first, "a", b"1")
    repo.put(second, "b", b"2")
    assert repo.try_commit(first).status == 200
    assert repo.try_commit(second).status == 200
    assert repo.get("/objects").paths == ["a", "b"]


def test_a_conflict_names_ten_paths_and_counts_the_rest(repo: Repo) -> None:
    first, second = repo.session(), repo.session()
    for number in range(13):
        repo.put(first, f"p{number:02}", b"1")
        repo.put(second, f"p{number:02}", b"2")
    assert repo.try_commit(first).status == 200
    message = repo.try_commit(second).json["message"]
    assert "'p09' and 3 more" in message
    assert "p10" not in message


def test_nothing_staged_is_no_commit(repo: Repo, refused: Callable[..., None]) -> None:
    repo.commit({"a": b"1"})
    session = repo.session()
    refused(repo.try_commit(session), 400, session, code="no_changes")
    repo.put(session, "b", b"2")
    repo.delete(session, "b")
    repo.delete(session, "never there")
    assert repo.get("/changes", session_id=session).results == []
    refused(repo.try_commit(session), 400, code="no_changes")
    repo.put(session, "c", b"3")
    assert repo.try_commit(session).status == 200


@pytest.mark.parametrize("ending", ["POST", "DELETE"])
def test_a_session_that_is_over_is_found_no_more(repo: Repo, refused: Callable[..., None], ending: str) -> None:
    session = repo.session()
    repo.put(session, "a", b"1")
    _, token = repo.begin(session, "b")
    answer = repo.call(ending, f"/sessions/{session}", None, {"message": "m"} if ending == "POST" else None)
    assert answer.status == (200 if ending == "POST" else 204)
    word = answer.json["commit_id"] if ending == "POST" else "rolled back"
    refused(repo.try_commit(session), 404, word)
    refused(repo.call("DELETE", f"/sessions/{session}"), 404, word)
    refused(repo.get("/objects", session_id=session), 404, word)
    refused(repo.get("/changes", session_id=session), 404, word)
    refused(repo.get("/diff", session_id=session), 404, word)
    refused(repo.get("/object", session_id=session, path="a"), 404, word)
    refused(repo.call("PUT", "/object", {"session_id": session, "path": "a"}), 404, word)
    refused(repo.call("DELETE", "/object", {"session_id": session, "path": "a"}), 404, word)
    refused(repo.finalize(session, "b", token), 404, word)


def test_rolling_back_discards_what_was_staged(repo: Repo) -> None:
    session = repo.session()
    repo.put(session, "a", b"1")
    assert repo.call("DELETE", f"/sessions/{session}").status == 204
    assert repo.get("/objects").results == []
    assert repo.get("/log").results == []


def test_sessions_of_other_repositories_are_not_found(api: Api, repo: Repo, refused: Callable[..., None]) -> None:
    foreign = api.new_repository().session()
    for session in (foreign, str(uuid.uuid4()), "no-uuid"):
        refused(repo.get("/objects", session_id=session), 404, session)
        refused(repo.try_commit(session), 404, session)
        refused(repo.call("DELETE", f"/sessions/{session}"), 404, session)


def test_an_open_session_waits_for_nobody(repo: Repo) -> None:
    session = repo.session()
    answer = repo.call("HEAD", f"/sessions/{session}/approve")
    assert (answer.status, answer.body) == (404, b"")
    assert repo.call("GET", f"/sessions/{session}/approve").status == 404


def test_uncommitted_changes_are_listed_in_pages(repo: Repo) -> None:
    repo.commit({"d/gone": b"1"})
    session = repo.session()
    for path in ("d/a", "d/b", "e"):
        repo.put(session, path, b"1")
    repo.delete(session, "d/gone")
    page = repo.get("/changes", session_id=session, prefix="d/", amount=2)
    assert page.paths == ["d/a", "d/b"]
    assert page.results[0]["entry"]["size"] == 1
    assert page.json["pagination"]["next_offset"] == "d/b"
    rest = repo.get("/changes", session_id=session, prefix="d/", after="d/b")
    assert rest.results == [{"path": "d/gone"}]
    assert rest.json["pagination"]["has_more"] is False


def test_the_diff_of_a_session(repo: Repo) -> None:
    repo.commit({"same": b"1", "changed": b"1", "gone": b"1", "d/x": b"1"})
    session = repo.session()
    repo.put(session, "same", b"1")
    repo.put(session, "changed", b"2")
    repo.put(session, "added", b"1")
    repo.put(session, "d/y", b"1")
    repo.delete(session, "gone")
    found = repo.get("/diff", session_id=session).results
    assert [(each["path"], each["status"]) for each in found] == [
        ("added", "added"),
        ("changed", "modified"),
        ("d/y", "added"),
        ("gone", "removed"),
    ]
    folded = repo.get("/diff", session_id=session, delimiter="/", after="changed", amount=1)
    assert folded.results == [{"path": "d/", "type": "prefix", "status": "modified"}]
    assert repo.get("/diff", session_id=session, delimiter="/", after="d/").paths == ["gone"]


def test_commit_metadata_and_author(api: Api, repo: Repo) -> None:
    commit_id = repo.commit({"a": b"1"}, "Ünïcode message", metadata={"source": "ingest"})
    commit = repo.get(f"/commits/{commit_id}").json
    assert commit["message"] == "Ünïcode message"
    assert commit["metadata"] == {"source": "ingest"}
    assert (commit["committer"], commit["committer_type"]) == ("local", "user")
    assert commit["committer_id"] == api.call("GET", "/auth/me").json["user"]["id"]
    assert (commit["parents"], commit["is_stale"]) == ([], False)
    assert len(commit_id) == 64
