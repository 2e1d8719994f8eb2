"""What the page promises in words and no code block shows: docs/coverage.md names these tests."""

from __future__ import annotations

import gc
import inspect
import re
import socket
import warnings
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tilde_local.server")

import tilde
import tilde.models
from specification.reviews import Reviewer, agent_key
from specification.world import Recorder, close_default_client
from tilde import Client, Timeout
from tilde.exceptions import AuthenticationError, ConfigurationError, GoneError, TildeError, TransportError
from tilde.models import Agent, Organization, PaginatedIterator, Repository, Role
from tilde.plugins import Request, Response, Transport, hookimpl
from tilde_local import Server

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024


PEOPLE = ("promised-ann", "promised-bob")


@pytest.fixture(scope="module", autouse=True)
def people(server: Server) -> None:
    for username in PEOPLE:
        server.create_user(username)


def settings_of(distribution: str) -> str:
    return (ROOT / distribution / "pyproject.toml").read_text(encoding="utf-8")


def test_python_3_10_or_later() -> None:
    texts = [file.read_text(encoding="utf-8") for file in (ROOT / "pyproject.toml", *ROOT.glob("*/pyproject.toml"))]
    assert len(texts) >= 6
    assert {found for text in texts for found in re.findall(r"^requires-python = (.*)$", text, re.MULTILINE)} == {
        '">=3.10"'
    }


def test_the_distribution_that_is_installed_brings_httpx() -> None:
    assert re.search(r'^name = "tilde-sdk"$', settings_of("."), re.MULTILINE)
    assert re.search(
        r"^dependencies = .*tilde-core.*tilde-transport-httpx.*tilde-auth-sandbox", settings_of("."), re.MULTILINE
    )
    assert re.search(r'^dependencies = .*"httpx', settings_of("tilde_transport_httpx"), re.MULTILINE)


def test_no_key_is_no_error_before_the_first_request(server: Server, no_settings: Path) -> None:
    recorder = Recorder()
    tilde.configure(api_key=None, endpoint_url=server.endpoint_url, plugins=[recorder])
    with Client(api_key=None, endpoint_url=server.endpoint_url, plugins=[recorder]) as client:
        for repo in (client.repository("my-team/my-data"), tilde.repository("my-team/my-data")):
            with pytest.raises(ConfigurationError, match="TILDE_API_KEY"):
                _ = repo.id
    assert recorder.urls == []
    close_default_client()


def walks() -> list[Any]:
    """Everything that returns a `PaginatedIterator`, and everything that is called as those are."""
    kinds = [kind for kind in vars(tilde.models).values() if inspect.isclass(kind)]
    methods = {method for kind in kinds for _, method in inspect.getmembers(kind, inspect.isfunction)}
    named = ("list", "uncommitted", "diff")
    return sorted(
        (
            method
            for method in methods
            if not method.__name__.startswith("_")
            and (method.__name__ in named or "PaginatedIterator" in str(method.__annotations__.get("return")))
        ),
        key=lambda method: str(method.__qualname__),
    )


@pytest.mark.parametrize("method", walks(), ids=lambda method: method.__qualname__)
def test_every_list_takes_the_same_arguments(method: Any) -> None:
    assert method.__annotations__["return"].startswith("PaginatedIterator[")
    parameters = inspect.signature(method).parameters
    for name in ("amount", "page_size", "after"):
        assert parameters[name].default is None
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY


Walk = Callable[..., PaginatedIterator[Any]]


def _commits(org: Organization) -> Walk:
    repo = org.repositories.create("data")
    for name in "abc":
        with repo.session() as session:
            session.objects.put(name, b"")
            session.commit(name)
    return repo.commits.list


def _staged(org: Organization) -> Any:
    session = org.repositories.create("data").session()
    for name in "abc":
        session.objects.put(name, b"")
    return session


def _objects(org: Organization) -> Any:
    session = _staged(org)
    session.commit("abc")
    commit = org.repositories.get("data").latest()
    assert commit is not None
    return commit


