"""The console's pages of sandboxes and triggers: what they show, and to whom. Nothing in them is taken for HTML."""

from __future__ import annotations

import http.client
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from console_visitor import Visitor, as_member, text
from support import eventually
from tilde_local import Server
from tilde_local.console import outputs
from tilde_local.sandboxes.logs import NETWORK

if TYPE_CHECKING:
    from tilde_local.conftest import Clock, Gated, Repo, Sandbox

Running = Callable[["Sandbox"], "Sandbox"]
PLACE = "/sandbox-triggers"


@pytest.fixture
def visitor(repo: Repo) -> Visitor:
    """The owner of a repository, logged in."""
    visitor = Visitor(repo)
    assert visitor.log_in(repo.api.api_key).status == 303
    return visitor


def page_of(visitor: Visitor, sandbox: Sandbox, more: str = "") -> Any:
    return visitor.get(f"{visitor.repo.root}/sandboxes/{sandbox.id}{more}")


@contextmanager
def frame_of(visitor: Visitor, sandbox: Sandbox) -> Iterator[http.client.HTTPResponse]:
    """What the frame of a page gets, as it comes."""
    connection = http.client.HTTPConnection(urlsplit(visitor.repo.api.endpoint_url).netloc, timeout=60)
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in visitor.cookies.items())
    with closing(connection):
        connection.request("GET", f"/console{visitor.repo.root}/sandboxes/{sandbox.id}/log", None, {"Cookie": cookie})
        with closing(connection.getresponse()) as response:
            yield response


def read_until(response: http.client.HTTPResponse, words: bytes) -> bytes:
    read = b""
    while words not in read:
        more = response.read1()
        assert more, read
        read += more
    return read


def test_what_became_of_it(visitor: Visitor) -> None:
    repo = visitor.repo
    repo.commit({"data/a.txt": b"a"})
    script = "echo '<b>hi</b>'; printf '\\033[31mred\\033[0m\\n'; echo > new; exit 0"
    sandbox = repo.sandbox("sh", "-c", script, path_prefix="data/", timeout_seconds=60, env_vars={"MODE": "<i>x</i>"})
    commit = sandbox.end()["commit_id"]
    page = page_of(visitor, sandbox)
    body, shown = page.body.decode(), text(page)
    assert "<pre>&lt;b&gt;hi&lt;/b&gt;\nred\n</pre>" in body
    assert "<b>" not in body
    assert "<i>" not in body
    assert f'href="/console{repo.root}/commits/{commit}"' in body
    for words in (
        "done committed, exit code 0: commit",
        "Image python:3.12",
        "Runs as user local",
        "Created by user local",
        f"Isolation {sandbox.record['isolation']}",
        "Mode one-shot",
        "Files data/ at /sandbox",
        "Time limit 60 s",
        "MODE &lt;i&gt;x&lt;/i&gt;",
        "It tried to reach nothing.",
    ):
        assert words in shown, words
    assert "<iframe" not in body
    assert ">Cancel<" not in body
    assert "frame-src" not in page.headers["Content-Security-Policy"]


def test_what_failed(visitor: Visitor) -> None:
    sandbox = visitor.repo.sandbox("sh", "-c", "exit 3")
    sandbox.end()
    shown = text(page_of(visitor, sandbox))
    assert "errored exit non zero, exit code 3" in shown
    assert "It printed nothing." in shown


def test_of_a_long_output_the_last_is_shown(visitor: Visitor) -> None:
    sandbox = visitor.repo.sandbox("sh", "-c", "seq 100000")
    sandbox.end()
    page = page_of(visitor, sandbox)
    assert re.search(r"The last of it: [\d.]+ [kKM]i?B come before that\.", text(page))
    assert "\n100000\n</pre>" in page.body.decode()
    assert "\n1000\n" not in page.body.decode()
    assert len(page.body) < outputs.TAIL_BYTES + 20_000
    whole = page_of(visitor, sandbox, "/output")
    assert whole.body.decode() == "".join(f"{number}\n" for number in range(1, 100_001))
    assert whole.headers["Content-Disposition"] == f'attachment; filename="{sandbox.id}.log"'


