"""What a sandbox may see and change, whose secrets and tokens it has, and who may work in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import websocket

from tilde_local import Server

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Clock, Gated, Repo, Sandbox

Running = Callable[["Sandbox"], "Sandbox"]
ALL = "ListObjects()\nGetObject()\nPutObject()\nDeleteObject()\nCommitSession()\nLogCommits()\nCreateSession()\n"
ASK = """
import json, os, sys, urllib.request
def get(url, token=None):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)
credentials = get(os.environ["TILDE_SANDBOX_CREDENTIALS_URI"])
"""


class Crew:
    """A repository with an agent, and those who belong to it."""

    def __init__(self, gated: Gated) -> None:
        self.gated = gated
        self.repo = gated.owner
        gated.server.require_approval(gated.name, False)

    def agent(self, name: str, inline_policy: str, **more: Any) -> str:
        return str(self.gated.make("/agents", {"name": name, "inline_policy": inline_policy, **more})["id"])

    def user(self, name: str, policy: str) -> Repo:
        username = f"{name}-{self.gated.first[:8]}"
        key = self.gated.server.create_user(username)
        member = self.gated.make("/members", {"username": username})
        made = self.gated.make("/policies", {"name": name, "policy_text": policy})
        body = {"principal_type": "user", "principal_id": member["user_id"]}
        path = f"{self.gated.organization}/policies/{made['id']}/attachments"
        assert self.repo.api.call("POST", path, None, body).status == 201
        return self.gated.as_owner(key)


@pytest.fixture
def crew(gated: Gated) -> Crew:
    return Crew(gated)


def as_agent(agent: str) -> dict[str, Any]:
    return {"run_as": {"type": "agent", "id": agent}}


def test_only_what_may_be_read_is_there(crew: Crew) -> None:
    crew.repo.commit({"open/a": b"1", "open/b": b"2", "shut/c": b"3", "listed/d": b"4"})
    policy = (
        'ListObjects(path: "open/*")\nGetObject(path: "open/*")\nListObjects(path: "listed/*")\nDeleteObject()\n'
        "PutObject()\nCommitSession()"
    )
    agent = crew.agent("reader", policy)
    sandbox = crew.repo.sandbox("sh", "-c", "find . -type f | sort; rm -r open; rm -rf shut", **as_agent(agent))
    assert sandbox.end()["status_reason"] == "committed"
    assert sandbox.log() == "./open/a\n./open/b\n"
    # What it did not see, it did not delete.
    assert crew.repo.get("/objects").paths == ["listed/d", "old.txt", "shut/c"]
    # Others see it all.
    assert crew.repo.sandbox("find", ".", "-name", "c").log() == "./shut/c\n"


@pytest.mark.parametrize(
    ("policy", "script", "words"),
    [
        ('PutObject(path: "mine/*")\nCommitSession()', "echo > theirs", 'may not PutObject(repository: "data", path: '),
        ("PutObject()\nCommitSession()", "rm old.txt", 'may not DeleteObject(repository: "data", path: "old.txt")'),
        ("PutObject()\nDeleteObject()", "echo > new", 'may not CommitSession(repository: "data")'),
    ],
)
def test_a_change_that_is_not_allowed(crew: Crew, policy: str, script: str, words: str) -> None:
    agent = crew.agent("writer-2", f"ListObjects()\nGetObject()\n{policy}")
    ended = crew.repo.sandbox("sh", "-c", script, **as_agent(agent)).end()
    assert (ended["status"], ended["status_reason"]) == ("failed", "policy_violation")
    assert words in ended["error_message"]
    assert crew.repo.get("/objects").paths == ["old.txt"]


def test_an_agent_may_no_more_than_its_creator(crew: Crew) -> None:
    poor = crew.user("poor", "CreateAgent()\nRunAsAgent()\nCreateSandbox()\nGetSandboxLogs()\nGetSandbox()\n" + ALL)
    root = crew.gated.organization
    made = poor.api.call("POST", f"{root}/agents", None, {"name": "rich", "inline_policy": "GetRepository()\n" + ALL})
    script = f"""{ASK}
