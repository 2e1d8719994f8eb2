"""People, policies, keys, secrets, connectors and imports: what is sent for each call, and when."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from support import FakeClock, answer, fake_client
from tilde import Client
from tilde.exceptions import ImportFailedError, NotFoundError, TildeError, WaitTimeoutError
from tilde.models import Group, ImportJob, Organization, Policy, Repository
from tilde_core.http import Request, Response
from tilde_core.models.organizations import OrganizationData

ROOT = "/api/v1/organizations/o"
REPO = f"{ROOT}/repositories/r"
ENTITIES: dict[str, Any] = {
    "groups": {"id": "g1", "name": "readers"},
    "policies": {"id": "p1", "name": "read", "policy_text": "GetObject()"},
    "roles": {"id": "r1", "name": "loader"},
    "agents": {"id": "a1", "name": "reader"},
    "connectors": {"id": "c1", "name": "source", "type": "s3"},
    "invitations": {"id": "i1", "email": "ann@example.com", "status": "pending"},
    "keys": {"id": "k1", "name": "laptop", "token": "tak-secret", "token_hint": "cret"},
    "secrets": {"key": "KEY", "value": "s3cret"},
    "import": {"id": "j1", "status": "running"},
    "members": {"user_id": "u1", "username": "ann"},
}
DETAILS: dict[str, Any] = {
    "groups/g1": {
        "group": ENTITIES["groups"],
        "members": [{"subject_type": "user", "subject_id": "u1"}],
        "attachments": [{"policy_id": "p1", "policy_name": "read"}],
    },
    "policies/p1": {
        "policy": ENTITIES["policies"],
        "attachments": [{"policy_id": "p1", "principal_type": "role", "principal_id": "r1"}],
    },
}


OTHERS = {"policy_text": "GetObject()", "valid": True, "status": "ok", "results": []}


class Service:
    """Answers by the path. `sent` has the requests, as `METHOD path {body}`."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.jobs: list[dict[str, Any]] = []
        self.client, _, self.clock = fake_client(self.answer)

    def answer(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        query = f"?{unquote(parts.query)}" if parts.query else ""
        body = request.content.decode() if isinstance(request.content, bytes) else ""
        self.sent.append(f"{request.method} {parts.path}{query} {body}".strip())
        return self.found(request.method, parts.path.removeprefix("/api/v1/").removeprefix("organizations/o/"))

    def found(self, method: str, path: str) -> Response:
        *_, owner, last = ("", *path.split("/"))
        if method == "DELETE" or (method == "POST" and last in ("attachments", "accept", "decline")):
            return answer(204)
        if path in DETAILS and method == "GET":
            return answer(200, DETAILS[path])
        if path.startswith("import") or "/import/" in path:
            return answer(200, self.jobs.pop(0) if self.jobs else ENTITIES["import"])
        if last == "import":
            return answer(202, {"job_id": "j1"})
        noun = last if last in ENTITIES else owner
        if method == "GET" and last in ENTITIES:
            return answer(200, {"results": [ENTITIES[last]]})
        return answer(
            200, ENTITIES.get(noun, {"policy_text": "GetObject()", "valid": True, "status": "ok", "results": []})
        )

    @property
    def org(self) -> Organization:
        return Organization(self.client, OrganizationData(name="o"))

    @property
    def repo(self) -> Repository:
        return self.client.repository("o/r")


@pytest.fixture
def service() -> Service:
    return Service()


def body(**fields: Any) -> str:
    return json.dumps(fields, separators=(",", ":"))


Call = Callable[[Service], object]
CALLS: list[tuple[Call, str, dict[str, Any]]] = [
    (
        lambda s: s.org.groups.create("readers", description="d"),
        f"POST {ROOT}/groups",
        {"name": "readers", "description": "d"},
    ),
    (lambda s: s.org.groups.get("g1"), f"GET {ROOT}/groups/g1", {}),
    (lambda s: s.org.groups.delete("g1"), f"DELETE {ROOT}/groups/g1", {}),
    (
        lambda s: list(s.org.groups.effective(principal_type="agent", principal_id="a1")),
        f"GET {ROOT}/effective-groups?principal_type=agent&principal_id=a1",
        {},
    ),
    (
        lambda s: s.org.policies.create("read", "GetObject()"),
        f"POST {ROOT}/policies",
        {"name": "read", "policy_text": "GetObject()"},
    ),
    (lambda s: s.org.policies.validate("x"), f"POST {ROOT}/policies:validate", {"policy_text": "x"}),
    (lambda s: s.org.policies.generate("read all"), f"POST {ROOT}/policies:generate", {"prompt": "read all"}),
    (lambda s: s.org.policies.delete("p1"), f"DELETE {ROOT}/policies/p1", {}),
    (lambda s: list(s.org.policies.attachments()), f"GET {ROOT}/attachments", {}),
    (
        lambda s: list(s.org.policies.effective(principal_type="agent", principal_id="a1")),
        f"GET {ROOT}/effective-policies?principal_type=agent&principal_id=a1",
        {},
    ),
    (lambda s: s.org.roles.create("loader"), f"POST {ROOT}/roles", {"name": "loader"}),
    (lambda s: s.org.roles.get("loader"), f"GET {ROOT}/roles/loader", {}),
    (lambda s: s.org.roles.delete("loader"), f"DELETE {ROOT}/roles/loader", {}),
    (
        lambda s: s.org.agents.create("reader", metadata={"a": "b"}, inline_policy="GetObject()"),
        f"POST {ROOT}/agents",
        {"name": "reader", "metadata": {"a": "b"}, "inline_policy": "GetObject()"},
    ),
    (lambda s: s.org.agents.get("reader"), f"GET {ROOT}/agents/reader", {}),
    (lambda s: s.org.agents.delete("reader"), f"DELETE {ROOT}/agents/reader", {}),
    (lambda s: s.org.members.delete("u1"), f"DELETE {ROOT}/members/u1", {}),
    (lambda s: s.org.members.get("u1"), f"GET {ROOT}/members", {}),
    (
        lambda s: s.org.invitations.create("ann@example.com", group_ids=["g1"]),
        f"POST {ROOT}/invitations",
        {"email": "ann@example.com", "group_ids": ["g1"]},
    ),
    (
        lambda s: s.org.invitations.create(username="ann", policy_ids=["p1"]),
        f"POST {ROOT}/invitations",
        {"username": "ann", "policy_ids": ["p1"]},
    ),
    (lambda s: s.org.invitations.revoke("i1"), f"DELETE {ROOT}/invitations/i1", {}),
    (lambda s: s.client.invitations.accept("i1"), "POST /api/v1/invitations/i1/accept", {}),
    (lambda s: s.client.invitations.decline("i1"), "POST /api/v1/invitations/i1/decline", {}),
    (lambda s: s.client.api_keys.create("laptop"), "POST /api/v1/auth/keys", {"name": "laptop"}),
    (lambda s: s.client.api_keys.revoke("k1"), "DELETE /api/v1/auth/keys/k1", {}),
    (lambda s: s.client.search_users("an"), "GET /api/v1/auth/search-users?q=an", {}),
    (lambda s: s.repo.secrets.create("KEY", "v"), f"PUT {REPO}/secrets/KEY", {"value": "v"}),
    (lambda s: s.repo.secrets.get("KEY"), f"GET {REPO}/secrets/KEY", {}),
    (lambda s: s.repo.secrets.delete("KEY"), f"DELETE {REPO}/secrets/KEY", {}),
    (lambda s: s.repo.connectors.attach("c1"), f"POST {REPO}/connectors", {"connector_id": "c1"}),
    (lambda s: s.repo.connectors.detach("c1"), f"DELETE {REPO}/connectors/c1", {}),
    (lambda s: list(s.repo.connectors.list()), f"GET {REPO}/connectors", {}),
    (
        lambda s: s.org.connectors.create(name="n", type="s3", source_uri="s3://b", config={}),
        f"POST {ROOT}/connectors",
        {"name": "n", "type": "s3", "source_uri": "s3://b", "config": {}},
    ),
    (
        lambda s: s.org.connectors.test(type="s3", source_uri="s3://b", config={}),
        f"POST {ROOT}/connectors:test",
        {"type": "s3", "source_uri": "s3://b", "config": {}},
    ),
    (lambda s: s.org.connectors.get("c1"), f"GET {ROOT}/connectors/c1", {}),
    (lambda s: s.org.connectors.delete("c1"), f"DELETE {ROOT}/connectors/c1", {}),
    (lambda s: s.repo.imports.get("j1"), f"GET {REPO}/import/j1", {}),
]


@pytest.mark.parametrize(("call", "line", "fields"), CALLS, ids=[line for _, line, _ in CALLS])
def test_each_call_sends_one_request(service: Service, call: Call, line: str, fields: dict[str, Any]) -> None:
    call(service)
    assert service.sent == [f"{line} {body(**fields)}" if fields else line]


@pytest.mark.parametrize(("noun", "named"), [("roles", "loader"), ("agents", "reader")])
def test_keys_of_roles_and_agents(service: Service, noun: str, named: str) -> None:
    keys = getattr(service.org, noun).get(named).api_keys
    created = keys.create("laptop", description="mine")
    assert created.token == "tak-secret"
    assert "tak-secret" not in repr(created) + repr(keys)
    found = keys.get("k1")
    assert (found.token_hint, repr(found)) == ("cret", "APIKey('k1', 'laptop')")
    found.revoke()
    with pytest.raises(NotFoundError, match="no API key 'k2'"):
        keys.get("k2")
    place = f"{ROOT}/{noun}/{named}/auth/keys"
    assert service.sent[1:] == [
        f"POST {place} {body(name='laptop', description='mine')}",
        f"GET {place}",
        f"DELETE {place}/k1",
        f"GET {place}",
    ]


def test_secrets_of_agents(service: Service) -> None:
    secrets = service.org.agents.get("reader").secrets
    secret = secrets.get("KEY")
    assert (secret.name, secret.value) == ("KEY", "s3cret")
    assert "s3cret" not in repr(secret) + repr(secrets) + repr(secrets.create("KEY", "s3cret"))
    secret.delete()
    assert service.sent[1:] == [
        f"{method} {ROOT}/agents/reader/secrets/KEY" + (f" {body(value='s3cret')}" if method == "PUT" else "")
        for method in ("GET", "PUT", "DELETE")
    ]


def test_the_text_of_a_listed_policy_is_fetched_when_it_is_asked_for(service: Service) -> None:
    (policy,) = service.org.policies.list()
    assert (policy.id, policy.name) == ("p1", "read")
    assert len(service.sent) == 1
    assert policy.policy_text == "GetObject()"
    assert [each.principal_id for each in policy.attachments] == ["r1"]
    assert service.sent[1:] == [f"GET {ROOT}/policies/p1"]


def test_a_new_policy_is_attached_to_nobody_and_that_is_known(service: Service) -> None:
    policy = service.org.policies.create("read", "GetObject()")
    assert (policy.attachments, policy.attachment_count) == ([], 0)
    assert len(service.sent) == 1


def test_attaching_makes_a_policy_look_again(service: Service) -> None:
    policy = service.org.policies.get("p1")
    attached = policy.attach(principal_type="role", principal_id="r1")
    assert (attached.principal_type, attached.principal_id) == ("role", "r1")
    policy.detach(principal_type="role", principal_id="r1")
    assert [each.principal_id for each in policy.attachments] == ["r1"]
    place = f"{ROOT}/policies/p1"
    assert service.sent == [
        f"GET {place}",
        f"POST {place}/attachments {body(principal_type='role', principal_id='r1')}",
        f"GET {place}",
        f"DELETE {place}/attachments?principal_type=role&principal_id=r1",
        f"GET {place}",
    ]
    with pytest.raises(NotFoundError, match="attached to user 'u1', but that is not listed"):
        policy.attach(principal_type="user", principal_id="u1")


def test_members_and_attachments_of_a_group_are_fetched_once(service: Service) -> None:
    (group,) = service.org.groups.list()
    assert len(service.sent) == 1
    assert [member.subject_id for member in group.members.list()] == ["u1"]
    assert [each.policy_name for each in group.attachments] == ["read"]
    assert service.sent[1:] == [f"GET {ROOT}/groups/g1"]


def test_a_change_of_members_makes_a_group_look_again(service: Service) -> None:
    group = service.org.groups.get("g1")
    assert group.members.create(subject_type="user", subject_id="u1").subject_id == "u1"
    group.members.delete(subject_type="user", subject_id="u1")
    assert [member.subject_id for member in group.members.list()] == ["u1"]
    place = f"{ROOT}/groups/g1"
    assert service.sent == [
        f"GET {place}",
        f"POST {place}/members {body(subject_type='user', subject_id='u1')}",
        f"GET {place}",
        f"DELETE {place}/members?subject_type=user&subject_id=u1",
        f"GET {place}",
    ]


UPDATES: list[tuple[Callable[[Organization], Group | Policy | Any], dict[str, Any], str]] = [
    (lambda org: org.groups.get("g1"), {"name": "n"}, f"{ROOT}/groups/g1"),
    (lambda org: org.policies.get("p1"), {"policy_text": "ListGroups()"}, f"{ROOT}/policies/p1"),
    (lambda org: org.agents.get("reader"), {"metadata": {}, "inline_policy": ""}, f"{ROOT}/agents/reader"),
]


@pytest.mark.parametrize(("get", "changes", "place"), UPDATES, ids=["group", "policy", "agent"])
def test_an_update_sends_what_is_named_and_returns_the_entity(
    service: Service, get: Callable[[Organization], Any], changes: dict[str, Any], place: str
) -> None:
    entity = get(service.org)
    assert entity.update(**changes) is entity
    assert service.sent[1:] == [f"PUT {place} {body(**changes)}"]
    with pytest.raises(ValueError, match="name at least one of"):
        entity.update()
    assert len(service.sent) == 2


def test_an_attached_connector_is_loaded_when_it_is_asked_for(service: Service) -> None:
    connector = service.repo.connectors.attach("c1")
    assert repr(connector) == "Connector('c1')"
    assert len(service.sent) == 1
    assert (connector.name, connector.type) == ("source", "s3")
    assert connector.test().status == "ok"
    connector.delete()
    assert service.sent[1:] == [
        f"GET {ROOT}/connectors/c1",
        f"POST {ROOT}/connectors/c1/test",
        f"DELETE {ROOT}/connectors/c1",
    ]


def test_an_answer_to_an_invitation_is_remembered(service: Service) -> None:
    for act, status in (("accept", "accepted"), ("decline", "declined"), ("revoke", "revoked")):
        (invitation,) = service.org.invitations.list()
        getattr(invitation, act)()
        assert (invitation.status, invitation.organization_name) == (status, "o")
    assert service.sent[5] == f"DELETE {ROOT}/invitations/i1"


def job(status: str, count: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": "j1", "status": status, "objects_imported": count, **more}


def start(service: Service) -> ImportJob:
    return service.repo.imports.create_from_connector(connector_id="c1", destination_path="to/", source_prefix="from/")


def test_an_import_is_started_and_loaded(service: Service) -> None:
    assert start(service).status == "running"
    expected = body(connector_id="c1", destination_path="to/", source_prefix="from/")
    assert service.sent == [f"POST {REPO}/import {expected}", f"GET {REPO}/import/j1"]
    service.repo.imports.create_from_repository(repo_path="p/q", destination_path="", commit_message="m")
    expected = body(source_organization="p", source_repository="q", destination_path="", commit_message="m")
    assert service.sent[2] == f"POST {REPO}/import {expected}"


def test_waiting_for_an_import_tells_each_change_once(service: Service) -> None:
    service.jobs = [
        job("pending"),
        *(job("running", count) for count in (0, 0, 5)),
        job("completed", 7, commit_id="c9"),
    ]
    seen: list[tuple[str, int]] = []
    done = start(service).wait(on_update=lambda each: seen.append((each.status, each.objects_imported)))
    assert seen == [("running", 0), ("running", 5), ("completed", 7)]
    assert (done.commit_id, done.is_finished) == ("c9", True)
    assert service.clock.sleeps == pytest.approx([0.2, 0.3, 0.45])
    assert done.wait() is done


def test_waiting_for_an_import_takes_a_function_alone(service: Service) -> None:
    running = start(service)
    asked = len(service.sent)
    with pytest.raises(TypeError, match=r"^on_update must be a function, not str"):
        running.wait(on_update="print")  # type: ignore[arg-type]
    assert len(service.sent) == asked


@pytest.mark.parametrize(
    ("status", "message"), [("failed", "import j1 failed: no such bucket"), ("canceled", "canceled")]
)
def test_an_import_that_fails_is_an_error(service: Service, status: str, message: str) -> None:
    service.jobs = [job("running"), job(status, error="no such bucket")]
    started = start(service)
    with pytest.raises(ImportFailedError, match=message) as raised:
        started.wait()
    error = raised.value
    assert (error.job_id, error.status, error.reason) == ("j1", status, "no such bucket")
    assert started.error == "no such bucket"


def test_waiting_ends_with_the_time(service: Service) -> None:
    started = start(service)
    with pytest.raises(WaitTimeoutError, match="waited 5 seconds for import j1"):
        started.wait(timeout=5)
    assert sum(service.clock.sleeps) == pytest.approx(5)
    assert isinstance(service.clock, FakeClock)


REFUSED: dict[str, tuple[Call, str]] = {
    "a type that is none": (
        lambda s: s.org.groups.effective(principal_type="team", principal_id="x"),
        "principal_type",
    ),
    "a dot": (lambda s: s.org.groups.get("."), "group_id"),
    "an empty name": (lambda s: s.org.roles.get(""), "name"),
    "dots": (lambda s: s.org.agents.delete(".."), "name"),
    "a secret's name": (lambda s: s.repo.secrets.get("1st"), "must be a letter or _"),
    "an empty secret": (lambda s: s.repo.secrets.create("KEY", ""), "is empty"),
    "half a character": (lambda s: s.repo.secrets.create("KEY", "top-secret\ud800"), "lone surrogate"),
    "an absolute path": (
        lambda s: s.repo.imports.create_from_connector(connector_id="c1", destination_path="/x"),
        "begins with a slash",
    ),
    "half a repository": (
        lambda s: s.repo.imports.create_from_repository(repo_path="data", destination_path=""),
        "repo_path",
    ),
    "email and username": (lambda s: s.org.invitations.create("a@b.c", username="a"), "exactly one"),
    "neither": (lambda s: s.org.invitations.create(), "exactly one"),
    "a config that is no text": (
        lambda s: s.org.connectors.create(name="n", type="s3", source_uri="s3://b", config={"k": "\ud800"}),
        "lone surrogate",
    ),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_arguments_are_refused_before_anything_is_sent(service: Service, call: Call, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        call(service)
    assert service.sent == []
    assert "top-secret" not in str(raised.value)


WRONG_TYPES: list[Call] = [
    lambda s: s.repo.secrets.create("KEY", b"v"),  # type: ignore[arg-type]
    lambda s: s.repo.secrets.get(1),  # type: ignore[arg-type]
    lambda s: s.org.connectors.test(type="s3", source_uri="s3://b", config={"k": b"v"}),
    lambda s: s.org.connectors.test(type="s3", source_uri="s3://b", config="k"),  # type: ignore[arg-type]
    lambda s: s.org.invitations.create("a@b.c", group_ids="g1"),
    lambda s: s.org.agents.create("reader", metadata={"a": 1}),  # type: ignore[dict-item]
]


@pytest.mark.parametrize("call", WRONG_TYPES)
def test_wrong_types_are_refused_before_anything_is_sent(service: Service, call: Call) -> None:
    with pytest.raises(TypeError):
        call(service)
    assert service.sent == []


def test_every_collection_says_whose_it_is(service: Service) -> None:
    org, repo = service.org, service.repo
    collections = (org.groups, org.policies, org.roles, org.agents, org.members, org.invitations, org.connectors)
    assert [repr(each) for each in collections] == [f"{type(each).__name__}('o')" for each in collections]
    assert repr(repo.connectors) == "RepositoryConnectors(o/r)"
    assert repr(repo.imports) == "Imports(o/r)"
    assert service.sent == []


def test_a_refusal_of_the_service_passes_through() -> None:
    client: Client = fake_client([answer(409, {"message": "taken", "code": "conflict", "request_id": "q"})])[0]
    with pytest.raises(TildeError, match=r"groups\.create: taken"):
        Organization(client, OrganizationData(name="o")).groups.create("g")
