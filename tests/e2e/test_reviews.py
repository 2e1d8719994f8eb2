"""Agents whose commits somebody reviews: what both sides get to know."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tilde import Client
from tilde.exceptions import ConflictError, ForbiddenError, SessionClosedError
from tilde.models import Repository, Session
from tilde_local import Server

INLINE = "CreateSession()\nCommitSession()\nRollbackSession()\nPutObject()\nListObjects()\nLogCommits()\n"


@pytest.fixture(params=["DiffCommits()", "GetObject()", ""])
def agents_repo(
    server: Server, transport: str, client: Client, repo: Repository, request: pytest.FixtureRequest
) -> Iterator[Repository]:
    """The repository as an agent of its organization sees it; what the agent commits has to be approved."""
    server.require_approval(repo.path)
    inline_policy = f"{INLINE}{request.param}"
    agent = client.organizations.get(repo.organization).agents.create("writer", inline_policy=inline_policy)
    key = agent.api_keys.create("key").token
    with Client(key, endpoint_url=server.endpoint_url, transport=transport) as agents:
        yield agents.repository(repo.path)


def submit(repo: Repository) -> Session:
    session = repo.session()
    session.objects.put("a.txt", b"a")
    assert session.commit_result("Add a").status == "approval_required"
    return session


def test_the_agent_learns_that_it_was_approved(repo: Repository, agents_repo: Repository) -> None:
    session = submit(agents_repo)
    with pytest.raises(SessionClosedError):
        session.objects.put("b.txt", b"b")
    with pytest.raises(ConflictError, match="waits for approval"):
        repo.attach(session.session_id).objects.put("b.txt", b"b")
    commit_id = repo.attach(session.session_id).approve("Well done")
    found = session.wait_for_approval()
    assert (found.status, found.commit_id) == ("approved", commit_id)


def test_the_agent_learns_that_it_was_rolled_back(repo: Repository, agents_repo: Repository) -> None:
    session = submit(agents_repo)
    repo.attach(session.session_id).rollback()
    assert session.wait_for_approval().status == "rolled_back"
    assert repo.latest() is None


def test_the_agent_submits_the_same_once_more(repo: Repository, agents_repo: Repository) -> None:
    first = submit(agents_repo)
    earlier = repo.attach(first.session_id).approve("Add a")
    again = submit(agents_repo)
    repo.attach(again.session_id).rollback()
    assert again.wait_for_approval().status == "rolled_back"
    once_more = submit(agents_repo)
    later = repo.attach(once_more.session_id).approve("Add a")
    assert (first.wait_for_approval().commit_id, once_more.wait_for_approval().commit_id) == (earlier, later)


def test_an_agent_does_not_approve(agents_repo: Repository) -> None:
    session = submit(agents_repo)
    with pytest.raises(ForbiddenError, match="ApproveSession"):
        session.approve("Mine")
