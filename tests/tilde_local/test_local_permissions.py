"""Who may do what: every action by every kind of caller."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tilde_local import Server
from tilde_local.policy.actions import ACTIONS
from tilde_local.sandboxes.creation import create_as
from tilde_local.sandboxes.requests import NewSandbox
from tilde_local.store import organizations, principals, repositories

if TYPE_CHECKING:
    from outside import S3Server
    from tilde_local.conftest import Answer, Api

Connect = Callable[[str, str], "Api"]
Acts = Callable[["Team", "Api"], "Answer"]

_numbers = itertools.count()


class Team:
    """An organization with one of everything, and clients of those who belong to it."""

    def __init__(self, server: Server, connect: Connect, api: Api, s3: S3Server) -> None:
        self.server, self.connect, self.api = server, connect, api
        self.source = {"type": "s3", "source_uri": "s3://permissions/", "config": s3.config}
        self.repo = api.new_repository()
        self.root = self.repo.root.removesuffix("/repositories/data")
        first = self.repo.commit({"data/a.txt": b"a"})
        self.commit = self.repo.commit({"data/a.txt": b"b"})
        assert first != self.commit
        self.me = api.call("GET", "/auth/me").json["user"]["id"]

    def make(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.api.call("POST", self.root + path, None, body)
        assert answer.status == 201, answer
        return answer.json if answer.body else None

    def name(self) -> str:
        return f"n{next(_numbers)}x"

    def as_owner(self, token: str) -> Api:
        return self.connect(self.server.endpoint_url, token)

    def policy(self, text: str, kind: str, principal_id: str) -> None:
        created = self.make("/policies", {"name": self.name(), "policy_text": text})
        body = {"principal_type": kind, "principal_id": principal_id}
        assert self.api.call("POST", f"{self.root}/policies/{created['id']}/attachments", None, body).status == 201

    def user(self, text: str = "") -> Api:
        username = f"user-{next(_numbers)}"
        key = self.server.create_user(username)
        member = self.make("/members", {"username": username})
        if text:
            self.policy(text, "user", member["user_id"])
        return self.as_owner(key)

    def role(self, text: str) -> Api:
        role = self.make("/roles", {"name": self.name()})
        self.policy(text, "role", role["id"])
        return self.as_owner(self.make(f"/roles/{role['name']}/auth/keys", {"name": "k"})["token"])

    def agent(self, inline: str, creator: Api | None = None) -> Api:
        body = {"name": self.name(), "inline_policy": inline}
        created = (creator or self.api).call("POST", f"{self.root}/agents", None, body)
        assert created.status == 201, created
        key = self.make(f"/agents/{body['name']}/auth/keys", {"name": "k"})
        return self.as_owner(key["token"])

    def running_as(self, kind: str, principal_id: str) -> str:
        """A sandbox in service mode that runs as somebody, allowed or not. Of strangers it fails."""
        services, (_, _, name, _, data) = self.server.services, self.repo.root.split("/")
        with services.database.write() as db:
            principal = principals.find_any(db, kind, principal_id)
            repository = repositories.find(db, organizations.find_any(db, name), data)
            assert principal is not None
            request = NewSandbox(image="i", mode="service")
            made = create_as(services, db, repository, principal, principal, request)
        services.sandboxes.wake()
        path = f"{self.repo.root}/sandboxes/{made.id}"
        assert services.sandboxes.wait_until(lambda: self.api.call("GET", path).json["status"] != "starting", 60)
        return made.id

    def session(self) -> str:
        return self.repo.session()

    def pending(self) -> str:
        """A session that an agent has submitted, where agents have to wait for approval."""
        self.server.require_approval(self.repo.root.replace("/organizations/", "").replace("/repositories", ""))
        session = self.staged()
        agent = self.repo.api.repository(self.repo.root)
        agent.api = self.agent("CommitSession()")
        assert agent.try_commit(session).status == 202
        return session

    def staged(self) -> str:
        session = self.session()
        self.repo.put(session, f"data/{self.name()}", b"x")
        return session


def at(method: str, path: str, body: Any = None, query: Any = None) -> Acts:
    """A call below the organization."""
    return lambda team, caller: caller.call(method, team.root + path, query, body)


def thing(kind: str, method: str, path: str = "", body: Any = None, **new: Any) -> Acts:
    """A call on a group, policy, role or agent that is new for it."""

    def act(team: Team, caller: Api) -> Answer:
        made = team.make(f"/{kind}", {"name": team.name(), **new})
        named = made["name"] if kind in ("roles", "agents") else made["id"]
        return caller.call(method, f"{team.root}/{kind}/{named}{path}", None, body)

    return act


def key_of(kind: str) -> Acts:
    def act(team: Team, caller: Api) -> Answer:
        named = team.make(f"/{kind}", {"name": team.name()})["name"]
        key = team.make(f"/{kind}/{named}/auth/keys", {"name": "k"})["id"]
        return caller.call("DELETE", f"{team.root}/{kind}/{named}/auth/keys/{key}")

    return act


def data(method: str, path: str = "", body: Any = None, /, **query: Any) -> Acts:
    """A call below the repository; a callable in the query is asked for its value."""

    def act(team: Team, caller: Api) -> Answer:
        given = {name: value(team) if callable(value) else value for name, value in query.items()}
        place = path.replace("{commit}", team.commit)
        return caller.call(method, team.repo.root + place, given, body)

    return act


def in_session(method: str, body: Any = None) -> Acts:
    return lambda team, caller: caller.call(method, f"{team.repo.root}/sessions/{team.staged()}", None, body)


def member_call(team: Team, caller: Api) -> Answer:
    username = f"user-{next(_numbers)}"
    team.server.create_user(username)
    return caller.call("POST", f"{team.root}/members", None, {"username": username})


def secret(method: str, owner: str) -> Acts:
    """A call on a secret of the repository, or of an agent that is new for it."""

    def act(team: Team, caller: Api) -> Answer:
        place = team.repo.root
        if owner == "agent":
            place = f"{team.root}/agents/{team.make('/agents', {'name': team.name()})['name']}"
        if method == "LIST":
            return caller.call("GET", f"{place}/secrets")
        assert team.api.call("PUT", f"{place}/secrets/KEY", None, {"value": "v"}).status == 200
        return caller.call(method, f"{place}/secrets/KEY", None, {"value": "w"} if method == "PUT" else None)

    return act


def remove_member(team: Team, caller: Api) -> Answer:
    username = f"user-{next(_numbers)}"
    team.server.create_user(username)
    member = team.make("/members", {"username": username})
    return caller.call("DELETE", f"{team.root}/members/{member['user_id']}")


def revoke_invitation(team: Team, caller: Api) -> Answer:
    made = team.make("/invitations", {"email": f"{team.name()}@example.com"})
    return caller.call("DELETE", f"{team.root}/invitations/{made['id']}")


def group_member(method: str) -> Acts:
    def act(team: Team, caller: Api) -> Answer:
        group = team.make("/groups", {"name": team.name()})["id"]
        subject = {"subject_type": "user", "subject_id": team.me}
        place = f"/groups/{group}/members"
        if method == "POST":
            return caller.call("POST", team.root + place, None, subject)
        team.make(place, subject)
        return caller.call("DELETE", team.root + place, subject)

    return act


def attachment(method: str) -> Acts:
    def act(team: Team, caller: Api) -> Answer:
        policy = team.make("/policies", {"name": team.name(), "policy_text": "ListGroups()"})["id"]
        principal = {"principal_type": "user", "principal_id": team.me}
        place = f"/policies/{policy}/attachments"
        if method == "POST":
            return caller.call("POST", team.root + place, None, principal)
        team.make(place, principal)
        return caller.call("DELETE", team.root + place, principal)

    return act


def connector(method: str, path: str = "") -> Acts:
    """A call on a connector that is new for it."""
    return lambda team, caller: caller.call(method, f"{team.root}/connectors/{new_connector(team)}{path}")


def new_connector(team: Team, attached: bool = False) -> str:
    made = str(team.make("/connectors", {"name": team.name(), **team.source})["id"])
    if attached:
        body = {"connector_id": made}
        assert team.api.call("POST", f"{team.repo.root}/connectors", None, body).status == 201
    return made


def try_connections(team: Team, caller: Api) -> Answer:
    """Both ways of it."""
    answer = caller.call("POST", f"{team.root}/connectors:test", None, team.source)
    assert connector("POST", "/test")(team, caller).status == answer.status
    return answer


def start_import(team: Team, caller: Api) -> Answer:
    body = {"connector_id": new_connector(team, attached=True), "destination_path": "in/"}
    return caller.call("POST", f"{team.repo.root}/import", None, body)


def get_import(team: Team, caller: Api) -> Answer:
    return caller.call("GET", f"{team.repo.root}/import/{start_import(team, team.api).json['job_id']}")


def delete_repository(team: Team, caller: Api) -> Answer:
    name = team.make("/repositories", {"name": team.name()})["name"]
    return caller.call("DELETE", f"{team.root}/repositories/{name}")


def sandbox(method: str, path: str = "", *, is_own: bool = False) -> Acts:
    """A call on a sandbox in service mode, that runs as the caller if it `is_own`."""

    def act(team: Team, caller: Api) -> Answer:
        user = (caller if is_own else team.api).call("GET", "/auth/me").json["user"]
        made = team.running_as("user" if user["source"] == "local" else user["source"], user["id"])
        try:
            answer = caller.call(method, f"{team.repo.root}/sandboxes/{made}{path}")
            # As far as one comes without a WebSocket.
            return caller.call("GET", "/auth/me") if answer.status == 426 else answer
        finally:
            team.api.call("DELETE", f"{team.repo.root}/sandboxes/{made}")
            team.api.call("GET", f"{team.repo.root}/sandboxes/{made}/logs/stdout")

    return act


def sandbox_log(team: Team, caller: Api) -> Answer:
    made = team.api.call("POST", f"{team.repo.root}/sandboxes", None, {"image": "i"}).json["sandbox_id"]
    return caller.call("GET", f"{team.repo.root}/sandboxes/{made}/logs/stdout")


def run_as(kind: str) -> Acts:
    def act(team: Team, caller: Api) -> Answer:
        made = team.make(f"/{kind}s", {"name": team.name()})
        body = {"image": "i", "run_as": {"type": kind, "id": made["id"]}}
        return caller.call("POST", f"{team.repo.root}/sandboxes", None, body)

    return act


def trigger(method: str, path: str = "", body: Any = None) -> Acts:
    """A call on a trigger that is new for it."""

    def act(team: Team, caller: Api) -> Answer:
        made = team.api.call("POST", f"{team.repo.root}/sandbox-triggers", None, {"name": team.name(), **TRIGGER})
        assert made.status == 201, made
        return caller.call(method, f"{team.repo.root}/sandbox-triggers/{made.json['id']}{path}", None, body)

    return act


def change_trigger(team: Team, caller: Api) -> Answer:
    """Both ways of it: switching it, and replacing it, which takes the right to run code of others than its creator."""
    answer = trigger("PATCH", "", {"enabled": False})(team, caller)
    if answer.status == 200:
        replaced = trigger("PUT", "", {"name": team.name(), **TRIGGER})(team, caller)
        assert (replaced.status, "CreateSandbox" in replaced.json["message"]) == (403, True)
    return answer


def named_new(path: str, **more: Any) -> Acts:
    return lambda team, caller: caller.call("POST", team.root + path, None, {"name": team.name(), **more})


TEXT = "ListGroups()"
TRIGGER = {"conditions": [{"type": "prefix", "prefix": "none/"}], "sandbox_config": {"image": "i"}}
CALLS: dict[str, Acts] = {
    "DeleteOrganization": at("DELETE", ""),
    "ListMembers": at("GET", "/members"),
    "AddMember": member_call,
    "RemoveMember": remove_member,
    "CreateInvitation": lambda team, caller: caller.call(
        "POST", f"{team.root}/invitations", None, {"email": f"{team.name()}@example.com"}
    ),
    "ListInvitations": at("GET", "/invitations"),
    "RevokeInvitation": revoke_invitation,
    "CreateGroup": named_new("/groups"),
    "ListGroups": at("GET", "/groups"),
    "GetGroup": thing("groups", "GET"),
    "UpdateGroup": thing("groups", "PUT", "", {"description": "d"}),
    "DeleteGroup": thing("groups", "DELETE"),
    "AddGroupMember": group_member("POST"),
    "RemoveGroupMember": group_member("DELETE"),
    "GetEffectiveGroups": lambda team, caller: caller.call(
        "GET", f"{team.root}/effective-groups", {"user_id": team.me}
    ),
    "CreatePolicy": named_new("/policies", policy_text=TEXT),
    "ListPolicies": at("GET", "/policies"),
    "GetPolicy": thing("policies", "GET", policy_text=TEXT),
    "UpdatePolicy": thing("policies", "PUT", "", {"description": "d"}, policy_text=TEXT),
    "DeletePolicy": thing("policies", "DELETE", policy_text=TEXT),
    "ValidatePolicy": at("POST", "/policies:validate", {"policy_text": TEXT}),
    "GeneratePolicy": at("POST", "/policies:generate", {"prompt": "read"}),
    "AttachPolicy": attachment("POST"),
    "DetachPolicy": attachment("DELETE"),
    "ListAttachments": at("GET", "/attachments"),
    "GetEffectivePolicies": lambda team, caller: caller.call(
        "GET", f"{team.root}/effective-policies", {"principal_type": "user", "principal_id": team.me}
    ),
    "CreateRole": named_new("/roles"),
    "ListRoles": at("GET", "/roles"),
    "GetRole": thing("roles", "GET"),
    "DeleteRole": thing("roles", "DELETE"),
    "CreateRoleAPIKey": thing("roles", "POST", "/auth/keys", {"name": "k"}),
    "ListRoleAPIKeys": thing("roles", "GET", "/auth/keys"),
    "RevokeRoleAPIKey": key_of("roles"),
    "CreateAgent": named_new("/agents"),
    "ListAgents": at("GET", "/agents"),
    "GetAgent": thing("agents", "GET"),
    "UpdateAgent": thing("agents", "PUT", "", {"description": "d"}),
    "DeleteAgent": thing("agents", "DELETE"),
    "CreateAgentAPIKey": thing("agents", "POST", "/auth/keys", {"name": "k"}),
    "ListAgentAPIKeys": thing("agents", "GET", "/auth/keys"),
    "RevokeAgentAPIKey": key_of("agents"),
    "PutAgentSecret": secret("PUT", "agent"),
    "GetAgentSecret": secret("GET", "agent"),
    "ListAgentSecrets": secret("LIST", "agent"),
    "DeleteAgentSecret": secret("DELETE", "agent"),
    "ListSecrets": secret("LIST", "repository"),
    "PutSecret": secret("PUT", "repository"),
    "GetSecret": secret("GET", "repository"),
    "DeleteSecret": secret("DELETE", "repository"),
    "CreateConnector": lambda team, caller: caller.call(
        "POST", f"{team.root}/connectors", None, {"name": team.name(), **team.source}
    ),
    "ListConnectors": at("GET", "/connectors"),
    "GetConnector": connector("GET"),
    "DeleteConnector": connector("DELETE"),
    "TestConnector": try_connections,
    "AttachConnector": lambda team, caller: caller.call(
        "POST", f"{team.repo.root}/connectors", None, {"connector_id": new_connector(team)}
    ),
    "ListRepositoryConnectors": data("GET", "/connectors"),
    "DetachConnector": lambda team, caller: caller.call(
        "DELETE", f"{team.repo.root}/connectors/{new_connector(team, attached=True)}"
    ),
    "StartImport": start_import,
    "GetImport": get_import,
    "CreateSandbox": data("POST", "/sandboxes", {"image": "i"}),
    "ListSandboxes": data("GET", "/sandboxes"),
    "GetSandbox": sandbox("GET"),
    "GetSandboxLogs": sandbox_log,
    "ExecSandbox": sandbox("GET", "/exec", is_own=True),
    "FinishSandbox": sandbox("POST", "/finish", is_own=True),
    "CancelSandbox": sandbox("DELETE"),
    "RunAsAgent": run_as("agent"),
    "RunAsRole": run_as("role"),
    "CreateSandboxTrigger": lambda team, caller: caller.call(
        "POST", f"{team.repo.root}/sandbox-triggers", None, {"name": team.name(), **TRIGGER}
    ),
    "ListSandboxTriggers": data("GET", "/sandbox-triggers"),
    "GetSandboxTrigger": trigger("GET"),
    "UpdateSandboxTrigger": change_trigger,
    "DeleteSandboxTrigger": trigger("DELETE"),
    "ListSandboxTriggerRuns": trigger("GET", "/runs"),
    "CreateRepository": named_new("/repositories"),
    "ListRepositories": at("GET", "/repositories"),
    "GetRepository": data("GET"),
    "UpdateRepository": data("PUT", "", {"description": "d"}),
    "DeleteRepository": delete_repository,
    "CreateSession": data("POST", "/sessions"),
    "CommitSession": in_session("POST", {"message": "m"}),
    "RollbackSession": in_session("DELETE"),
    "ApproveSession": lambda team, caller: caller.call("GET", f"{team.repo.root}/sessions/{team.pending()}/approve"),
    "LogCommits": data("GET", "/log"),
    "DiffCommits": lambda team, caller: caller.call("GET", f"{team.repo.root}/diff", {"right": team.commit}),
    "RevertCommit": data("POST", "/commits/{commit}/revert"),
    "ListObjects": data("GET", "/objects"),
    "GetObject": data("GET", "/object", path="data/a.txt"),
    "PutObject": data("PUT", "/object", path="data/new", session_id=Team.session),
    "DeleteObject": data("DELETE", "/object", path="data/a.txt", session_id=Team.session),
}
EVERYTHING = "".join(f"{action}()\n" for action in ACTIONS)


def test_every_action_is_here() -> None:
    assert set(CALLS) == set(ACTIONS)


@pytest.fixture
def team(shared_server: Server, connect: Connect, api: Api, s3: S3Server) -> Team:
    s3.bucket("permissions")
    return Team(shared_server, connect, api, s3)


@pytest.mark.parametrize("action", CALLS)
def test_without_the_action(team: Team, action: str, refused: Callable[..., None]) -> None:
    others = EVERYTHING.replace(f"{action}()\n", "")
    callers = [team.user(), team.user(others), team.role(others), team.agent(""), team.agent(others)]
    if action != "CreateAgent":
        callers.append(team.agent(EVERYTHING, team.user(others)))
    for caller in callers:
        refused(CALLS[action](team, caller), 403, f"may not {action}(", code="missing_permission")
    stranger = team.as_owner(team.server.create_user(f"user-{next(_numbers)}"))
    refused(CALLS[action](team, stranger), 404)


@pytest.mark.parametrize("make", [Team.user, Team.role, Team.agent], ids=["user", "role", "agent"])
@pytest.mark.parametrize("action", CALLS)
def test_with_nothing_but_the_action(team: Team, action: str, make: Callable[[Team, str], Api]) -> None:
    answer = CALLS[action](team, make(team, f"{action}()"))
    if action == "CreateAgent" and make is Team.agent:
        assert "an agent cannot create agents" in answer.json["message"]
    elif action in ("RunAsAgent", "RunAsRole"):
        # On its own it is good for nothing.
        assert "may not CreateSandbox(" in answer.json["message"]
    else:
        assert answer.status < 400, answer


def test_arguments_narrow_what_is_allowed(team: Team, refused: Callable[..., None]) -> None:
    team.make("/repositories", {"name": "other"})
    caller = team.user(
        'ListRepositories(repository: "oth*")\nListObjects(repository: "data", path: "data/*")\n'
        'GetObject(repository: "data", path: "data/a*")\n'
    )
    assert [each["name"] for each in caller.call("GET", f"{team.root}/repositories").results] == ["other"]
    assert [each["name"] for each in caller.call("GET", "/repositories").results] == ["other"]
    listing = f"{team.repo.root}/objects"
    assert caller.call("GET", listing, {"prefix": "data/"}).paths == ["data/a.txt"]
    refused(caller.call("GET", listing, {"prefix": "da"}), 403, 'ListObjects(repository: "data", path: "da")')
    assert caller.call("GET", f"{team.repo.root}/object", {"path": "data/a.txt"}).status == 307
    refused(caller.call("GET", f"{team.repo.root}/object", {"path": "data/b.txt"}), 403, "GetObject")


def test_groups_in_groups_pass_policies_on_and_never_go_in_circles(team: Team, refused: Callable[..., None]) -> None:
    outer, middle, inner = (team.make("/groups", {"name": name}) for name in ("outer", "middle", "inner"))
    for holder, held in ((outer, middle), (middle, inner)):
        team.make(f"/groups/{holder['id']}/members", {"subject_type": "group", "subject_id": held["id"]})
    caller = team.user()
    user = caller.call("GET", "/auth/me").json["user"]["id"]
    team.make(f"/groups/{inner['id']}/members", {"subject_type": "user", "subject_id": user})
    team.policy("ListGroups()", "group", outer["id"])
    assert caller.call("GET", f"{team.root}/groups").status == 200
    found = team.api.call("GET", f"{team.root}/effective-groups", {"user_id": user}).results
    assert [(each["group_name"], each["source"], each["source_name"]) for each in found] == [
        ("inner", "direct", ""),
        ("middle", "group", "inner"),
        ("outer", "group", "middle"),
    ]
    members = f"{team.root}/groups/{inner['id']}/members"
    way = "'inner' cannot hold 'outer': it is in 'middle', which is in 'outer'"
    for group, message in ((outer, way), (inner, "a member of itself")):
        body = {"subject_type": "group", "subject_id": group["id"]}
        refused(team.api.call("POST", members, None, body), 409, message, code="circular_membership")


def test_an_organization_keeps_an_administrator(team: Team, refused: Callable[..., None]) -> None:
    refused(team.api.call("DELETE", f"{team.root}/members/{team.me}"), 409, code="last_administrator")
    (mine,) = team.api.call("GET", f"{team.root}/attachments").results
    principal = {"principal_type": "user", "principal_id": team.me}
    place = f"{team.root}/policies/{mine['policy_id']}/attachments"
    refused(team.api.call("DELETE", place, principal), 409, code="last_administrator")
    assert team.api.call("GET", f"{team.root}/members").status == 200


def test_an_agent_whose_creator_left_may_do_nothing(team: Team, refused: Callable[..., None]) -> None:
    creator = team.user("CreateAgent()\nListGroups()")
    agent = team.agent("ListGroups()", creator)
    assert agent.call("GET", f"{team.root}/groups").status == 200
    user = creator.call("GET", "/auth/me").json["user"]["id"]
    assert team.api.call("DELETE", f"{team.root}/members/{user}").status == 204
    refused(agent.call("GET", f"{team.root}/groups"), 403, "ListGroups")


def test_invitations(team: Team, refused: Callable[..., None]) -> None:
    username = f"user-{next(_numbers)}"
    guest = team.as_owner(team.server.create_user(username))
    group = team.make("/groups", {"name": "guests"})
    team.policy("ListGroups()", "group", group["id"])
    made = team.make("/invitations", {"username": username, "group_ids": [group["id"]]})
    refused(team.api.call("POST", f"{team.root}/invitations", None, {"username": username}), 409, "already")
    (mine,) = guest.call("GET", "/invitations").results
    assert mine["id"] == made["id"]
    assert guest.call("POST", f"/invitations/{mine['id']}/accept").json == {"status": "accepted"}
    assert guest.call("GET", f"{team.root}/groups").status == 200
    refused(guest.call("POST", f"/invitations/{mine['id']}/accept"), 410, "accepted")
    refused(team.api.call("DELETE", f"{team.root}/invitations/{mine['id']}"), 409, "accepted")


def test_a_revoked_key_is_refused(team: Team, refused: Callable[..., None]) -> None:
    role = team.make("/roles", {"name": "ci"})
    key = team.make("/roles/ci/auth/keys", {"name": "k"})
    caller = team.as_owner(key["token"])
    assert caller.call("GET", "/auth/me").json["user"]["source"] == "role"
    refused(caller.call("POST", "/auth/keys", None, {"name": "more"}), 403, "do not manage their own")
    (listed,) = team.api.call("GET", f"{team.root}/roles/ci/auth/keys").results
    assert (listed["user_id"], listed["token_hint"]) == (role["id"], key["token"][-4:])
    assert team.api.call("DELETE", f"{team.root}/roles/ci/auth/keys/{key['id']}").status == 204
    refused(caller.call("GET", "/auth/me"), 401, "revoked")


def test_policies_say_what_is_wrong_in_them(team: Team, refused: Callable[..., None]) -> None:
    text = "ListGroups()\n  GetObjects()\n"
    answer = team.api.call("POST", f"{team.root}/policies:validate", None, {"policy_text": text})
    (problem,) = answer.json["errors"]
    assert (answer.json["valid"], problem["line"], problem["column"]) == (False, 2, 3)
    body = {"name": "wrong", "policy_text": text}
    refused(team.api.call("POST", f"{team.root}/policies", None, body), 400, "line 2, column 3", "GetObject")
    built_in = team.api.call("GET", f"{team.root}/attachments").results[0]["policy_id"]
    refused(team.api.call("DELETE", f"{team.root}/policies/{built_in}"), 400, "built in", code="built_in_policy")


def test_a_generator_of_the_operator(connect: Connect, refused: Callable[..., None]) -> None:
    def generate(prompt: str) -> str:
        return {"good": "ListGroups()", "bad": "Nonsense"}[prompt]

    with Server(policy_generator=generate) as server:
        api = connect(server.endpoint_url, server.api_key)
        place = api.new_repository().root.removesuffix("/repositories/data") + "/policies:generate"
        assert api.call("POST", place, None, {"prompt": "good"}).json == {"policy_text": "ListGroups()"}
        refused(api.call("POST", place, None, {"prompt": "bad"}), 502, "not valid")
        refused(api.call("POST", place, None, {"prompt": "unheard of"}), 502, "failed: KeyError")


def test_a_prompt_that_the_rules_do_not_understand(team: Team, refused: Callable[..., None]) -> None:
    answer = team.api.call("POST", f"{team.root}/policies:generate", None, {"prompt": "read new files"})
    refused(answer, 400, "does not know 'new' here", code="prompt_not_understood")