try:
    get(f"{{credentials['api_url']}}/api/v1{crew.repo.root}", credentials["access_token"])
except urllib.error.HTTPError as error:
    print(error.code, json.load(error)["message"])
"""
    sandbox = poor.sandbox("python", "-c", script, **as_agent(made.json["id"]))
    assert "403 agent 'rich' may not GetRepository(" in sandbox.log()


def test_delegation_needs_a_right_of_its_own(crew: Crew, refused: Callable[..., None]) -> None:
    agent = crew.agent("helper", ALL)
    body = {"image": "i", **as_agent(agent)}
    refused(crew.user("without", "CreateSandbox()").call("POST", "/sandboxes", None, body), 403, "RunAsAgent")
    other = crew.user("other", 'CreateSandbox()\nRunAsAgent(agent: "x*")')
    refused(other.call("POST", "/sandboxes", None, body), 403, 'RunAsAgent(agent: "helper")')
    may = crew.user("may", 'CreateSandbox()\nGetSandbox()\nRunAsAgent(agent: "help*")')
    sandbox = may.sandbox("true", **as_agent(agent))
    record = sandbox.record
    assert record["run_as"] == {"type": "agent", "id": agent}
    assert (record["created_by_type"], record["created_by"] == agent) == ("user", False)
    role = crew.gated.make("/roles", {"name": "loader"})
    ended = crew.repo.sandbox("true", run_as={"type": "role", "id": role["id"]}).end()
    assert ended["status_reason"] == "no_changes"


def test_who_may_work_in_a_sandbox(crew: Crew, running: Running, refused: Callable[..., None]) -> None:
    """Not everybody with the action: whoever works in it has the rights of whom it runs as."""
    administrators = running(crew.repo.sandbox(mode="service"))
    agents = running(crew.repo.sandbox(mode="service", **as_agent(crew.agent("helper", ALL))))
    worker = crew.user("worker", "ExecSandbox()\nFinishSandbox()\nCancelSandbox()\nGetSandboxLogs()\nRunAsAgent()")
    for sandbox, may in ((administrators, False), (agents, True)):
        seen = type(sandbox)(worker, sandbox.id)
        if not may:
            refused(seen.call("POST", "/finish"), 403, "it runs as user 'local'", code="missing_permission")
            with pytest.raises(websocket.WebSocketBadStatusException) as error, seen.connect():
                pass
            assert error.value.status_code == 403
            assert seen.call("DELETE").status == 202
        else:
            assert seen.run("sh", "-c", "echo hi").stdout == b"hi\n"
            assert seen.call("POST", "/finish").status == 202
            seen.log()
            assert sandbox.state == ("done", "no_changes")


def test_the_commit_of_an_agent_waits_for_approval(gated: Gated) -> None:
    agents = gated.owner.api.call("GET", f"{gated.organization}/agents/writer").json
    policy = {"inline_policy": f"{agents['inline_policy']}DeleteObject()"}
    assert gated.owner.api.call("PUT", f"{gated.organization}/agents/writer", None, policy).status == 200
    sandbox = gated.owner.sandbox("sh", "-c", "echo new > new.txt", **as_agent(agents["id"]))
    ended = sandbox.end()
    assert (ended["status"], ended["status_reason"], ended["commit_id"]) == ("done", "awaiting_approval", "")
    page = f"/console{gated.owner.root}/sessions/{sandbox.id}/approve"
    assert ended["web_url"] == f"{gated.server.endpoint_url}{page}"
    assert gated.newest()["id"] == gated.first
    assert gated.review(sandbox.id, "POST", message="looked at").status == 200
    assert (gated.newest()["committer"], gated.newest()["message"]) == ("writer", "looked at")
    # Who commits with its token from inside, is sent to where people can look.
    script = f"""{ASK}
