"""Commits of agents that wait for approval."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tilde_local import Server
from tilde_local.errors import NotFound

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Gated

Connect = Callable[[str, str], "Api"]

Refused = Callable[..., None]


def test_an_agent_is_told_where_its_commit_is_reviewed(gated: Gated) -> None:
    session = gated.agent.session()
    gated.agent.put(session, "new.txt", b"new")
    answer = gated.agent.try_commit(session)
    assert answer.status == 202
    place = f"{gated.owner.root}/sessions/{session}/approve"
    assert answer.json == {
        "approval_required": True,
        "session_id": session,
        "message": answer.json["message"],
        "api_url": f"{gated.server.endpoint_url}/api/v1{place}",
        "web_url": f"{gated.server.endpoint_url}/console{place}",
    }
    assert "approval" in answer.json["message"]
    assert gated.newest()["id"] == gated.first


def test_approving_commits_in_the_name_of_the_agent(gated: Gated, refused: Refused) -> None:
    session = gated.submit(metadata={"run": "7", "by": "agent"})
    assert gated.agent.call("HEAD", f"/sessions/{session}/approve").status == 200
    assert gated.review(session).paths == ["new.txt"]
    approved = gated.review(session, "POST", message="Looks good", metadata={"by": "me"})
    newest = gated.newest()
    assert approved.status == 200
    assert newest["id"] == approved.json["commit_id"]
    assert (newest["committer"], newest["committer_type"], newest["message"]) == ("writer", "agent", "Looks good")
    assert newest["metadata"] == {"run": "7", "by": "me"}
    assert gated.agent.call("HEAD", f"/sessions/{session}/approve").status == 404
    for answer in (gated.review(session), gated.review(session, "POST", message="again")):
        refused(answer, 404, f"it was committed as {newest['id']}")


def test_a_submitted_session_is_read_and_rolled_back_but_not_changed(gated: Gated, refused: Refused) -> None:
    session = gated.submit()
    assert gated.agent.read("new.txt", session_id=session).body == b"new"
    assert gated.agent.get("/changes", session_id=session).paths == ["new.txt"]
    assert gated.agent.try_commit(session, "again").status == 202
    query = {"session_id": session, "path": "other.txt"}
    writes = [
        gated.agent.call("PUT", "/object", query),
        gated.agent.call("POST", "/object/multipart", query),
        gated.owner.call("DELETE", "/object", query),
        gated.owner.call("POST", "/objects/delete", query, {"paths": ["new.txt"]}),
        gated.owner.call("POST", "/object/copy", {**query, "source_path": "new.txt", "destination_path": "copy.txt"}),
    ]
    for answer in writes:
        refused(answer, 409, "waits for approval", code="approval_pending")
    assert gated.agent.call("DELETE", f"/sessions/{session}").status == 204
    refused(gated.review(session), 404, "it was rolled back")
    assert gated.newest()["id"] == gated.first


def test_an_upload_that_began_before_is_not_finalized_after(gated: Gated, refused: Refused) -> None:
    session = gated.agent.session()
    gated.agent.put(session, "new.txt", b"new")
    url, token = gated.agent.begin(session, "late.txt")
    assert gated.agent.api.store("PUT", url, b"late").status == 200
    assert gated.agent.try_commit(session).status == 202
    refused(gated.agent.finalize(session, "late.txt", token), 409, "waits for approval")


def test_nobody_gets_around_the_review(gated: Gated, refused: Refused) -> None:
    session = gated.submit()
    # The agent's policy and its creator would let it approve: but it is no person, and neither is a role.
    refused(gated.review(session, "POST", gated.agent, message="mine"), 403, "only people approve")
    role = gated.make("/roles", {"name": "bot"})
    policy = gated.make("/policies", {"name": "approve", "policy_text": "ApproveSession()"})
    attach = {"principal_type": "role", "principal_id": role["id"]}
    answer = gated.owner.api.call("POST", f"{gated.organization}/policies/{policy['id']}/attachments", None, attach)
    assert answer.status == 201
    bot = gated.as_owner(gated.make("/roles/bot/auth/keys", {"name": "k"})["token"])
    refused(gated.review(session, "POST", bot, message="mine"), 403, "only people approve")
    # Nor does somebody's plain commit do: that would be a review by whoever may commit.
    assert gated.owner.try_commit(session, "mine").status == 202
    refused(
        gated.agent.call("POST", f"/commits/{gated.first}/revert"), 403, "stage the change", code="approval_required"
    )
    assert gated.newest()["id"] == gated.first


def test_what_could_not_be_committed_is_not_submitted(gated: Gated, refused: Refused) -> None:
    empty, stale = gated.agent.session(), gated.agent.session()
    refused(gated.agent.try_commit(empty), 400, code="no_changes")
    gated.agent.put(stale, "old.txt", b"mine")
    gated.owner.commit({"old.txt": b"theirs"})
    refused(gated.agent.try_commit(stale), 409, "'old.txt' changed in another commit")
    refused(gated.review(stale), 404, "does not wait for approval: it is open")


def test_a_conflict_leaves_it_waiting(gated: Gated, refused: Refused) -> None:
    session = gated.submit("old.txt")
    gated.owner.commit({"old.txt": b"theirs"})
    refused(gated.review(session, "POST", message="yes"), 409, "'old.txt' changed in another commit")
    assert gated.review(session).status == 200
    refused(gated.review(session, "POST", message=" "), 400, "message: cannot be empty")


def test_people_commit_without_review_and_agents_do_where_it_is_switched_off(gated: Gated) -> None:
    assert gated.owner.commit({"mine.txt": b"1"})
    waiting = gated.submit()
    gated.server.require_approval(gated.name, required=False)
    assert gated.agent.commit({"free.txt": b"1"})
    assert gated.review(waiting, "POST", message="yes").status == 200


def test_what_waits_survives_a_restart(tmp_path: Path, connect: Connect, gate: Callable[[Server], Gated]) -> None:
    with Server(tmp_path) as server:
        gated = gate(server)
        session, root = gated.submit(), gated.owner.root
    with Server(tmp_path) as server:
        owner = connect(server.endpoint_url, server.api_key).repository(root)
        assert owner.call("GET", f"/sessions/{session}/approve").paths == ["new.txt"]
        assert owner.call("POST", f"/sessions/{session}/approve", None, {"message": "yes"}).status == 200
        assert owner.read("new.txt").body == b"new"


def test_the_switch_says_what_it_does_not_find(shared_server: Server, gated: Gated) -> None:
    with pytest.raises(ValueError, match='expected "organization/repository"'):
        shared_server.require_approval("data")
    with pytest.raises(NotFound, match="no organization 'none-such'"):
        shared_server.require_approval("none-such/data")
    with pytest.raises(NotFound, match="no repository 'none-such'"):
        shared_server.require_approval(gated.name.replace("/data", "/none-such"))