def _members(org: Organization) -> Walk:
    for username in PEOPLE:
        org.members.create(username)
    return org.members.list


def _in_a_group(org: Organization) -> Walk:
    group = org.groups.create("group")
    for name in ("a1", "b2", "c3"):
        group.members.create(subject_type="role", subject_id=org.roles.create(name).id)
    return group.members.list


def _groups_of_a_role(org: Organization) -> Walk:
    role = org.roles.create("role")
    for name in ("a1", "b2", "c3"):
        org.groups.create(name).members.create(subject_type="role", subject_id=role.id)
    return lambda **arguments: org.groups.effective(principal_type="role", principal_id=role.id, **arguments)


def _attached(org: Organization) -> Role:
    role = org.roles.create("role")
    for name in ("a1", "b2", "c3"):
        org.policies.create(name, "GetObject()").attach(principal_type="role", principal_id=role.id)
    return role


def _in_force(org: Organization) -> Walk:
    role = _attached(org)
    return lambda **arguments: org.policies.effective(principal_type="role", principal_id=role.id, **arguments)


def _attachments(org: Organization) -> Walk:
    _attached(org)
    return org.policies.attachments


def _three(create: Callable[[str], object], walk: Walk) -> Walk:
    for name in ("a1", "b2", "c3"):
        create(name)
    return walk


def _connector(org: Organization, name: str) -> Any:
    return org.connectors.create(name=name, type="s3", source_uri="s3://bucket/", config={"anonymous": True})


def _attached_connectors(org: Organization) -> Walk:
    repo = org.repositories.create("data")
    return _three(lambda name: repo.connectors.attach(_connector(org, name).id), repo.connectors.list)


def _secrets(org: Organization, owner: Any) -> Walk:
    return _three(lambda name: owner.secrets.create(name, "value"), owner.secrets.list)


def _policy_key(attachment: Any) -> str:
    return f"{attachment.policy_name}/{attachment.principal_type}/{attachment.principal_id}"


BY_NAME: Callable[[Any], str] = lambda item: str(item.name)  # noqa: E731
BY_PATH: Callable[[Any], str] = lambda item: str(item.path)  # noqa: E731
BY_ID: Callable[[Any], str] = lambda item: str(item.id)  # noqa: E731

# What makes three and walks them, and the key that `after` means.
COLLECTIONS: dict[str, tuple[Callable[[Organization], Walk], Callable[[Any], str]]] = {
    "repositories": (lambda org: _three(org.repositories.create, org.repositories.list), BY_NAME),
    "commits": (_commits, BY_ID),
    "objects of a commit": (lambda org: _objects(org).objects.list, BY_PATH),
    "diff": (lambda org: _objects(org).diff, BY_PATH),
    "objects of a session": (lambda org: _staged(org).objects.list, BY_PATH),
    "uncommitted": (lambda org: _staged(org).uncommitted, BY_PATH),
    "members": (_members, lambda member: str(member.user_id)),
    "groups": (lambda org: _three(org.groups.create, org.groups.list), BY_NAME),
    "members of a group": (_in_a_group, lambda member: str(member.subject_id)),
    "groups of a principal": (_groups_of_a_role, lambda group: str(group.group_name)),
    "policies": (lambda org: _three(lambda name: org.policies.create(name, "GetObject()"), org.policies.list), BY_NAME),
    "policies in force": (_in_force, lambda policy: str(policy.policy_name)),
    "attachments": (_attachments, _policy_key),
    "roles": (lambda org: _three(org.roles.create, org.roles.list), BY_NAME),
    "agents": (lambda org: _three(org.agents.create, org.agents.list), BY_NAME),
    "keys of a role": (lambda org: _keys(org.roles.create("role")), BY_ID),
    "keys of an agent": (lambda org: _keys(org.agents.create("agent")), BY_ID),
    "connectors": (lambda org: _three(lambda name: _connector(org, name), org.connectors.list), BY_NAME),
    "connectors of a repository": (_attached_connectors, BY_NAME),
    "secrets of a repository": (lambda org: _secrets(org, org.repositories.create("data")), BY_NAME),
    "secrets of an agent": (lambda org: _secrets(org, org.agents.create("agent")), BY_NAME),
}


