"""Sessions that somebody reviews: what is allowed meanwhile, approving, and telling how it ended."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from support import FakeClock, answer, fake_client
from tilde.exceptions import (
    ConflictError,
    OutcomeUnknownError,
    SessionClosedError,
    TildeError,
    WaitTimeoutError,
)
from tilde.models import ApprovalResult, Session
from tilde_core.http import Request, Response

WEB_URL = "https://tilde.test/console/review"
LONG_AGO, OPENED, LATER = "2026-02-01T00:00:00Z", "2026-02-03T10:00:00Z", "2026-02-03T11:00:00Z"
REQUIRED = {"approval_required": True, "session_id": "s1", "message": "x", "web_url": WEB_URL}


def staged(path: str, etag: str = "e1") -> dict[str, Any]:
    return {"path": path, "entry": {"e_tag": etag}}


def change(path: str, etag: str = "e1", status: str = "added") -> dict[str, Any]:
    return {"path": path, "type": "object", "status": status, "entry": {"e_tag": etag}}


class Service:
    """A session that was submitted. The review is over after `polls` more questions, and then `finish` is called."""

    def __init__(self) -> None:
        self.is_submitted = True
        self.polls = 2
        self.finish: Callable[[], None] = lambda: None
        self.is_open = True
        self.staged = [staged("a.csv")]
        self.log: list[dict[str, Any]] = []
        self.diffs: dict[str, list[dict[str, Any]]] = {}
        self.etags: dict[str, dict[str, str]] = {}
        self.on_approve: Callable[[], Response] = lambda: answer(200, {"commit_id": "c1"})
        self.now = OPENED
        self.is_log_forbidden = self.is_diff_forbidden = False
        self.requests: list[str] = []

    def __call__(self, request: Request) -> Response:
        response = self.answer(request)
        date = format_datetime(datetime.fromisoformat(self.now.replace("Z", "+00:00")))
        return Response(response.status, {"Date": date}, response.read()) if not response.headers else response

    def answer(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        path, query = parts.path.partition("/repositories/r")[2], parse_qs(parts.query)
        self.requests.append(f"{request.method} {path}")
        if path == "/sessions":
            return answer(201, {"session_id": "s1"})
        if path.endswith("/approve"):
            return self.on_approve() if request.method == "POST" else self.poll()
        if path == "/sessions/s1":
            return answer(202, REQUIRED) if request.method == "POST" else answer(204)
        if path == "/changes":
            return answer(200, {"results": self.staged}) if self.is_open else answer(404)
        if path == "/log":
            return self.logged(query)
        if path == "/diff":
            return answer(403) if self.is_diff_forbidden else answer(200, {"results": self.changes(query)})
        assert path == "/object", request
        etag = self.etags.get(query.get("ref", [""])[0], {}).get(query["path"][0])
        return Response(200, {"ETag": etag, "Content-Length": "1"}) if etag else answer(404)

    def poll(self) -> Response:
        if self.is_submitted and self.polls > 0:
            self.polls -= 1
            return answer(200)
        if self.is_submitted and self.is_open:
            self.is_open = False
            self.finish()
        return answer(404)

    def logged(self, query: dict[str, list[str]]) -> Response:
        if self.is_log_forbidden:
            return answer(403)
        paths = query.get("object")
        return answer(
            200,
            {
                "results": [
                    commit
                    for commit in self.log
                    if paths is None or any(entry["path"] == paths[0] for entry in self.diffs[commit["id"]])
                ]
            },
        )

    def changes(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        prefix = query["prefix"][0]
        return [entry for entry in self.diffs[query["right"][0]] if entry["path"].startswith(prefix)]

    def commit(
        self, commit_id: str, *changes: dict[str, Any], message: str = "m", date: str = LATER, parents: Any = None
    ) -> None:
        self.log.insert(0, {"id": commit_id, "message": message, "creation_date": date, "parents": parents})
        self.diffs[commit_id] = list(changes)

    def session(self) -> tuple[Session, FakeClock]:
        client, _, clock = fake_client(self)
        return client.repository("o/r").session(), clock

    def submitted(self) -> tuple[Session, FakeClock]:
        session, clock = self.session()
        assert session.commit_result("m").status == "approval_required"
        return session, clock

    def attached(self) -> Session:
        client, _, _ = fake_client(self)
        return client.repository("o/r").attach("s1")


@pytest.fixture
def service() -> Service:
    return Service()


class TestWaiting:
    def test_approved(self, service: Service) -> None:
        service.finish = lambda: service.commit("c9", change("a.csv"))
        session, clock = service.submitted()
        assert session.wait_for_approval() == ApprovalResult(status="approved", commit_id="c9")
        assert clock.sleeps == [2.0]
        assert repr(session) == "Session('s1', approved as c9)"

    def test_rolled_back(self, service: Service) -> None:
        service.commit("c0", change("a.csv"), date=LONG_AGO)
        session, _ = service.submitted()
        assert session.wait_for_approval() == ApprovalResult(status="rolled_back", commit_id="")
        assert repr(session) == "Session('s1', rolled back)"

    def test_once_told_it_is_not_asked_again(self, service: Service) -> None:
        session, _ = service.submitted()
        first = session.wait_for_approval()
        asked = len(service.requests)
        assert session.wait_for_approval() == first
        assert len(service.requests) == asked

    def test_the_reviewer_may_change_the_message(self, service: Service) -> None:
        service.finish = lambda: service.commit("c9", change("a.csv"), message="in better words")
        session, _ = service.submitted()
        assert session.wait_for_approval().commit_id == "c9"

    def test_of_two_with_these_changes_the_one_with_the_message_is_meant(self, service: Service) -> None:
        def finish() -> None:
            service.commit("c8", change("a.csv"))
            service.commit("c9", change("a.csv"), message="another")

        service.finish = finish
        session, _ = service.submitted()
        assert session.wait_for_approval().commit_id == "c8"

    def test_two_that_cannot_be_told_apart_are_not_guessed(self, service: Service) -> None:
        def finish() -> None:
            service.commit("c8", change("a.csv"))
            service.commit("c9", change("a.csv"))

        service.finish = finish
        session, _ = service.submitted()
        with pytest.raises(OutcomeUnknownError, match="2 commits that may be it"):
            session.wait_for_approval()

    @pytest.mark.parametrize(
        "theirs",
        [
            [change("a.csv", "e2")],
            [change("a.csv"), change("b.csv", "e7")],
            [change("a.csv")],
            [change("a.csv", status="removed"), change("b.csv")],
        ],
    )
    def test_a_commit_of_other_content_is_not_taken_for_it(
        self, service: Service, theirs: list[dict[str, Any]]
    ) -> None:
        service.staged = [staged("a.csv"), staged("b.csv")]
        service.finish = lambda: service.commit("theirs", *theirs)
        session, _ = service.submitted()
        assert session.wait_for_approval().status == "rolled_back"

    def test_what_was_there_before_is_no_change(self, service: Service) -> None:
        service.staged = [staged("a.csv"), staged("b.csv"), staged("c.csv", "")]
        service.etags = {"c9": {"a.csv": '"e1"'}}
        service.finish = lambda: service.commit("c9", change("b.csv"), message="other words")
        session, _ = service.submitted()
        assert session.wait_for_approval().commit_id == "c9"

    def test_a_commit_that_changes_nothing_is_found_by_its_message(self, service: Service) -> None:
        service.etags = {"c9": {"a.csv": '"e1"'}}
        service.finish = lambda: service.commit("c9")
        session, _ = service.submitted()
        assert session.wait_for_approval().commit_id == "c9"

    def test_an_earlier_commit_of_the_same_is_not_taken_for_it(self, service: Service) -> None:
        service.commit("c8", change("a.csv"))
        session, _ = service.submitted()
        assert session.wait_for_approval().status == "rolled_back"

    def test_the_same_once_more(self, service: Service) -> None:
        service.commit("c8", change("a.csv"))
        service.etags = {"c8": {"a.csv": '"e1"'}, "c9": {"a.csv": '"e1"'}}
        service.finish = lambda: service.commit("c9")
        session, _ = service.submitted()
        assert session.wait_for_approval().commit_id == "c9"

    def test_a_log_that_does_not_go_back_to_the_submission(self, service: Service) -> None:
        def finish() -> None:
            service.log.clear()
            service.commit("c9", change("a.csv"))

        service.commit("c8", change("a.csv"))
        service.finish = finish
        session, _ = service.submitted()
        assert session.wait_for_approval().commit_id == "c9"

    def test_over_before_it_is_asked(self, service: Service) -> None:
        session, clock = service.submitted()
        service.polls = 0
        service.finish = lambda: service.commit("c9", change("a.csv"))
        assert session.wait_for_approval().commit_id == "c9"
        assert clock.sleeps == []

    def test_a_service_that_does_not_know_the_filter_of_the_log(self, service: Service) -> None:
        def finish() -> None:
            service.commit("c8", change("b.csv"))
            service.commit("c9", change("a.csv"))

        service.finish = finish
        client, _, _ = fake_client(lambda request: service(strip_filter(request)))
        session = client.repository("o/r").session()
        session.commit_result("m")
        assert session.wait_for_approval().commit_id == "c9"


def strip_filter(request: Request) -> Request:
    head, _, query = request.url.partition("?")
    return replace(request, url=f"{head}?{'&'.join(p for p in query.split('&') if not p.startswith('object='))}")


class TestTimeout:
    def test_it_names_what_was_waited_for_and_how_long(self, service: Service) -> None:
        service.polls = 1000
        session, clock = service.submitted()
        with pytest.raises(WaitTimeoutError, match="waited 5 seconds for the review of session s1") as caught:
            session.wait_for_approval(timeout=5)
        assert isinstance(caught.value, TimeoutError)
        assert caught.value.timeout == 5
        assert clock.sleeps == [2.0, 2.0, 1.0]

    def test_it_can_be_waited_for_again(self, service: Service) -> None:
        service.finish = lambda: service.commit("c9", change("a.csv"))
        session, _ = service.submitted()
        service.polls = 2
        with pytest.raises(WaitTimeoutError):
            session.wait_for_approval(timeout=0)
        assert session.wait_for_approval(timeout=10).commit_id == "c9"

    @pytest.mark.parametrize(("bad", "error"), [(-1, ValueError), (float("nan"), ValueError), ("5", TypeError)])
    def test_other_figures(self, service: Service, bad: Any, error: type[Exception]) -> None:
        session, _ = service.submitted()
        with pytest.raises(error, match="timeout"):
            session.wait_for_approval(timeout=bad)


class TestAttached:
    def test_what_is_staged_is_asked_for_while_it_is_pending(self, service: Service) -> None:
        def finish() -> None:
            service.commit("c7", change("a.csv"), date=LONG_AGO)
            service.commit("c9", change("a.csv"))

        service.finish = finish
        assert service.attached().wait_for_approval().commit_id == "c9"

    def test_an_earlier_commit_of_the_same_is_not_taken_for_it(self, service: Service) -> None:
        service.commit("c8", change("a.csv"))
        assert service.attached().wait_for_approval().status == "rolled_back"

    def test_nothing_is_known_of_one_that_is_over(self, service: Service) -> None:
        service.polls = 0
        service.is_open = False
        service.finish = lambda: service.commit("c9", change("a.csv"))
        expected = r"not known what was staged in it, or whether there ever was such.*repo\.commits\.list\(\)"
        with pytest.raises(OutcomeUnknownError, match=expected):
            service.attached().wait_for_approval()

    def test_submitted_here_and_over_already(self, service: Service) -> None:
        service.polls = 0
        service.finish = lambda: service.commit("c9", change("a.csv"))
        session = service.attached()
        session.commit_result("m")
        assert session.wait_for_approval().commit_id == "c9"

    def test_one_that_was_not_submitted(self, service: Service) -> None:
        service.is_submitted = False
        with pytest.raises(TildeError, match="is open and was not submitted") as caught:
            service.attached().wait_for_approval()
        assert not isinstance(caught.value, OutcomeUnknownError)


def test_a_log_that_may_not_be_read(service: Service) -> None:
    service.is_log_forbidden = True
    session, _ = service.submitted()
    with pytest.raises(OutcomeUnknownError, match="could not be asked"):
        session.wait_for_approval()


class TestWithoutDiffs:
    """Who may not compare commits may often read what is in them."""

    @pytest.fixture(autouse=True)
    def forbid(self, service: Service) -> None:
        service.is_diff_forbidden = True

    @pytest.mark.parametrize("before", [None, '"e0"'], ids=["added", "changed"])
    @pytest.mark.parametrize("parents", [["c8"], []], ids=["later", "first"])
    def test_approved(self, service: Service, parents: list[str], before: str | None) -> None:
        service.etags = {"c9": {"a.csv": '"e1"'}} | ({"c8": {"a.csv": before}} if before else {})
        service.finish = lambda: service.commit("c9", change("a.csv"), message="in better words", parents=parents)
        session, _ = service.submitted()
        assert session.wait_for_approval() == ApprovalResult(status="approved", commit_id="c9")

    def test_a_deletion_that_was_approved(self, service: Service) -> None:
        service.staged = [staged("a.csv", "")]
        service.etags = {"c8": {"a.csv": '"e1"'}}
        service.finish = lambda: service.commit("c9", change("a.csv", status="removed"), parents=["c8"])
        session, _ = service.submitted()
        assert session.wait_for_approval().commit_id == "c9"

    @pytest.mark.parametrize(
        "etags",
        [
            {"c9": {"a.csv": '"e2"'}, "c8": {"a.csv": '"e1"'}},
            {"c9": {"a.csv": '"e1"'}, "c8": {"a.csv": '"e1"'}},
            {"c8": {"a.csv": '"e1"'}},
        ],
        ids=["other content", "there before", "deleted"],
    )
    def test_a_commit_of_somebody_else(self, service: Service, etags: dict[str, dict[str, str]]) -> None:
        service.etags = etags
        service.finish = lambda: service.commit("c9", change("a.csv"), message="theirs", parents=["c8"])
        session, _ = service.submitted()
        assert session.wait_for_approval().status == "rolled_back"


def test_after_a_blocking_commit_one_can_still_ask_how_it_ended(service: Service) -> None:
    service.finish = lambda: service.commit("c9", change("a.csv"))
    session, _ = service.session()
    with pytest.warns(UserWarning, match="Approval required"):
        assert session.commit("m") == ""
    with pytest.raises(SessionClosedError, match="already reviewed"):
        session.rollback()
    assert session.wait_for_approval() == ApprovalResult(status="approved", commit_id="c9")


class TestMeanwhile:
    def test_it_can_be_read_and_rolled_back(self, service: Service) -> None:
        session, _ = service.submitted()
        assert [record.path for record in session.uncommitted()] == ["a.csv"]
        assert not session.objects.exists("b.csv")
        session.rollback()
        assert service.requests[-1] == "DELETE /sessions/s1"
        assert session.wait_for_approval().status == "rolled_back"

    def test_nothing_can_be_staged_or_committed(self, service: Service) -> None:
        session, _ = service.submitted()
        asked = len(service.requests)
        for call in (
            lambda: session.commit("m"),
            lambda: session.commit_result("m"),
            lambda: session.objects.put("a", b""),
            lambda: session.objects.copy("a", "b"),
            lambda: session.objects.delete("a"),
            lambda: session.objects.delete_many(["a"]),
            lambda: session.objects.open("a", "w"),
        ):
            with pytest.raises(SessionClosedError, match="awaits approval"):
                call()
        assert len(service.requests) == asked

    def test_the_block_leaves_it(self, service: Service) -> None:
        session, _ = service.session()
        with session:
            session.commit_result("m")
        assert "DELETE /sessions/s1" not in service.requests

    def test_the_page_to_review_it(self, service: Service) -> None:
        session, _ = service.session()
        assert session.web_url == ""
        session.commit_result("m")
        assert session.web_url == WEB_URL
        assert session.to_dict() == {
            "session_id": "s1",
            "repository": "o/r",
            "state": "approval_required",
            "commit_id": "",
            "web_url": WEB_URL,
        }
        assert repr(session) == "Session('s1', awaiting approval)"


class TestApprove:
    def test_it_commits(self, service: Service) -> None:
        client, transport, _ = fake_client(service)
        session = client.repository("o/r").attach("s1")
        assert session.approve("looks good", metadata={"by": "me"}) == "c1"
        request = transport.requests[-1]
        assert (request.method, request.url.rpartition("/sessions/")[2]) == ("POST", "s1/approve")
        assert request.content == b'{"message":"looks good","metadata":{"by":"me"}}'
        assert repr(session) == "Session('s1', approved as c1)"
        with pytest.raises(SessionClosedError, match="already approved as c1"):
            session.approve("again")
        assert session.wait_for_approval() == ApprovalResult(status="approved", commit_id="c1")

    def test_it_is_not_repeated_and_not_rolled_back_if_the_answer_is_lost(self, service: Service) -> None:
        def lost() -> Response:
            raise OutcomeUnknownError("the connection broke")

        service.on_approve = lost
        with pytest.raises(OutcomeUnknownError), service.attached() as session:
            session.approve("m")
        assert service.requests == ["POST /sessions/s1/approve"]

    def test_a_reviewer_who_fails_does_not_roll_back_what_others_staged(self, service: Service) -> None:
        service.on_approve = lambda: answer(409, {"message": "a.csv was changed"})
        with pytest.raises(ConflictError), service.attached() as session:
            session.approve("m")
        assert service.requests == ["POST /sessions/s1/approve"]

    def test_a_message_must_be_text(self, service: Service) -> None:
        with pytest.raises(TypeError, match="message must be a str"):
            service.attached().approve(None)  # type: ignore[arg-type]
        assert service.requests == []


def test_the_warning_points_to_the_line_that_committed(service: Service) -> None:
    session, _ = service.session()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        session.commit("m", block_for_approval=False)
    assert [warning.filename for warning in caught] == [__file__]


def test_a_warning_turned_into_an_error_leaves_the_session_submitted(service: Service) -> None:
    session, _ = service.session()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match=WEB_URL), session:
            session.commit("m")
    assert session.web_url == WEB_URL
    assert "DELETE /sessions/s1" not in service.requests