headers = {{"Authorization": "Bearer " + credentials["access_token"]}}
def post(path, body):
    url = credentials["api_url"] + "/api/v1{gated.owner.root}" + path
    return json.load(urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)))
request = urllib.request.Request(
    credentials["api_url"] + f"/api/v1{gated.owner.root}/object?path=old.txt&session_id={{sys.argv[1]}}",
    headers=headers, method="DELETE",
)
urllib.request.urlopen(request)
print(post(f"/sessions/{{sys.argv[1]}}", {{"message": "m"}})["web_url"])
"""
    session = gated.owner.session()
    inside = gated.owner.sandbox("python", "-c", script, session, **as_agent(agents["id"]))
    assert inside.log() == f"{gated.server.endpoint_url}{page.replace(sandbox.id, session)}\n"
    # People need none.
    assert gated.owner.sandbox("sh", "-c", "echo x > x").end()["status_reason"] == "committed"


def test_variables_come_from_the_request_the_agent_and_the_repository(crew: Crew) -> None:
    for name, value in (("A", "repository"), ("B", "repository"), ("C", "repository")):
        assert crew.repo.call("PUT", f"/secrets/{name}", None, {"value": value}).status == 200
    agent = crew.agent("helper", ALL)
    for name in ("B", "C", "TILDE_SANDBOX_ID"):
        path = f"{crew.gated.organization}/agents/helper/secrets/{name}"
        assert crew.repo.api.call("PUT", path, None, {"value": "agent"}).status == 200
    show = ["sh", "-c", "echo $A $B $C $TILDE_SANDBOX_ID"]
    env = {"C": "request", "TILDE_SANDBOX_ID": "request"}
    delegated = crew.repo.sandbox(*show, env_vars=env, **as_agent(agent))
    assert delegated.log() == f"repository agent request {delegated.id}\n"
    own = crew.repo.sandbox(*show)
    assert own.log() == f"repository repository repository {own.id}\n"
    assert delegated.record["env_vars"] == env


def test_the_api_from_inside(crew: Crew) -> None:
    crew.repo.commit({"a.txt": b"text of a"})
    script = f"""{ASK}
print(sorted(credentials))
print(credentials["api_url"] == os.environ["TILDE_API_URL"])
root = credentials["api_url"] + "/api/v1{crew.repo.root}"
print([each["message"] for each in get(f"{{root}}/log", credentials["access_token"])["results"]])
headers = {{"Authorization": "Bearer " + credentials["access_token"]}}
request = urllib.request.Request(f"{{root}}/object?path=a.txt", headers=headers)
class Kept(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, request, fp, code, message, headers, url):
        return urllib.request.Request(url)
print(urllib.request.build_opener(Kept).open(request).read().decode())
for nothing in ("/", "/console", "/credentials/guessed"):
    try:
        get(credentials["api_url"] + nothing)
    except urllib.error.HTTPError as error:
        print(error.code)
