"""The caller's own account, what is sent to it, and names that are free: what the public page leaves out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tilde import Client
from tilde.exceptions import AuthenticationError, ConflictError, ForbiddenError, GoneError, NotFoundError
from tilde.models import NameCheck, Organization, Repository, UserSummary
from tilde_local import Server

_numbers = itertools.count(1)

Connect = Callable[[str], Client]


@pytest.fixture
def connect(server: Server, transport: str) -> Iterator[Connect]:
    """Clients with other keys."""
    with ExitStack() as opened:
        yield lambda key: opened.enter_context(Client(key, endpoint_url=server.endpoint_url, transport=transport))


@pytest.fixture
def org(client: Client, repo: Repository) -> Organization:
    return client.organizations.get(repo.organization)


@pytest.fixture
def guest(server: Server, connect: Connect) -> Client:
    """A user who belongs to nothing yet."""
    return connect(server.create_user(f"guest-{next(_numbers)}"))


def name_of(client: Client) -> str:
    return client.whoami().user.username


def test_who_one_is(client: Client, guest: Client, org: Organization) -> None:
    me = client.whoami()
    assert (me.user.username, org.name in [each.name for each in me.organizations]) == ("local", True)
    assert guest.whoami().organizations == []


def test_ones_own_keys(guest: Client, connect: Connect) -> None:
    created = guest.api_keys.create("laptop", description="at home")
    key = guest.api_keys.get(created.id)
    assert (key.name, key.description, key.token_hint) == ("laptop", "at home", created.token[-4:])
    assert (key.last_used_at, key.revoked_at) == (None, None)
    other = connect(created.token)
    assert name_of(other) == name_of(guest)
    assert guest.api_keys.get(created.id).last_used_at is not None
    key.revoke()
    with pytest.raises(AuthenticationError):
        other.whoami()
    revoked = {each.id for each in guest.api_keys.list() if each.revoked_at is not None}
    assert revoked == {created.id}


def test_invited_with_a_group_and_a_policy(org: Organization, guest: Client) -> None:
    group, policy = org.groups.create("guests"), org.policies.create("look", "ListMembers()")
    sent = org.invitations.create(username=name_of(guest), group_ids=[group.id], policy_ids=[policy.id])
    (got,) = guest.invitations.list()
    assert (got, got.organization_name, got.inviter_name, got.status) == (sent, org.name, "local", "pending")
    assert [each.id for each in org.invitations.list()] == [sent.id]
    got.accept()
    assert got.status == "accepted"
    assert list(guest.invitations.list()) == list(org.invitations.list()) == []
    assert name_of(guest) in [member.username for member in guest.organizations.get(org.name).members.list()]
    (member,) = org.groups.get(group.id).members.list()
    assert member.username == name_of(guest)
    with pytest.raises(ConflictError):
        sent.revoke()
    with pytest.raises(ConflictError):
        org.invitations.create(username=name_of(guest))


def test_invitations_that_come_to_nothing(org: Organization, guest: Client) -> None:
    org.invitations.create(username=name_of(guest))
    (declined,) = guest.invitations.list()
    declined.decline()
    again = org.invitations.create(f"{name_of(guest)}@localhost")
    (taken_back,) = guest.invitations.list()
    assert taken_back == again
    again.revoke()
    with pytest.raises(GoneError):
        taken_back.accept()
    with pytest.raises(NotFoundError):
        guest.organizations.get(org.name)


def test_all_repositories_that_one_may_see(org: Organization, guest: Client) -> None:
    user = org.members.create(name_of(guest))
    org.repositories.create("other")
    assert list(guest.repositories.list()) == []
    policy = org.policies.create("look", 'ListRepositories(repository: "d*")\nGetRepository()')
    policy.attach(principal_type="user", principal_id=user.user_id)
    (seen,) = guest.repositories.list()
    assert (seen.path, seen.id) == (f"{org.name}/data", org.repositories.get("data").id)


def test_names_that_are_free(client: Client, guest: Client, org: Organization) -> None:
    check = client.organizations.check_name
    assert check("surely-free") == NameCheck(available=True)
    assert [check(name).reason for name in (org.name, "check-name", "Not A Name")] == ["taken", "reserved", "invalid"]
    assert client.check_username(name_of(guest)) == NameCheck(available=False)
    assert client.check_username("surely-free") == NameCheck(available=True)


def test_users_are_found_by_how_their_names_begin(client: Client, guest: Client) -> None:
    name = name_of(guest)
    assert client.search_users(name) == [UserSummary(username=name, full_name=name)]
    assert name in [user.username for user in client.search_users("guest-")]
    assert client.search_users("nobody-begins-so") == []


def test_an_agent_looks_for_nobody(org: Organization, connect: Connect) -> None:
    key = org.agents.create("reader", inline_policy="ListMembers()").api_keys.create("key").token
    agent = connect(key)
    assert name_of(agent) == "reader"
    for look in (agent.search_users, agent.check_username):
        with pytest.raises(ForbiddenError, match="inline policies grant"):
            look("local")


def test_the_log_of_a_folder_and_of_an_object(repo: Repository) -> None:
    for message, path in (("first", "a/1"), ("second", "a/2"), ("third", "b/1"), ("fourth", "a/1")):
        with repo.session() as session:
            session.objects.put(path, message.encode())
            session.commit(message)
    assert [commit.message for commit in repo.commits.list(prefix="a/")] == ["fourth", "second", "first"]
    assert [commit.message for commit in repo.commits.list(object="a/1")] == ["fourth", "first"]
    assert [commit.message for commit in repo.commits.list(object="a/1", amount=1)] == ["fourth"]
    assert list(repo.commits.list(object="a/")) == list(repo.commits.list(prefix="c/")) == []
