"""Sessions, and a commit whose answer was lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from support import answer, fake_client
from tilde.exceptions import (
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    SerializationError,
    ServerError,
    SessionClosedError,
)
from tilde.models import Session
from tilde_core.http import Request, Response
from tilde_core.models.sessions import Staged

OPENED = "Tue, 03 Feb 2026 10:00:00 GMT"
BEFORE, AFTER = "2026-02-03T09:59:00Z", "2026-02-03T10:00:05Z"


def change(path: str, etag: str = "e1", status: str = "added") -> dict[str, Any]:
    return {"path": path, "type": "object", "status": status, "entry": {"e_tag": etag}}


class Service:
    """One session of a service that can lose answers; `log` is newest first, `diffs` has what each commit changed."""

    def __init__(self) -> None:
        self.open = True
        self.log: list[dict[str, Any]] = []
        self.diffs: dict[str, list[dict[str, Any]]] = {}
        self.etags: dict[str, str] = {}
        self.staged: list[dict[str, Any]] = [{"path": "a.csv", "entry": {"e_tag": "e1"}}]
        self.on_commit: list[Callable[[], Response]] = []
        self.commits = 0
        self.rollbacks = 0
        self.unreachable = False

    def __call__(self, request: Request) -> Response:
        path = urlsplit(request.url).path.partition("/repositories/r")[2]
        query = parse_qs(urlsplit(request.url).query)
        if self.unreachable and path != "/sessions/s1":
            raise OutcomeUnknownError("no answer")
        if path == "/sessions":
            return answer(201, {"session_id": "s1"}, Date=OPENED)
        if path == "/sessions/s1" and request.method == "POST":
            self.commits += 1
            return self.on_commit.pop(0)()
        if path == "/sessions/s1":
            self.rollbacks += 1
            return answer(204) if self.open else answer(404)
        if path == "/changes":
            return answer(200, {"results": self.staged}) if self.open else answer(404, {"message": "no such session"})
        if path == "/log":
            return answer(200, {"results": self.log})
        if path == "/diff":
            return answer(200, {"results": self.diffs[query["right"][0]]})
        if path == "/object" and request.method == "HEAD":
            etag = self.etags.get(query["path"][0])
            return Response(200, {"ETag": etag, "Content-Length": "1"}) if etag else answer(404)
        raise AssertionError(request)

    def applied(
        self, commit_id: str = "c9", message: str = "m", *, then: Callable[[], Response], **more: Any
    ) -> Response:
        """Commit, and then answer (or fail to)."""
        self.open = False
        self.log.insert(0, {"id": commit_id, "message": message, "creation_date": AFTER, **more})
        self.diffs[commit_id] = [change("a.csv")]
        return then()

    def session(self) -> Session:
        client, _, _ = fake_client(self)
        return client.repository("o/r").session()


@pytest.fixture
def service() -> Service:
    return Service()


def lost() -> Response:
    raise OutcomeUnknownError("the connection broke")


def committed() -> Response:
    return answer(200, {"commit_id": "c1"})


def test_a_commit_ends_the_session(service: Service) -> None:
    service.on_commit = [committed]
    with service.session() as session:
        assert session.commit("m") == "c1"
        assert repr(session) == "Session('s1', committed as c1)"
    assert service.rollbacks == 0
    for call in (
        lambda: session.commit("again"),
        session.rollback,
        session.uncommitted,
        lambda: session.objects.put("a", b""),
        lambda: session.objects.get("a"),
        lambda: session.objects.list(),
        lambda: session.objects.delete_many(["a"]),
    ):
        with pytest.raises(SessionClosedError, match="already committed as c1"):
            call()


def test_leaving_without_a_commit_rolls_back(service: Service) -> None:
    with service.session():
        pass
    assert service.rollbacks == 1


def test_the_users_exception_stays_even_if_the_rollback_fails(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        with service.session():
            service.open = False
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    assert "session s1 was not rolled back" in caplog.text


def test_a_failed_rollback_without_another_exception_is_raised(service: Service) -> None:
    with pytest.raises(NotFoundError), service.session():
        service.open = False


def test_nulls_in_the_answer(service: Service) -> None:
    body = {"commit_id": "c1", "approval_required": None, "web_url": None, "message": None}
    service.on_commit = [lambda: answer(200, body)]
    assert service.session().commit("m") == "c1"


@pytest.mark.parametrize("metadata", [{"a": 1}, {5: "x"}, {"b": b"x"}, "text", ["a"]])
def test_metadata_is_checked_before_anything_is_sent(service: Service, metadata: Any) -> None:
    session = service.session()
    with pytest.raises(TypeError, match="metadata must"):
        session.commit("m", metadata=metadata)
    assert service.commits == 0


def test_a_conflict_leaves_the_session_open(service: Service) -> None:
    service.on_commit = [lambda: answer(409, {"message": "a.csv was changed"}), committed]
    session = service.session()
    with pytest.raises(ConflictError, match=r"a\.csv was changed"):
        session.commit("m")
    assert session.commit("m") == "c1"


@pytest.mark.parametrize("bad", [None, 5, b"x"])
def test_a_message_must_be_text(service: Service, bad: Any) -> None:
    session = service.session()
    with pytest.raises(TypeError, match="message must be a str"):
        session.commit(bad)
    assert service.commits == 0


class TestLostAnswer:
    def test_still_open_means_it_did_not_happen_and_it_is_sent_again(self, service: Service) -> None:
        service.on_commit = [lost, lambda: answer(502), committed]
        assert service.session().commit("m") == "c1"
        assert service.commits == 3

    def test_found_in_the_log(self, service: Service) -> None:
        service.on_commit = [lambda: service.applied(then=lost)]
        service.log = [{"id": "c0", "message": "m", "creation_date": BEFORE}]
        with service.session() as session:
            assert session.commit("m") == "c9"
        assert (service.commits, service.rollbacks) == (1, 0)

    def test_metadata_must_be_the_same(self, service: Service) -> None:
        service.on_commit = [lambda: service.applied(metadata={"a": "2"}, then=lost)]
        with pytest.raises(OutcomeUnknownError):
            service.session().commit("m", metadata={"a": "1"})

    @pytest.mark.parametrize("theirs", [[change("b.csv")], [change("a.csv", "e2")], [change("a.csv", "e1", "removed")]])
    def test_a_commit_of_another_session_with_the_same_message_is_told_apart(
        self, service: Service, theirs: list[dict[str, Any]]
    ) -> None:
        def commit() -> Response:
            service.applied("mine", then=committed)
            service.applied("theirs", then=committed)
            service.diffs["theirs"] = theirs
            return lost()

        service.on_commit = [commit]
        session = service.session()
        session._note(Staged("a.csv", "e1"))
        assert session.commit("m") == "mine"

    def test_what_was_staged_and_then_deleted_is_looked_for_as_removed(self, service: Service) -> None:
        def commit() -> Response:
            service.applied(then=committed)
            service.diffs["c9"] = [change("a.csv", status="removed")]
            return lost()

        service.on_commit = [commit]
        session = service.session()
        session._note(Staged("a.csv", "e1"))
        session._note(Staged("a.csv", is_deleted=True))
        assert session.commit("m") == "c9"

    def test_only_the_last_change_of_a_path_counts(self, service: Service) -> None:
        def commit() -> Response:
            service.applied(then=committed)
            service.diffs["c9"], service.etags = [], {"a.csv": "e1"}
            return lost()

        service.on_commit = [commit]
        session = service.session()
        for etag in ("e7", "e8", "e1"):
            session._note(Staged("a.csv", etag))
        assert session.commit("m") == "c9"

    @pytest.mark.parametrize(("etag", "found"), [("e1", True), ("e2", False)])
    def test_what_was_there_before_is_no_change_and_looked_for_all_the_same(
        self, service: Service, etag: str, found: bool
    ) -> None:
        def commit() -> Response:
            service.applied(then=committed)
            service.diffs["c9"], service.etags = [], {"a.csv": etag}
            return lost()

        service.on_commit = [commit]
        session = service.session()
        session._note(Staged("a.csv", "e1"))
        if found:
            assert session.commit("m") == "c9"
        else:
            with pytest.raises(OutcomeUnknownError):
                session.commit("m")

    def test_what_another_process_staged_is_asked_for(self, service: Service) -> None:
        service.on_commit = [lambda: service.applied(then=lost, creation_date="2999-01-01T00:00:00Z")]
        client, transport, _ = fake_client(service)
        assert client.repository("o/r").attach("s1").commit("m") == "c9"
        assert "/changes" in transport.requests[0].url

    def test_somebody_elses_commit_is_not_taken_for_ones_own(self, service: Service) -> None:
        service.staged = []
        service.on_commit = [lambda: service.applied("theirs", then=lost)]
        with pytest.raises(OutcomeUnknownError, match="no such commit"):
            service.session().commit("m")

    def test_not_to_be_allowed_to_ask_does_not_stop_the_commit(self, service: Service) -> None:
        service.on_commit = [committed]
        client, _, _ = fake_client(
            lambda request: answer(403) if "/changes" in request.url else service(request), max_retries=0
        )
        assert client.repository("o/r").attach("s1").commit("m") == "c1"

    def test_a_log_without_time_zones(self, service: Service) -> None:
        def commit() -> Response:
            service.applied(then=committed)
            service.log[0]["creation_date"] = AFTER.rstrip("Z")
            return lost()

        service.on_commit = [commit]
        assert service.session().commit("m") == "c9"

    @pytest.mark.parametrize(
        "unreadable", [Response(200, {}, b"<html>"), Response(200, {"Content-Encoding": "gzip"}, b"x"), answer(200, {})]
    )
    def test_an_answer_that_cannot_be_read_is_as_good_as_lost(self, service: Service, unreadable: Response) -> None:
        service.on_commit = [lambda: service.applied(then=lambda: unreadable)]
        with service.session() as session:
            assert session.commit("m") == "c9"
        assert (service.commits, service.rollbacks) == (1, 0)

    def test_an_answer_that_cannot_be_read_while_the_session_is_open(self, service: Service) -> None:
        service.on_commit = [lambda: Response(200, {}, b"<html>a proxy's page")]
        with pytest.raises(SerializationError), service.session() as session:
            session.commit("m")
        assert service.rollbacks == 1

    def test_ctrl_c_while_it_is_on_its_way_rolls_nothing_back(self, service: Service) -> None:
        def interrupt() -> Response:
            raise KeyboardInterrupt

        service.on_commit = [interrupt]
        with pytest.raises(KeyboardInterrupt), service.session() as session:
            session.commit("m")
        assert service.rollbacks == 0

    def test_two_that_cannot_be_told_apart_are_not_guessed(self, service: Service) -> None:
        service.on_commit = [lambda: service.applied("c8", then=lambda: service.applied("c9", then=lost))]
        with pytest.raises(OutcomeUnknownError, match="the log has 2 such commits"):
            service.session().commit("m")

    def test_not_found_names_the_session_and_how_to_find_out_and_rolls_nothing_back(self, service: Service) -> None:
        def gone() -> Response:
            service.open = False
            return lost()

        service.on_commit = [gone]
        with pytest.raises(OutcomeUnknownError) as caught, service.session() as session:
            session.commit("m")
        assert service.rollbacks == 0
        for part in ("s1", "repo.commits.list()", 'repo.attach("s1")', "sessions.commit"):
            assert part in str(caught.value)
        assert isinstance(caught.value.__cause__, OutcomeUnknownError)

    def test_a_service_that_cannot_be_asked(self, service: Service) -> None:
        def unreachable() -> Response:
            service.unreachable = True
            return lost()

        service.on_commit = [unreachable]
        with pytest.raises(OutcomeUnknownError, match="could not be asked"), service.session() as session:
            session.commit("m")
        assert service.rollbacks == 0

    def test_a_commit_that_finishes_while_it_is_sent_again(self, service: Service) -> None:
        service.on_commit = [lambda: answer(504), lambda: service.applied(then=lambda: answer(404))]
        assert service.session().commit("m") == "c9"

    def test_giving_up_while_the_session_is_open_rolls_back(self, service: Service) -> None:
        service.on_commit = [lambda: answer(503)] * 4
        with pytest.raises(ServerError), service.session() as session:
            session.commit("m")
        assert (service.commits, service.rollbacks) == (4, 1)


class TestApproval:
    def required(self) -> Response:
        return answer(
            202,
            {
                "approval_required": True,
                "session_id": "s1",
                "message": "x",
                "api_url": "https://tilde.test/a",
                "web_url": "https://tilde.test/approve",
            },
        )

    def test_commit_result_tells_and_does_not_warn(self, service: Service) -> None:
        service.on_commit = [self.required]
        with service.session() as session:
            result = session.commit_result("m")
        assert (result.status, result.commit_id, result.web_url) == (
            "approval_required",
            "",
            "https://tilde.test/approve",
        )
        assert service.rollbacks == 0

    def test_not_blocking(self, service: Service) -> None:
        service.on_commit = [self.required]
        with (
            service.session() as session,
            pytest.warns(UserWarning, match="Approval required - review and approve at: https://tilde.test/approve"),
        ):
            assert session.commit("m", block_for_approval=False) is None
        assert service.rollbacks == 0

    def test_blocking_polls_every_two_seconds(self, service: Service) -> None:
        polls = iter([answer(200), answer(200), answer(404)])
        service.on_commit = [self.required]

        def with_polls(request: Request) -> Response:
            return next(polls) if request.method == "HEAD" else service(request)

        client, transport, clock = fake_client(with_polls)
        session = client.repository("o/r").session()
        with pytest.warns(UserWarning, match="Approval required"):
            assert session.commit("m") == ""
        assert clock.sleeps == [2.0, 2.0]
        assert transport.requests[-1].url.endswith("/sessions/s1/approve")

    def test_a_warning_turned_into_an_error_does_not_roll_back(self, service: Service) -> None:
        service.on_commit = [self.required]
        with pytest.raises(UserWarning, match="Approval required"), service.session() as session:
            session.commit("m")
        assert service.rollbacks == 0