"""
    agent = crew.agent("helper", ALL)
    sandbox = crew.repo.sandbox("python", "-c", script, **as_agent(agent))
    assert sandbox.log().splitlines() == [
        "['access_token', 'api_url', 'expires_at', 'organization_id', 'principal_id', 'principal_name',"
        " 'principal_type']",
        "True",
        "['change', 'change']",
        "text of a",
        "404",
        "404",
        "404",
    ]
    log = sandbox.network()
    assert [each["decision"] for each in log] == ["allow"] * 7
    assert [each["status"] for each in log] == [200, 200, 307, 200, 404, 404, 404]
    assert [each["url"].partition("/api/v1")[2] for each in log[1:3]] == [
        f"{crew.repo.root}/{x}" for x in ("log", "object")
    ]
    assert not any("?" in each["url"] or "tst-" in each["url"] for each in log)
    assert log[0]["url"].endswith("/credentials")


def credentials_of(sandbox: Sandbox) -> Any:
    ran = sandbox.run("python", "-c", f"{ASK}print(json.dumps(credentials))")
    return json.loads(ran.stdout)


@pytest.fixture
def timed(clock: Clock) -> Iterator[Server]:
    with Server(clock=clock) as server:
        yield server


def test_tokens_live_as_long_as_they_say(
    timed: Server, clock: Clock, connect: Callable[[str, str], Api], refused: Callable[..., None]
) -> None:
    repo = connect(timed.endpoint_url, timed.api_key).new_repository()
    sandbox = repo.sandbox(mode="service")
    assert timed.services.sandboxes.wait_until(lambda: sandbox.state[0] == "running", 60)
    first = credentials_of(sandbox)
    assert first["expires_at"] == "2026-01-01T00:15:00.000000Z"
    inside = connect(timed.endpoint_url, first["access_token"])
    assert inside.call("GET", "/auth/me").json["user"]["username"] == "local"
    clock.advance(minutes=15)
    refused(inside.call("GET", "/auth/me"), 401, "has expired", code="unauthorized")
    second = credentials_of(sandbox)
    assert second["access_token"] != first["access_token"]
    again = connect(timed.endpoint_url, second["access_token"])
    assert again.call("GET", "/auth/me").status == 200
    sandbox.call("DELETE")
    sandbox.log()
    refused(again.call("GET", "/auth/me"), 401, "its sandbox has ended")


def test_the_token_of_an_agent_that_is_gone(
    crew: Crew, running: Running, connect: Callable[[str, str], Api], refused: Callable[..., None]
) -> None:
    sandbox = running(crew.repo.sandbox(mode="service", **as_agent(crew.agent("helper", ALL))))
    assert sandbox.run("sh", "-c", "echo > new").exit == {"exit_code": 0}
    token = credentials_of(sandbox)["access_token"]
    assert crew.repo.api.call("DELETE", f"{crew.gated.organization}/agents/helper").status == 204
    refused(connect(crew.repo.api.endpoint_url, token).call("GET", "/auth/me"), 401)
    # Nobody may act as it any more: not even its administrator can finish it.
    refused(sandbox.call("POST", "/finish"), 403, "it runs as agent")
    assert sandbox.call("DELETE").status == 202
    assert sandbox.end()["status"] == "cancelled"


def test_what_somebody_who_left_has_changed_is_not_committed(crew: Crew, running: Running) -> None:
    agent = crew.agent("helper", ALL)
    sandbox = running(crew.repo.sandbox("sh", "-c", "echo > new; while ! test -e go; do :; done", **as_agent(agent)))
    assert sandbox.run("true").exit == {"exit_code": 0}
    launched = sandbox.connect()
    with launched as connection:
        connection.send_binary(b"\x00" + json.dumps({"cmd": ["sh", "-c", "read x; echo > go"]}).encode())
        assert crew.repo.api.call("DELETE", f"{crew.gated.organization}/agents/helper").status == 204
        connection.send_binary(b"\x01go\n")
        ended = sandbox.end()
    assert (ended["status"], ended["status_reason"]) == ("failed", "policy_violation")
    assert crew.repo.get("/objects").paths == ["old.txt"]


def test_a_sandbox_in_a_sandbox(crew: Crew) -> None:
    script = f"""{ASK}
root = credentials["api_url"] + "/api/v1{crew.repo.root}/sandboxes"
body = json.dumps({{"image": "i", "command": ["sh", "-c", "echo inner > inner"]}}).encode()
headers = {{"Authorization": "Bearer " + credentials["access_token"]}}
made = json.load(urllib.request.urlopen(urllib.request.Request(root, body, headers)))["sandbox_id"]
log = urllib.request.Request(f"{{root}}/{{made}}/logs/stdout", headers=headers)
urllib.request.urlopen(log).read()
print(get(f"{{root}}/{{made}}/status", credentials["access_token"])["status_reason"])
"""
    assert crew.repo.sandbox("python", "-c", script).log() == "committed\n"
    assert crew.repo.read("inner").body == b"inner\n"