def _keys(owner: Role | Agent) -> Walk:
    return _three(owner.api_keys.create, owner.api_keys.list)


@pytest.mark.parametrize("name", COLLECTIONS)
def test_every_list_goes_on_after_a_key(server: Server, organization: Organization, name: str) -> None:
    make, key = COLLECTIONS[name]
    walk = make(organization)
    keys = [key(item) for item in walk()]
    assert len(keys) >= 3
    for number, seen in enumerate(keys, 1):
        assert [key(item) for item in walk(after=seen)] == keys[number:]
    assert [key(item) for item in walk(amount=2)] == keys[:2]
    assert [key(item) for item in walk(amount=1, after=keys[0])] == keys[1:2]
    assert [key(item) for item in walk(page_size=1)] == keys


def test_properties_of_a_repository_are_fetched_once_and_late(repo: Repository, connect: Callable[..., Client]) -> None:
    recorder = Recorder()
    same = connect(recorder).repository(repo.path)
    assert recorder.operations == []
    told = (same.id, same.description, same.retention_days, same.created_by_type, same.created_by, same.created_at)
    assert told == (repo.id, "", repo.retention_days, "user", repo.created_by, repo.created_at)
    assert recorder.operations == ["repositories.get"]


def test_the_file_of_a_path_is_closed(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"\0\1")
    with repo.session() as session, warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)  # of a file that somebody else has to close
        session.objects.put("model.bin", tmp_path / "model.bin")
        gc.collect()


def test_one_byte_below_64_mib_is_a_single_upload(
    repo: Repository, connect: Callable[..., Client], tmp_path: Path
) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(64 * MIB - 1)  # sparse: takes no room on the disk
    recorder = Recorder()
    with connect(recorder).repository(repo.path).session() as session:
        session.objects.put("large", tmp_path / "large")
        assert session.objects.head("large").content_length == 64 * MIB - 1
    assert [url for url in recorder.urls if "multipart" in url] == []


def test_what_get_of_a_group_loads(organization: Organization, user_id: str, connect: Callable[..., Client]) -> None:
    made = organization.groups.create("readers")
    made.members.create(subject_type="user", subject_id=user_id)
    organization.policies.create("read", "GetObject()").attach(principal_type="group", principal_id=made.id)
    recorder = Recorder()
    group = connect(recorder).organizations.get(organization.name).groups.get(made.id)
    assert [(member.subject_type, member.subject_id) for member in group.members.list()] == [("user", user_id)]
    (attachment,) = group.attachments
    assert attachment.policy_name == "read"
    assert attachment.attached_at is not None
    assert recorder.operations == ["organizations.get", "groups.get"]


def test_members_of_groups_come_and_go(organization: Organization, user_id: str) -> None:
    group = organization.groups.create("readers")
    subjects = {
        ("user", user_id),
        ("role", organization.roles.create("role").id),
        ("agent", organization.agents.create("agent").id),
        ("group", organization.groups.create("inner").id),
    }
    for kind, name in subjects:
        group.members.create(subject_type=kind, subject_id=name)
    assert {(each.subject_type, each.subject_id) for each in group.members.list()} == subjects
    for kind, name in subjects:
        group.members.delete(subject_type=kind, subject_id=name)
    assert list(organization.groups.get(group.id).members.list()) == []


def test_what_is_wrong_with_a_policy(organization: Organization) -> None:
    result = organization.policies.validate("GetObject()\nNoSuchAction()")
    assert not result.valid
    (error,) = result.errors
    assert (error.line, "NoSuchAction" in error.message) == (2, True)