def test_an_active_one_is_followed_in_a_frame(visitor: Visitor, running: Running) -> None:
    repo = visitor.repo
    sandbox = running(repo.sandbox("sh", "-c", "echo '<u>begun'; sleep 600"))
    page = page_of(visitor, sandbox)
    frame = f'<iframe class="terminal" src="/console{repo.root}/sandboxes/{sandbox.id}/log"'
    assert frame in page.body.decode()
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    with frame_of(visitor, sandbox) as response:
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ")
        assert policy.endswith("frame-ancestors 'self'")
        assert b"<u>" not in read_until(response, b"&lt;u&gt;begun\n")
        answer = visitor.post(f"{repo.root}/sandboxes/{sandbox.id}")
        assert answer.headers["Location"] == f"/console{repo.root}/sandboxes/{sandbox.id}?done=cancelled"
        end = " ".join(response.read().decode().split())
    assert '>cancelled</strong> cancelled by user. <a target="_top"' in end
    assert end.endswith("</html>")
    assert sandbox.state == ("cancelled", "cancelled_by_user")
    again = visitor.post(f"{repo.root}/sandboxes/{sandbox.id}")
    assert (again.status, "has ended" in text(again)) == (409, True)


def test_a_frame_ends_with_the_server(gate: Callable[[Server], Gated]) -> None:
    with Server() as server:
        visitor = Visitor(gate(server).owner)
        visitor.log_in(server.api_key)
        sandbox = visitor.repo.sandbox("sh", "-c", "echo begun; sleep 600")
        with frame_of(visitor, sandbox) as response:
            read_until(response, b"begun")
            server.stop()
            assert "cancelled</strong> user initiated cancel." in " ".join(response.read().decode().split())


def test_a_frame_of_one_that_has_ended_comes_to_its_end(visitor: Visitor) -> None:
    sandbox = visitor.repo.sandbox("sh", "-c", "seq 100000")
    sandbox.end()
    shown = text(page_of(visitor, sandbox, "/log"))
    assert "come before this." in shown
    assert "100000 It has ended: done no changes. Show what became of it" in shown


def test_a_frame_is_not_filled_for_ever(visitor: Visitor, running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "MAX_FRAME_BYTES", 1000)
    sandbox = running(visitor.repo.sandbox("sh", "-c", "mkfifo /tmp/go; read go < /tmp/go; seq 1000; sleep 600"))
    with frame_of(visitor, sandbox) as response:
        read_until(response, b"<pre>")
        assert sandbox.run("sh", "-c", "until [ -p /tmp/go ]; do :; done; echo > /tmp/go").exit == {"exit_code": 0}
        assert "There is more than this frame shows." in response.read().decode()
    sandbox.call("DELETE")
    sandbox.end()


def test_what_it_tried_to_reach(visitor: Visitor) -> None:
    sandbox = visitor.repo.sandbox(
        "python",
        "-c",
        "import urllib.request, urllib.error\n"
        "try: urllib.request.urlopen('http://a.example/<b>?key=secret')\n"
        "except urllib.error.HTTPError: pass",
    )
    assert sandbox.end()["status"] == "done", sandbox.log()
    page = page_of(visitor, sandbox)
    row = re.search(r"<tbody>(.*?)</tbody>", page.body.decode(), re.DOTALL)
    assert row
    shown = " ".join(re.sub(r"<[^>]*>", " ", row[1]).split())
    assert re.match(r"\d\d:\d\d:\d\d deny GET http://a\.example/", shown)
    assert "secret" not in shown
    assert "<b>" not in row[1]


def test_of_many_attempts_the_last_are_shown(visitor: Visitor, shared_server: Server) -> None:
    sandbox = visitor.repo.sandbox("true")
    sandbox.end()
    path = shared_server.services.sandboxes.logs.path(sandbox.id, NETWORK)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = (
        '{{"time": "2026-01-01T00:00:00.0Z", "method": "GET", "url": "http://h/{}", "host": "h", "decision": "allow",'
        ' "status": null, "bytes": 0, "error": "<i>"}}\n'
    )
    path.write_text("".join(line.format(f"n{number}-") for number in range(201)) + '{"time": "20')
    page = page_of(visitor, sandbox)
    assert "The last 200 attempts." in text(page)
    assert "http://h/n0-" not in text(page)
    assert "http://h/n200-" in text(page)
    assert "<i>" not in page.body.decode()


def test_logs_that_are_not_kept(clock: Clock, gate: Callable[[Server], Gated]) -> None:
    with Server(clock=clock) as server:
        repo = gate(server).owner
        sandbox = repo.sandbox("echo", "hello")
        sandbox.end()
        clock.advance(days=15)
        visitor = Visitor(repo)
        visitor.log_in(repo.api.api_key)
        assert "Its logs are not kept any more." in text(page_of(visitor, sandbox))
        assert page_of(visitor, sandbox, "/output").status == 410


