"""Organizations, repositories, sessions, commits, diffs and reverts against the embedded server."""

from __future__ import annotations

import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

import tilde_core
from support import FakeClock
from tilde import Client
from tilde.exceptions import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    NotSentError,
    OutcomeUnknownError,
    SessionClosedError,
)
from tilde.models import Commit, Repository
from tilde.plugins import Request, Response, Transport, hookimpl
from tilde_local import Server


def put_and_commit(repo: Repository, message: str, **files: str) -> str:
    with repo.session() as session:
        for name, content in files.items():
            session.objects.put(name, content.encode())
        commit_id = session.commit(message)
    assert commit_id
    return commit_id


def changes(commit: Commit) -> list[tuple[str | None, str]]:
    return [(entry.status, entry.path) for entry in commit.diff()]


def test_versions_diffs_and_reverts(repo: Repository) -> None:
    first = put_and_commit(repo, "one", a="1", b="1")
    with repo.session() as session:
        session.objects.put("a", b"2")
        session.objects.put("c", b"2")
        session.objects.delete("b")
        second = session.commit("two", metadata={"why": "test"})
    assert second
    newest, oldest = repo.commits.list()
    assert (newest.id, newest.message, newest.metadata, newest.parents) == (second, "two", {"why": "test"}, [first])
    assert (oldest.id, oldest.parents) == (first, [])
    assert newest.committer
    assert newest.committer_type == "user"
    assert newest.creation_date is not None
    assert not newest.is_stale
    assert changes(newest) == [("modified", "a"), ("removed", "b"), ("added", "c")]
    assert changes(oldest) == [("added", "a"), ("added", "b")]
    # Reads at a commit read that commit.
    assert oldest.objects.get("a").read() == b"1"
    assert newest.objects.get("a").read() == b"2"
    assert [entry.path for entry in oldest.objects.list()] == ["a", "b"]
    assert not newest.objects.exists("b")
    reverted = newest.revert(message="undo two")
    assert reverted.message == "undo two"
    assert changes(reverted) == [("modified", "a"), ("added", "b"), ("removed", "c")]
    latest = repo.latest()
    assert latest is not None
    assert latest.id == reverted.id
    assert latest.objects.get("a").read() == b"1"
    assert repo.commits.get(first).message == "one"
    assert [commit.id for commit in repo.commits.list(ref=second)] == [second, first]
    assert [commit.id for commit in repo.commits.list(after=second, page_size=1)] == [first]


def test_a_repository_without_commits(repo: Repository) -> None:
    assert repo.latest() is None
    assert list(repo.commits.list()) == []


def test_what_is_staged_is_seen_in_its_session_only(repo: Repository) -> None:
    put_and_commit(repo, "one", a="1")
    session, other = repo.session(), repo.session()
    session.objects.put("b", b"22")
    assert [(record.path, record.entry.size) for record in session.uncommitted()] == [("b", 2)]
    assert list(other.uncommitted()) == []
    assert not other.objects.exists("b")
    attached = repo.attach(session.session_id)
    attached.objects.put("c", b"3")
    assert [record.path for record in session.uncommitted(prefix="c")] == ["c"]
    session.rollback()
    with pytest.raises(SessionClosedError):
        session.rollback()
    with pytest.raises(NotFoundError):
        attached.commit("gone")


def test_changes_and_diffs_go_on_after_a_path(repo: Repository) -> None:
    with repo.session() as session:
        session.objects.put("a/1", b"1")
        session.objects.put("a/2", b"2")
        session.objects.put("b/1", b"3")
        assert [record.path for record in session.uncommitted(after="a/1", page_size=1)] == ["a/2", "b/1"]
        assert [record.path for record in session.uncommitted(amount=2)] == ["a/1", "a/2"]
        session.commit("three")
    commit = repo.latest()
    assert commit is not None
    assert [entry.path for entry in commit.diff(after="a/1", page_size=1)] == ["a/2", "b/1"]
    assert [entry.path for entry in commit.diff(prefix="a/", amount=1)] == ["a/1"]
    assert [(entry.path, entry.type) for entry in commit.diff(delimiter="/")] == [("a/", "prefix"), ("b/", "prefix")]


def test_threads_may_stage_in_one_session(repo: Repository) -> None:
    paths = [f"{number:02}" for number in range(40)]
    with repo.session() as session, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: session.objects.put(path, path.encode()), paths))
        list(pool.map(session.objects.delete, paths[::2]))
        session.commit("half of them")
    commit = repo.latest()
    assert commit is not None
    assert [entry.path for entry in commit.objects.list()] == paths[1::2]


def test_two_sessions_that_change_one_path(repo: Repository) -> None:
    put_and_commit(repo, "one", a="1")
    session, other = repo.session(), repo.session()
    session.objects.put("a", b"mine")
    other.objects.put("a", b"theirs")
    other.commit("theirs")
    with pytest.raises(ConflictError, match="a"):
        session.commit("mine")
    session.rollback()