def test_what_get_and_create_of_a_policy_load(
    organization: Organization, user_id: str, connect: Callable[..., Client]
) -> None:
    recorder = Recorder()
    policies = connect(recorder).organizations.get(organization.name).policies
    policy = policies.create(name="read", policy_text="GetObject()")
    assert policy.attachments == []
    assert recorder.operations == ["organizations.get", "policies.create"]
    policy.attach(principal_type="user", principal_id=user_id)
    recorder.operations.clear()
    loaded = policies.get(policy.id)
    (attachment,) = loaded.attachments
    assert (attachment.principal_type, attachment.principal_id) == ("user", user_id)
    assert attachment.principal_name
    assert attachment.attached_at is not None
    assert recorder.operations == ["policies.get"]
    loaded.detach(principal_type="user", principal_id=user_id)
    assert policies.get(policy.id).attachments == []


def test_policies_in_force_for_a_role(organization: Organization) -> None:
    role = _attached(organization)
    found = list(organization.policies.effective(principal_type="role", principal_id=role.id))
    assert [(each.policy_name, each.source) for each in found] == [("a1", "direct"), ("b2", "direct"), ("c3", "direct")]


def test_roles_have_neither_metadata_nor_a_policy_of_their_own() -> None:
    for name in ("metadata", "inline_policy"):
        assert hasattr(Agent, name)
        assert not hasattr(Role, name)


def identity(organization: Organization, kind: str) -> Role | Agent:
    return organization.roles.create("robot") if kind == "role" else organization.agents.create("robot")


@pytest.mark.parametrize("kind", ["role", "agent"])
def test_what_a_deleted_identity_leaves(organization: Organization, connect: Callable[..., Client], kind: str) -> None:
    robot = identity(organization, kind)
    key = robot.api_keys.create("key").token
    group = organization.groups.create("readers")
    group.members.create(subject_type=kind, subject_id=robot.id)
    policy = organization.policies.create("read", "GetObject()")
    if kind == "role":  # agents have the policy of their own
        policy.attach(principal_type=kind, principal_id=robot.id)
    assert connect(api_key=key).whoami().user.username == "robot"
    robot.delete()
    with pytest.raises(AuthenticationError):
        connect(api_key=key).whoami()
    assert list(organization.groups.get(group.id).members.list()) == []
    assert organization.policies.get(policy.id).attachments == []


@pytest.mark.parametrize("kind", ["role", "agent"])
def test_a_token_is_told_once(organization: Organization, kind: str) -> None:
    keys = identity(organization, kind).api_keys
    created = keys.create("key")
    (listed,) = keys.list()
    for told in (listed, keys.get(created.id)):
        assert (told.id, told.token_hint) == (created.id, created.token[-4:])
        assert not hasattr(told, "token")
        assert created.token not in str(told.to_dict())


def test_an_agent_is_updated_piece_by_piece(organization: Organization) -> None:
    agent = organization.agents.create("agent", description="one", metadata={"a": "1"}, inline_policy="GetObject()")

    def told() -> tuple[str, dict[str, str], str]:
        read = organization.agents.get("agent")
        return read.description, read.metadata, read.inline_policy.strip()

    agent.update(description="two")
    assert told() == ("two", {"a": "1"}, "GetObject()")
    agent.update(metadata={"b": "2"})
    assert told() == ("two", {"b": "2"}, "GetObject()")
    agent.update(inline_policy="ListObjects()")
    assert told() == ("two", {"b": "2"}, "ListObjects()")


def test_connectors_are_attached_and_detached(organization: Organization, repo: Repository) -> None:
    connector = _connector(organization, "source")
    repo.connectors.attach(connector.id)
    assert [each.id for each in repo.connectors.list()] == [connector.id]
    repo.connectors.detach(connector.id)
    assert list(repo.connectors.list()) == []
    assert [each.id for each in organization.connectors.list()] == [connector.id]