def test_the_list_has_pages(visitor: Visitor, shared_server: Server) -> None:
    repo = visitor.repo
    assert "No sandboxes." in text(visitor.get(f"{repo.root}/sandboxes"))
    first = repo.sandbox("echo", "<em>", "x" * 200)
    first.end()
    with shared_server.services.database.write() as db:
        values = db.execute("SELECT * FROM sandboxes WHERE id = ?", (first.id,)).fetchone()
        marks = ", ".join("?" * len(values))
        db.executemany(
            f"INSERT INTO sandboxes VALUES ({marks})", [(str(uuid.UUID(int=n)), *values[1:]) for n in range(50)]
        )
    page = visitor.get(f"{repo.root}/sandboxes")
    assert "<em>" not in page.body.decode()
    assert "echo &#39;&lt;em&gt;&#39; xxxxx" in page.body.decode()
    assert "done no changes user local" in text(page)
    assert "isolation: " in text(page)
    (after,) = re.findall(r'rel="next" href="(\?after=[0-9a-f-]+)"', page.body.decode())
    second = visitor.get(f"{repo.root}/sandboxes{after}")
    assert second.body.decode().count('class="status done"') == 1
    assert "Older sandboxes" not in text(second)


def test_what_waits_for_approval(gated: Gated) -> None:
    visitor = Visitor(gated.owner)
    visitor.log_in(gated.owner.api.api_key)
    agent = gated.make("/agents", {"name": "worker", "inline_policy": "CreateSession()\nPutObject()\nCommitSession()"})
    run_as = {"type": "agent", "id": agent["id"]}
    several = [gated.owner.sandbox("sh", "-c", f"echo > new{n}", run_as=run_as) for n in range(2)]
    for sandbox in several:
        assert sandbox.end()["status_reason"] == "awaiting_approval"
    page = page_of(visitor, several[0])
    link = f'href="/console{gated.owner.root}/sessions/{several[0].id}/approve">Review the changes</a>'
    assert link in page.body.decode()
    assert "Runs as agent worker Created by user local" in text(page)
    commit = gated.review(several[0].id, "POST", message="fine").json["commit_id"]
    assert f"What it changed was approved: commit {commit[:8]}" in text(page_of(visitor, several[0]))
    assert gated.owner.call("DELETE", f"/sessions/{several[1].id}").status == 204
    assert "What it changed was rolled back." in text(page_of(visitor, several[1]))


READS = "GetRepository()\nListSandboxes()\nGetSandbox()\nListSandboxTriggers()\nGetSandboxTrigger()\n"


def test_who_may_see_and_do_what(gated: Gated, running: Running) -> None:
    sandbox = running(gated.owner.sandbox(mode="service"))
    root = gated.owner.root
    trigger = gated.owner.call("POST", PLACE, None, TRIGGER).json["id"]
    reader = as_member(gated, READS)
    shown = page_of(reader, sandbox)
    assert "Your policies do not let you read its logs (GetSandboxLogs)." in text(shown)
    assert "<iframe" not in shown.body.decode()
    assert ">Cancel<" not in shown.body.decode()
    reader.get()
    for method, path, action in (
        ("GET", f"/sandboxes/{sandbox.id}/log", "GetSandboxLogs"),
        ("GET", f"/sandboxes/{sandbox.id}/output", "GetSandboxLogs"),
        ("POST", f"/sandboxes/{sandbox.id}", "CancelSandbox"),
        ("GET", f"{PLACE}/{trigger}", "ListSandboxTriggerRuns"),
    ):
        answer = reader.post(root + path) if method == "POST" else reader.get(root + path)
        assert (answer.status, f"may not {action}" in text(answer)) == (403, True), path
    assert visitor_without_forms(reader, sandbox).status == 403
    assert sandbox.state[0] == "running"
    listed = reader.get(root + PLACE)
    assert "Watch" in text(listed)
    assert "Last run" not in text(listed)
    sandbox.call("DELETE")
    sandbox.end()


def visitor_without_forms(visitor: Visitor, sandbox: Sandbox) -> Any:
    """Cancelling without the token of a form."""
    return visitor.send("POST", f"/console{visitor.repo.root}/sandboxes/{sandbox.id}", {})


def test_without_any_right(gated: Gated) -> None:
    nobody = as_member(gated, "GetRepository()")
    for path, action in (("/sandboxes", "ListSandboxes"), (PLACE, "ListSandboxTriggers")):
        answer = nobody.get(gated.owner.root + path)
        assert (answer.status, f"may not {action}" in text(answer)) == (403, True)


def test_what_is_not_there(visitor: Visitor) -> None:
    for path in (f"/sandboxes/{uuid.uuid4()}", f"/sandboxes/{uuid.uuid4()}/log", f"{PLACE}/{uuid.uuid4()}"):
        assert visitor.get(visitor.repo.root + path).status == 404


