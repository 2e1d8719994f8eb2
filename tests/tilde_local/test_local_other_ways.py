"""Calls that share an action with others: each of them asks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tilde_local import Server
from tilde_local.policy.actions import ACTIONS

if TYPE_CHECKING:
    from tilde_local.conftest import Answer, Api, Gated, Repo

Query = dict[str, Any]
# What is sent below the repository: method, path, query, body.
Sent = tuple[str, str, Query, Any]


def staged(repo: Repo) -> Query:
    session = repo.session()
    repo.put(session, "new.txt", b"x")
    return {"session_id": session}


def upload(repo: Repo) -> tuple[Query, dict[str, Any]]:
    """A multipart upload that has been begun."""
    query = {"session_id": repo.session(), "path": "large"}
    return query, repo.call("POST", "/object/multipart", query).json


def finalized(repo: Repo) -> Sent:
    session = repo.session()
    url, token = repo.begin(session, "new.txt")
    repo.api.store("PUT", url, b"x")
    return "POST", "/object/finalize", {"session_id": session, "path": "new.txt"}, {"upload_token": token}


def part(repo: Repo) -> Sent:
    query, handle = upload(repo)
    return "GET", "/object/multipart/part", {**query, **handle, "part_number": 1}, None


def aborted(repo: Repo) -> Sent:
    query, handle = upload(repo)
    return "DELETE", "/object/multipart", {**query, **handle}, None


def completed(repo: Repo) -> Sent:
    query, handle = upload(repo)
    told = repo.call("GET", "/object/multipart/part", {**query, **handle, "part_number": 1}).json
    etag = repo.api.store("PUT", told["upload_url"], b"x").headers["ETag"]
    body = {**handle, "parts": [{"part_number": 1, "etag": etag}]}
    return "POST", "/object/multipart/complete", query, body


def copied(repo: Repo) -> Sent:
    paths = {"source_path": "old.txt", "destination_path": "copy.txt"}
    return "POST", "/object/copy", {"session_id": repo.session(), **paths}, None


# The ways to do something of which the matrix of actions tries another one.
WAYS: list[tuple[str, Callable[[Repo], Sent]]] = [
    ("GetObject", lambda repo: ("HEAD", "/object", {"path": "old.txt"}, None)),
    ("GetObject", lambda repo: ("GET", "/object", {"path": "new.txt", **staged(repo)}, None)),
    ("GetObject", copied),
    ("PutObject", copied),
    ("PutObject", finalized),
    ("PutObject", lambda repo: ("POST", "/object/multipart", {"path": "large", "session_id": repo.session()}, None)),
    ("PutObject", part),
    ("PutObject", completed),
    ("PutObject", aborted),
    ("DeleteObject", lambda repo: ("POST", "/objects/delete", staged(repo), {"paths": ["old.txt"]})),
    ("ListObjects", lambda repo: ("GET", "/objects", staged(repo), None)),
    ("ListObjects", lambda repo: ("GET", "/changes", staged(repo), None)),
    ("DiffCommits", lambda repo: ("GET", "/diff", staged(repo), None)),
    ("LogCommits", lambda repo: ("GET", f"/commits/{repo.get('/log').results[0]['id']}", {}, None)),
]


AllBut = Callable[["Repo", str], "Repo"]


@pytest.fixture
def all_but(shared_server: Server, connect: Callable[[str, str], Api]) -> AllBut:
    """The repository as it is for a new role that may do all but one action."""

    def restricted(repo: Repo, action: str) -> Repo:
        root = repo.root.removesuffix("/repositories/data")

        def make(path: str, **body: Any) -> Any:
            answer = repo.api.call("POST", root + path, None, body)
            assert answer.status == 201, answer
            return answer.json if answer.body else None

        text = "".join(f"{name}()\n" for name in ACTIONS if name != action)
        role, policy = make("/roles", name="most"), make("/policies", name="most", policy_text=text)
        make(f"/policies/{policy['id']}/attachments", principal_type="role", principal_id=role["id"])
        token = make("/roles/most/auth/keys", name="k")["token"]
        return connect(shared_server.endpoint_url, token).repository(repo.root)

    return restricted


def expect_refusal(answer: Answer, action: str) -> None:
    assert answer.status == 403, answer
    # Answers to HEAD have no body.
    assert not answer.body or f"may not {action}(" in answer.json["message"]


@pytest.mark.parametrize(("action", "way"), WAYS)
def test_without_the_action(repo: Repo, all_but: AllBut, action: str, way: Callable[[Repo], Sent]) -> None:
    repo.commit({"old.txt": b"old"})
    sent = way(repo)
    expect_refusal(all_but(repo, action).call(*sent), action)
    assert repo.call(*sent).status < 400


@pytest.mark.parametrize(("action", "method"), [("CommitSession", "HEAD"), ("ApproveSession", "POST")])
def test_reviews(gated: Gated, all_but: AllBut, action: str, method: str) -> None:
    session = gated.submit()
    expect_refusal(gated.review(session, method, all_but(gated.owner, action), message="m"), action)
    assert gated.review(session, method, message="m").status == 200