def test_a_new_import_is_populated(organization: Organization, connect: Callable[..., Client]) -> None:
    source, target = (organization.repositories.create(name) for name in ("source", "target"))
    with source.session() as session:
        session.objects.put("a", b"1")
        session.commit("one")
    recorder = Recorder()
    job = (
        connect(recorder)
        .repository(target.path)
        .imports.create_from_repository(
            repo_path=source.path, destination_path="to/", source_prefix="a", commit_message="Import"
        )
    )
    asked = list(recorder.operations)
    assert (job.destination_path, job.source_prefix, job.commit_message) == ("to/", "a", "Import")
    assert (job.source_organization, job.source_repository) == (organization.name, "source")
    assert job.status in ("pending", "running", "completed")
    assert (job.created_by_type, job.created_at is not None) == ("user", True)
    assert recorder.operations == asked
    found = target.imports.get(job.id)
    assert (found.id, found.destination_path, found.created_at) == (job.id, "to/", job.created_at)


def test_only_who_may_read_a_repository_imports_from_it(
    server: Server, repo: Repository, connect: Callable[..., Client]
) -> None:
    stranger = connect(api_key=server.create_user(repo.organization.replace("promise", "stranger")))
    mine = stranger.organizations.create(repo.organization.replace("promise", "theirs")).repositories.create("data")
    with pytest.raises(TildeError):
        mine.imports.create_from_repository(repo_path=repo.path, destination_path="to/").wait(timeout=30)
    assert mine.latest() is None


def test_an_import_from_a_connector_that_was_deleted(organization: Organization, repo: Repository) -> None:
    connector = _connector(organization, "source")
    repo.connectors.attach(connector.id)
    connector.delete()
    with pytest.raises(GoneError):
        repo.imports.create_from_connector(connector_id=connector.id, destination_path="to/")


class Statuses:
    """Notes what is answered to each call."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    @hookimpl(wrapper=True)
    def tilde_send(self, request: Request, transport: Transport) -> Generator[None, Response, Response]:
        response = yield
        self.seen.append((request.operation, response.status))
        return response


def test_a_commit_of_an_agent_is_answered_202(
    server: Server, organization: Organization, repo: Repository, connect: Callable[..., Client]
) -> None:
    server.require_approval(repo.path)
    statuses = Statuses()
    with connect(statuses, api_key=agent_key(organization)).repository(repo.path).session() as session:
        session.objects.put("a", b"1")
        assert session.commit_result("Add").web_url.endswith(f"/sessions/{session.session_id}/approve")
    assert ("sessions.commit", 202) in statuses.seen


def test_a_commit_that_is_rolled_back_by_its_reviewer(
    server: Server, organization: Organization, repo: Repository, connect: Callable[..., Client]
) -> None:
    server.require_approval(repo.path)
    reviewer = Reviewer(lambda session_id: repo.attach(session_id).rollback())
    with connect(reviewer, api_key=agent_key(organization)).repository(repo.path).session() as session:
        session.objects.put("a", b"1")
        with pytest.warns(UserWarning, match="Approval required"):
            assert session.commit("Add") == ""
    assert reviewer.session_ids == [session.session_id]
    assert repo.latest() is None


def test_a_secret_is_created_updated_and_kept_apart(organization: Organization, repo: Repository) -> None:
    owners: list[Repository | Agent] = [
        repo,
        organization.repositories.create("other"),
        *(organization.agents.create(name) for name in ("a1", "b2")),
    ]
    for number, owner in enumerate(owners):
        owner.secrets.create("KEY", "first")
        owner.secrets.create("KEY", f"value {number}")
    for number, owner in enumerate(owners):
        assert owner.secrets.get("KEY").value == f"value {number}"
        (entry,) = owner.secrets.list()
        assert (entry.name, hasattr(entry, "value")) == ("KEY", False)
        assert f"value {number}" not in str(entry.to_dict())


def test_a_host_that_is_not_known(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object, **more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with (
        Client("key", endpoint_url="http://tilde.invalid", max_retries=0) as client,
        pytest.raises(TransportError, match=r"tilde\.invalid"),
    ):
        client.organizations.get("x")


def test_a_service_that_does_not_answer(transport: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections are made, and nobody reads from them
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            Client("key", endpoint_url=url, timeout=Timeout(read=0.05), max_retries=0) as client,
            pytest.raises(TransportError),
        ):
            client.organizations.get("x")