TRIGGER = {
    "name": "Watch <b>it</b>",
    "description": "All <i>documents</i>",
    "conditions": [
        {"type": "prefix", "prefix": "documents/"},
        {"type": "path_exact", "path": "a<u>.txt", "diff_type": "removed"},
        {"type": "prefix", "prefix": ""},
    ],
    "sandbox_config": {"image": "python:3.12", "command": ["echo", "<s>"], "timeout_seconds": 60},
}


def test_a_trigger_and_its_runs(visitor: Visitor) -> None:
    repo = visitor.repo
    assert "No triggers." in text(visitor.get(repo.root + PLACE))
    trigger = repo.call("POST", PLACE, None, TRIGGER).json["id"]
    commit = repo.commit({"documents/<b>.txt": b"1"})
    run = eventually(lambda: [each for each in repo.get(f"{PLACE}/{trigger}/runs").results if each["sandbox_id"]])
    repo.sandbox_of(run[0]["sandbox_id"]).end()
    repo.call("PATCH", f"{PLACE}/{trigger}", None, {"enabled": False})
    listed = visitor.get(repo.root + PLACE)
    for words in (
        "Watch &lt;b&gt;it&lt;/b&gt; disabled",
        "any change below documents/ , or a&lt;u&gt;.txt removed, or any change",
        "Last run: created",
    ):
        assert words in text(listed), text(listed)
    page = visitor.get(f"{repo.root}{PLACE}/{trigger}")
    for words in (
        "All &lt;i&gt;documents&lt;/i&gt;",
        "echo &#39;&lt;s&gt;&#39;",
        "Time limit 60 s",
        "Runs as user local",
    ):
        assert words in text(page), words
    assert f"Commit {commit[:8]} ," in text(page)
    assert "Matched (1) documents/&lt;b&gt;.txt" in text(page)
    sandbox = f'href="/console{repo.root}/sandboxes/{run[0]["sandbox_id"]}"'
    assert sandbox in page.body.decode()
    for body in (listed.body.decode(), page.body.decode()):
        assert not re.search(r"<[bius]>", body)
    started = text(visitor.get(f"{repo.root}/sandboxes/{run[0]['sandbox_id']}"))
    assert f"Started by a trigger , on commit {commit[:8]}" in started
    assert "started by a trigger" in text(visitor.get(f"{repo.root}/sandboxes"))
    assert repo.call("DELETE", f"{PLACE}/{trigger}").status == 204
    started = text(visitor.get(f"{repo.root}/sandboxes/{run[0]['sandbox_id']}"))
    assert "Started by a trigger that was deleted" in started


def test_runs_and_triggers_have_pages(visitor: Visitor, shared_server: Server) -> None:
    repo = visitor.repo
    triggers = [repo.call("POST", PLACE, None, {**TRIGGER, "name": f"&{number:02}"}).json["id"] for number in range(51)]
    commit = repo.commit({"other": b"1"})
    assert commit
    with shared_server.services.database.write() as db:
        db.execute("DELETE FROM trigger_candidates")
        db.execute("DELETE FROM trigger_runs WHERE trigger_id IN (SELECT id FROM sandbox_triggers)")
        (key,) = db.execute("SELECT repository FROM sandbox_triggers WHERE id = ?", (triggers[0],)).fetchone()
        first = db.execute("SELECT * FROM commits WHERE repository = ?", (key,)).fetchone()
        marks = ", ".join("?" * len(first))
        for number in range(2, 52):
            db.execute(f"INSERT INTO commits VALUES ({marks})", (key, number, f"{number:064x}", *first[3:]))
        db.executemany(
            "INSERT INTO trigger_runs VALUES (?, ?, ?, ?, 'failed', 'why_not', 'said <b>', NULL, '[\"\"]', ?, ?)",
            [(str(uuid.UUID(int=n)), triggers[0], key, n, first[-1], first[-1]) for n in range(1, 52)],
        )
    page = visitor.get(f"{repo.root}{PLACE}/{triggers[0]}")
    assert "failed why not said &lt;b&gt;" in text(page)
    assert "more changes than are listed here" in text(page)
    (after,) = re.findall(r'rel="next" href="(\?after=[0-9a-f-]+)"', page.body.decode())
    second = visitor.get(f"{repo.root}{PLACE}/{triggers[0]}{after}")
    assert second.body.decode().count('class="status failed"') == 1
    listed = visitor.get(repo.root + PLACE)
    (after,) = re.findall(r'rel="next" href="(\?after=[^"]+)"', listed.body.decode())
    assert "&amp;50" in text(visitor.get(f"{repo.root}{PLACE}{after}"))
