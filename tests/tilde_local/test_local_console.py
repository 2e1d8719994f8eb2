"""The console over plain HTTP: who gets in, what is shown to whom, and what forms may do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from console_visitor import Visitor, as_member, text
from tilde_local import Server

if TYPE_CHECKING:
    from tilde_local.conftest import Clock, Gated


@pytest.fixture
def visitor(gated: Gated) -> Visitor:
    """The administrator, logged in."""
    visitor = Visitor(gated.owner)
    assert visitor.log_in(gated.owner.api.api_key).status == 303
    return visitor


def test_strangers_log_in_first(gated: Gated) -> None:
    stranger = Visitor(gated.owner)
    answer = stranger.get(f"{gated.owner.root}?after=x")
    assert (answer.status, answer.body) == (303, b"")
    assert answer.headers["Location"] == f"/console/login?next=/console{gated.owner.root}%3Fafter%3Dx"
    shown = stranger.send("GET", answer.headers["Location"])
    assert f'value="/console{gated.owner.root}?after=x"' in shown.body.decode()
    assert stranger.log_in(gated.owner.api.api_key, "/console/x").headers["Location"] == "/console/x"
    assert stranger.send("GET", "/").headers["Location"] == "/console"


@pytest.mark.parametrize(
    "target", ["//evil.example/console", "https://evil.example", "/console//\r\nX: y", "javascript:1"]
)
def test_logging_in_leads_nowhere_else(gated: Gated, target: str) -> None:
    answer = Visitor(gated.owner).log_in(gated.owner.api.api_key, target)
    assert (answer.status, answer.headers["Location"]) == (303, "/console")


def test_only_valid_keys_of_people_open_it(gated: Gated) -> None:
    stranger = Visitor(gated.owner)
    for key, words in (("tuk-wrong", "was not issued by this server"), (gated.agent.api.api_key, "agent writer")):
        answer = stranger.log_in(key)
        assert answer.status == 403
        assert words in text(answer)
        assert key not in answer.body.decode()
    assert not stranger.cookies


def test_the_cookie_holds_no_key_and_no_script_gets_at_it(gated: Gated) -> None:
    visitor = Visitor(gated.owner)
    cookie = visitor.log_in(gated.owner.api.api_key).headers["Set-Cookie"]
    assert gated.owner.api.api_key not in cookie
    assert {"HttpOnly", "Path=/console", "SameSite=lax", "Max-Age=43200"} <= set(cookie.split("; "))
    for name in visitor.cookies:
        visitor.cookies[name] = visitor.cookies[name].value[:-1] + "x"
    assert visitor.get().status == 303


def test_a_visit_ends(clock: Clock, gate: Callable[[Server], Gated]) -> None:
    with Server(clock=clock) as server:
        gated = gate(server)
        key = gated.owner.api.call("POST", "/auth/keys", None, {"name": "console"}).json
        for end in ("time", "log out", "revoked"):
            visitor = Visitor(gated.owner)
            assert visitor.log_in(key["token"]).status == 303
            clock.advance(hours=11.9)
            assert visitor.get().status == 200
            if end == "time":
                clock.advance(hours=0.2)
            elif end == "log out":
                assert visitor.post("/logout").headers["Location"] == "/console/login"
            else:
                assert gated.owner.api.call("DELETE", f"/auth/keys/{key['id']}").status == 204
            assert visitor.get().status == 303, end


def test_pages_let_browsers_run_nothing(visitor: Visitor, gated: Gated) -> None:
    session = gated.submit("<script>.txt")
    for path in ("", gated.owner.root, f"{gated.owner.root}/sessions/{session}/approve", "/none", "/login"):
        answer = visitor.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; form-action 'self';")
        assert (answer.headers["X-Content-Type-Options"], answer.headers["Cache-Control"]) == ("nosniff", "no-store")
        assert "frame-ancestors 'none'" in policy
        assert "<script" not in answer.body.decode()
    assert visitor.get("/style.css").headers["Content-Type"].startswith("text/css")


def test_other_sites_and_old_forms_are_refused(visitor: Visitor, gated: Gated) -> None:
    page = gated.owner.root
    visitor.get(page)
    form = {"form_token": visitor.form_token}
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}):
        assert visitor.send("POST", f"/console{page}", form, **headers).status == 403
    earlier = Visitor(gated.owner)
    earlier.log_in(gated.owner.api.api_key)
    for token in ("", "x.y", visitor.form_token):
        earlier.form_token = token
        answer = earlier.post(page)
        assert answer.status == 403
        assert "reload the page" in text(answer)
    assert visitor.send("POST", f"/console{page}", {"x": "1"}).status == 403
    assert visitor.repo.api.wire.send("POST", f"/console{page}", b"\xff", {}).status == 303


def test_repositories_timeline_and_waiting_reviews(visitor: Visitor, gated: Gated) -> None:
    session = gated.submit()
    home = visitor.get()
    assert f"{gated.name} 1 to review" in text(home)
    page = visitor.get(gated.owner.root)
    assert f'href="/console{gated.owner.root}/sessions/{session}/approve">add new</a>' in page.body.decode()
    assert f'href="/console{gated.owner.root}/commits/{gated.first}">change</a>' in page.body.decode()
    assert "agent writer" in text(page)
    assert "user local" in text(page)


def test_the_timeline_has_pages(visitor: Visitor, gated: Gated) -> None:
    for number in range(52):
        gated.owner.commit({"old.txt": str(number).encode()}, f"number {number}")
    first = visitor.get(gated.owner.root)
    (after,) = re.findall(r'rel="next" href="(\?after=[0-9a-f]+)"', first.body.decode())
    second = text(visitor.get(gated.owner.root + after))
    assert "number 51" in text(first)
    assert "number 1 " in second
    assert "number 2 " not in second
    assert "Older commits" not in second


def test_a_commit_shows_what_it_changed(visitor: Visitor, gated: Gated) -> None:
    gated.owner.commit({"a.txt": b"one\ntwo\nthree", "b.bin": b"\0\1", "c.txt": b"x\n", "empty": b""}, "first")
    changes = {"a.txt": b"one\n2\nthree\n", "b.bin": b"\0\2", "c.txt": None, "empty": None, "big": b"x" * 70_000}
    commit = gated.owner.commit({**changes, "lines": b"\n" * 3000, "évil": "a\u202eb".encode()}, "second\n\nwhy")
    page = visitor.get(f"{gated.owner.root}/commits/{commit[:12]}")
    lines = re.findall(r'<span class="(added|removed|same|place)">([^<]*)\n</span>', page.body.decode())
    shown = text(page)
    assert lines[:6] == [
        ("place", "@@ -1,4 +1,3 @@"),
        ("same", " one"),
        ("removed", "-two"),
        ("added", "+2"),
        ("same", " three"),
        ("removed", "-\\ No newline at the end"),
    ]
    assert ("removed", "-x") in lines
    assert ("added", "+a\\u202eb") in lines
    for words in (
        "modified b.bin 2 Bytes Not a text.",
        "added big 68.4 KiB Too large to be shown here.",
        "removed empty 0 Bytes Empty.",
        "added lines 2.9 KiB Too many lines to be shown here.",
        "second why",
    ):
        assert words in shown


def test_what_differs_only_in_metadata_says_so(visitor: Visitor, gated: Gated) -> None:
    session = gated.owner.session()
    gated.owner.put(session, "old.txt", b"old", content_type="text/csv")
    commit = gated.owner.try_commit(session, metadata={"run": "9"}).json["commit_id"]
    shown = text(visitor.get(f"{gated.owner.root}/commits/{commit}"))
    assert "The same bytes: content type or metadata are others." in shown
    assert "run 9" in shown


def test_many_changes_have_pages(visitor: Visitor, gated: Gated) -> None:
    commit = gated.owner.commit({f"f{number:02} &": b"x" for number in range(51)})
    first = visitor.get(f"{gated.owner.root}/commits/{commit}")
    (after,) = re.findall(r'rel="next" href="(\?after=[^"]+)"', first.body.decode())
    second = text(visitor.get(f"{gated.owner.root}/commits/{commit}{after}"))
    assert "f49 &amp;" in text(first)
    assert "f50 &amp;" in second
    assert "f49" not in second


def test_a_review_says_that_there_is_more_to_see(visitor: Visitor, gated: Gated) -> None:
    session = gated.agent.session()
    for number in range(51):
        gated.agent.put(session, f"f{number:02}", b"x")
    assert gated.agent.try_commit(session).status == 202
    page = f"{gated.owner.root}/sessions/{session}/approve"
    assert "There are more changes than this page shows." in text(visitor.get(page))
    assert "There are more changes" not in text(visitor.get(f"{page}?after=f49"))


def test_the_switch_requires_approval_or_not(visitor: Visitor, gated: Gated) -> None:
    assert "checked" in visitor.get(gated.owner.root).body.decode()
    answer = visitor.post(gated.owner.root)
    assert answer.headers["Location"] == f"/console{gated.owner.root}?done=saved"
    assert "Saved." in text(visitor.send("GET", answer.headers["Location"]))
    assert gated.agent.commit({"free.txt": b"1"})
    assert visitor.post(gated.owner.root, requires_approval="on").status == 303
    gated.submit()


def test_approving(visitor: Visitor, gated: Gated) -> None:
    page = f"{gated.owner.root}/sessions/{gated.submit(metadata={'run': '7'})}/approve"
    shown = visitor.get(page)
    assert "agent writer asks for approval since" in text(shown)
    assert "run 7" in text(shown)
    assert "+new" in text(shown)
    assert ">add new</textarea>" in shown.body.decode()
    refused = visitor.post(page, decision="approve", message=" ")
    assert (refused.status, "write one" in text(refused)) == (400, True)
    assert visitor.post(page, decision="burn", message="x").status == 400
    answer = visitor.post(page, decision="approve", message="Fine\r\n\r\nby me ")
    newest = gated.newest()
    assert answer.headers["Location"] == f"/console{gated.owner.root}/commits/{newest['id']}?done=approved"
    assert (newest["message"], newest["committer"]) == ("Fine\n\nby me", "writer")
    assert "Approved and committed. " in text(visitor.send("GET", answer.headers["Location"]))
    over = visitor.get(page)
    assert (over.status, f"it was committed as {newest['id']}" in text(over)) == (404, True)


def test_rolling_back(visitor: Visitor, gated: Gated) -> None:
    page = f"{gated.owner.root}/sessions/{gated.submit()}/approve"
    visitor.get(page)
    answer = visitor.post(page, decision="roll back", message="")
    assert answer.headers["Location"] == f"/console{gated.owner.root}?done=rolled-back"
    assert gated.newest()["id"] == gated.first
    assert "it was rolled back" in text(visitor.post(page, decision="approve", message="late"))


def test_a_conflict_is_told_and_loses_nothing(visitor: Visitor, gated: Gated) -> None:
    page = f"{gated.owner.root}/sessions/{gated.submit('old.txt')}/approve"
    gated.owner.commit({"old.txt": b"theirs"})
    visitor.get(page)
    answer = visitor.post(page, decision="approve", message="My words")
    assert answer.status == 409
    assert "It cannot be committed: &#39;old.txt&#39; changed in another commit" in text(answer)
    assert ">My words</textarea>" in answer.body.decode()


def test_who_may_not_approve_sees_neither_the_page_nor_that_something_waits(gated: Gated) -> None:
    page = f"{gated.owner.root}/sessions/{gated.submit()}/approve"
    viewer = as_member(gated, "ListRepositories()\nGetRepository()\nLogCommits()\nRollbackSession()")
    assert "to review" not in text(viewer.get())
    shown = viewer.get(gated.owner.root)
    assert "Waiting for approval" not in text(shown)
    assert "Agent commits require approval." in text(shown)
    for answer in (viewer.get(page), viewer.post(page, decision="approve", message="x")):
        assert answer.status == 403
        assert "may not ApproveSession" in text(answer)
    assert "may not UpdateRepository" in text(viewer.post(gated.owner.root))
    assert "may not DiffCommits" in text(viewer.get(f"{gated.owner.root}/commits/{gated.first}"))


def test_contents_are_for_who_may_read_them(gated: Gated) -> None:
    page = f"{gated.owner.root}/sessions/{gated.submit()}/approve"
    approver = as_member(gated, "GetRepository()\nApproveSession()")
    shown = text(approver.get(page))
    assert "added new.txt 3 Bytes Your policies do not let you read this object." in shown
    assert "Your policies do not let you read the log (LogCommits)." in text(approver.get(gated.owner.root))
    assert "No repositories that you may list." in text(approver.get())


def test_what_is_not_there(visitor: Visitor, gated: Gated) -> None:
    for path in ("/none", f"{gated.owner.root}-none", f"{gated.owner.root}/commits/{'0' * 64}"):
        assert visitor.get(path).status == 404
    assert visitor.send("DELETE", "/console").status == 405
    newcomer = Visitor(gated.owner)
    newcomer.log_in(gated.server.create_user(f"new-{gated.first[:8]}"))
    assert "You are in no organization yet." in text(newcomer.get())