def test_an_exception_rolls_back(repo: Repository) -> None:
    def fail() -> None:
        with repo.session() as session:
            session.objects.put("a", b"1")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    assert repo.latest() is None


def test_repositories(client: Client, repo: Repository) -> None:
    organization = client.organizations.get(repo.organization)
    made = organization.repositories.create("other", description="mine", retention_days=90)
    assert (made.description, made.retention_days) == ("mine", 90)
    same = client.repository(made.path)
    assert (same.id, same.created_by_type, same.created_by) == (made.id, "user", made.created_by)
    assert same.created_at is not None
    assert same.update(description="yours") is same
    assert (same.description, same.retention_days) == ("yours", 90)
    assert [r.name for r in organization.repositories.list(page_size=1)] == ["data", "other"]
    assert [r.name for r in organization.repositories.list(after="data")] == ["other"]
    assert organization.repositories.get("other").description == "yours"
    with pytest.raises(ValueError, match="name at least one"):
        same.update()
    with pytest.raises(ConflictError):
        organization.repositories.create("data")
    with pytest.raises(BadRequestError):
        organization.repositories.create("bad", retention_days=-1)
    same.delete()
    with pytest.raises(NotFoundError):
        organization.repositories.get("other")
    organization.repositories.delete("data")
    assert list(organization.repositories.list()) == []


def test_organizations(client: Client, transport: str) -> None:
    name = f"acme-{transport}"
    organization = client.organizations.create(name, display_name="Acme")
    assert (organization.name, organization.display_name) == (name, "Acme")
    assert name in [o.name for o in client.organizations.list()]
    assert client.organizations.list(after=name[:-1], amount=1).first() is not None
    (member,) = organization.members.list()
    assert member.username
    with pytest.raises(ConflictError):
        client.organizations.create(name)
    with pytest.raises(BadRequestError):
        client.organizations.create("No Good")
    client.organizations.delete(name)
    with pytest.raises(NotFoundError):
        client.organizations.get(name)


def test_a_wrong_key(server: Server, transport: str) -> None:
    with (
        Client(api_key="tuk-wrong", endpoint_url=server.endpoint_url, transport=transport) as client,
        pytest.raises(AuthenticationError) as caught,
    ):
        client.organizations.get("x")
    assert caught.value.request_id
    assert "tuk-wrong" not in str(caught.value)


def test_nobody_listens(transport: str) -> None:
    clock = FakeClock()
    with (
        Client(api_key="k", endpoint_url="http://127.0.0.1:9", transport=transport, clock=clock.clock) as client,
        pytest.raises(NotSentError, match=r"organizations\.get: "),
    ):
        client.organizations.get("x")
    assert len(clock.sleeps) == 3


class LosesTheAnswer:
    """Lets a request of `operation` through to the service, and then loses the answer, once."""

    def __init__(self, operation: str) -> None:
        self.operation = operation
        self.times = 1

    @hookimpl(tryfirst=True)
    def tilde_send(self, request: Request, transport: Transport) -> Response | None:
        if request.operation != self.operation or not self.times:
            return None
        self.times -= 1
        transport.send(request).close()
        raise OutcomeUnknownError("the answer was lost")


@pytest.mark.parametrize("operation", ["sessions.commit", "sessions.create", "repositories.delete"])
def test_a_lost_answer(server: Server, transport: str, repo: Repository, operation: str) -> None:
    put_and_commit(repo, "again", a="0")
    clock = FakeClock()
    with Client(
        api_key=server.api_key,
        endpoint_url=server.endpoint_url,
        transport=transport,
        plugins=[LosesTheAnswer(operation)],
        clock=clock.clock,
    ) as client:
        mine = client.repository(repo.path)
        with mine.session() as session:
            session.objects.put("a", b"1")
            commit_id = session.commit("again")
        assert [commit.message for commit in repo.commits.list()] == ["again", "again"]
        latest = repo.latest()
        assert latest is not None
        assert latest.id == commit_id
        mine.delete()


class Stack:
    """Remembers the modules of the SDK that a request went through."""

    def __init__(self) -> None:
        self.modules: list[str] = []

    @hookimpl(tryfirst=True)
    def tilde_send(self, request: Request, transport: Transport) -> Response | None:
        frames = [frame for frame, _ in traceback.walk_stack(None)]
        names = [frame.f_globals["__name__"] for frame in reversed(frames)]
        self.modules = list(dict.fromkeys(name for name in names if name.startswith(tilde_core.__name__ + ".")))
        return None


def test_a_call_takes_four_hops(server: Server, transport: str) -> None:
    """What docs/architecture.md draws: resource, pipeline, hook layer, transport."""
    stack = Stack()
    with Client(
        api_key=server.api_key, endpoint_url=server.endpoint_url, transport=transport, plugins=[stack]
    ) as client:
        list(client.repository("no/repo").commits.list(amount=0))
        with pytest.raises(NotFoundError):
            _ = client.repository("no/repo").id
    assert stack.modules == [
        "tilde_core.resources.repositories",
        "tilde_core.resources.base",
        "tilde_core.pipeline",
        "tilde_core.hooks.layer",
    ]
