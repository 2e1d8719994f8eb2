"""Logs of sandboxes: line by line, over silence and broken connections, to the end and not beyond."""

from __future__ import annotations

import pytest

from sandbox_service import COMMITTED, PLACE, SandboxService, ends_with, status
from support import FakeClock, answer, fake_client
from tilde.exceptions import (
    ForbiddenError,
    GoneError,
    IntegrityError,
    NotFoundError,
    NotSentError,
    OutcomeUnknownError,
    TransportError,
)
from tilde.models import LogStream, Sandbox
from tilde_core.http import Response

LOG = f"GET {PLACE}/logs/stdout"
STATUS = f"GET {PLACE}/status"
BROKEN = OutcomeUnknownError("the connection broke")
RUNNING = status("running")


@pytest.fixture
def service() -> SandboxService:
    return SandboxService()


def handle(service: SandboxService) -> tuple[Sandbox, FakeClock]:
    client, _, clock = fake_client(service)
    return Sandbox(client, "o", "r", "s1"), clock


def stdout(service: SandboxService) -> LogStream:
    return handle(service)[0].stdout()


class TestLines:
    def test_lines_of_output_keep_their_ends(self, service: SandboxService) -> None:
        service.logs = [ends_with(b"one\ntw", b"o\r\n", b"\n", b"10%\r20%\r\n\x0cfour\xe2\x80\xa8", b"end")]
        with stdout(service) as stream:
            assert list(stream) == ["one\n", "two\r\n", "\n", "10%\r20%\r\n", "\x0cfour\u2028end"]
            assert list(stream) == []

    def test_lines_of_requests_come_without_their_ends(self, service: SandboxService) -> None:
        service.logs = [ends_with(b'{"a":1}\n{"b"', b":2}\r\n\n", b'{"c":3}')]
        with handle(service)[0].network() as stream:
            assert list(stream) == ['{"a":1}', '{"b":2}', '{"c":3}']
        assert service.sent[0] == f"GET {PLACE}/logs/network"

    def test_what_is_no_text_is_replaced_and_no_character_is_cut(self, service: SandboxService) -> None:
        service.logs = [ends_with(b"\xff\n", b"\xc3", b"\xa4\n", b"\xc3")]
        assert list(stdout(service)) == ["\ufffd\n", "ä\n", "\ufffd"]

    def test_bytes(self, service: SandboxService) -> None:
        service.logs = [ends_with(b"\xff\n", b"\xc3")]
        with stdout(service) as stream:
            assert b"".join(stream.iter_bytes()) == b"\xff\n\xc3"

    def test_nothing(self, service: SandboxService) -> None:
        service.logs = [ends_with()]
        assert list(stdout(service)) == []

    def test_a_line_is_there_before_the_next_one_is(self, service: SandboxService) -> None:
        service.states = [RUNNING]
        service.logs = [ends_with(b"one\n", AssertionError("nobody asked for more"))]
        with stdout(service) as stream:
            assert next(stream) == "one\n"
        assert stream.closed

    def test_nothing_is_sent_before_it_is_read(self, service: SandboxService) -> None:
        with stdout(service) as stream:
            assert repr(stream) == "LogStream('sandboxes.stdout')"
        assert repr(stream) == "LogStream('sandboxes.stdout', closed)"
        assert service.sent == []
        stream.close()
        with pytest.raises(ValueError, match="read of a closed log"):
            next(stream)


class TestFollowing:
    def test_the_log_of_one_that_has_ended_is_read_once(self, service: SandboxService) -> None:
        service.logs = [ends_with(b"a\n", Connection="close")]
        ended = handle(service)[0].status()
        assert list(ended.stdout()) == ["a\n"]
        assert service.sent == [STATUS, LOG]

    def test_an_end_that_says_so_is_believed_once_the_sandbox_has_ended(self, service: SandboxService) -> None:
        service.logs = [lambda: Response(200, {"Content-Length": "2"}, iter([b"a\n"]))]
        assert list(stdout(service)) == ["a\n"]
        assert service.sent == [LOG, STATUS]

    def test_an_end_that_may_be_a_cut_is_looked_behind(self, service: SandboxService) -> None:
        service.logs = [ends_with(b"a\n", Connection="close"), ends_with(b"a\nb\n", Connection="close")]
        assert list(stdout(service)) == ["a\n", "b\n"]
        assert service.sent == [LOG, STATUS, LOG]

    def test_an_end_while_it_runs_is_none(self, service: SandboxService) -> None:
        service.states = [RUNNING, RUNNING, COMMITTED]
        service.logs = [ends_with(b"a\n"), ends_with(b"a\nb\n")]
        assert list(stdout(service)) == ["a\n", "b\n"]
        assert service.sent == [LOG, STATUS, STATUS, STATUS, LOG]

    def test_it_goes_on_where_it_was(self, service: SandboxService) -> None:
        service.states = [RUNNING]
        service.logs = [
            ends_with(b"one\ntw", BROKEN),
            ends_with(b"one\n", BROKEN),  # nothing new
            ends_with(b"on", b"e\ntwo\nth", BROKEN),
            lambda: Response(200, {"Transfer-Encoding": "chunked"}, the_rest()),
        ]

        def the_rest() -> list[bytes]:
            service.states = [COMMITTED]
            return [b"one\ntwo\n", b"three\n"]

        assert list(stdout(service)) == ["one\n", "two\n", "three\n"]

    def test_silence_of_any_length(self, service: SandboxService) -> None:
        service.states = [RUNNING]
        sandbox, clock = handle(service)

        def times_out() -> Response:
            clock.now += 60
            raise OutcomeUnknownError("no answer within 60 s")

        def ends() -> Response:
            service.states = [COMMITTED]
            return ends_with(b"a\nb\n")()

        service.logs = [ends_with(b"a\n", BROKEN), *[times_out] * 200, ends]
        assert list(sandbox.stdout()) == ["a\n", "b\n"]
        assert max(clock.sleeps) <= 5

    def test_an_end_is_noticed_during_a_pause(self, service: SandboxService) -> None:
        service.states = [RUNNING] * 12 + [COMMITTED]
        sandbox, clock = handle(service)
        service.logs = [ends_with(b"a\n")]
        assert list(sandbox.stdout()) == ["a\n"]
        assert service.count(LOG) <= 5
        assert len(clock.sleeps) <= 12

    def test_the_log_of_one_that_has_ended_is_not_asked_for_without_end(self, service: SandboxService) -> None:
        service.logs = [ends_with(b"a\n", BROKEN)]
        stream = handle(service)[0].status().stdout()
        assert next(stream) == "a\n"
        with pytest.raises(OutcomeUnknownError, match=r"sandboxes\.stdout: the connection broke.*gave up after"):
            next(stream)
        assert service.count(LOG) == 1 + 3
        service.logs = [ends_with(b"a\nb\n")]
        assert next(stream) == "b\n"

    def test_progress_counts_as_progress(self, service: SandboxService) -> None:
        whole = b"".join(b"%d\n" % number for number in range(20))
        service.logs = [ends_with(whole[:end], BROKEN) for end in range(1, len(whole))]
        service.logs.append(ends_with(whole))
        assert "".join(handle(service)[0].status().stdout()) == whole.decode()

    def test_a_log_that_has_become_shorter_is_an_error(self, service: SandboxService) -> None:
        service.logs = [ends_with(b"a\nb\n", BROKEN), ends_with(b"a\n")]
        stream = stdout(service)
        assert [next(stream), next(stream)] == ["a\n", "b\n"]
        with pytest.raises(IntegrityError, match="become shorter: it ended at byte 2, and 4 were read before"):
            next(stream)

    def test_an_interruption_is_no_end(self, service: SandboxService) -> None:
        service.logs = [ends_with(b"a\n", KeyboardInterrupt()), ends_with(b"a\nb\n")]
        stream = stdout(service)
        assert next(stream) == "a\n"
        with pytest.raises(KeyboardInterrupt):
            next(stream)
        assert list(stream) == ["b\n"]


ERRORS = [(404, NotFoundError), (410, GoneError), (403, ForbiddenError)]


class TestErrors:
    @pytest.mark.parametrize(("code", "kind"), ERRORS)
    def test_that_it_cannot_be_had_is_an_error_and_not_an_empty_log(
        self, service: SandboxService, code: int, kind: type[Exception]
    ) -> None:
        service.logs = [lambda: answer(code, {"message": "no such log"})]
        with pytest.raises(kind, match=r"sandboxes\.stdout: no such log"):
            list(stdout(service))

    def test_one_that_is_gone_in_the_middle(self, service: SandboxService) -> None:
        service.states = [RUNNING]
        service.logs = [ends_with(b"a\n", BROKEN), lambda: answer(410, {"message": "kept no longer"})]
        stream = stdout(service)
        assert next(stream) == "a\n"
        with pytest.raises(GoneError, match="kept no longer"):
            next(stream)

    def test_a_service_that_is_not_there_is_an_error(self, service: SandboxService) -> None:
        def refused() -> Response:
            raise NotSentError("connection refused")

        service.logs = [refused]
        service.overrides[STATUS] = refused
        with pytest.raises(TransportError, match="connection refused"):
            next(stdout(service))

    def test_that_nobody_may_ask_how_far_it_is(self, service: SandboxService) -> None:
        service.logs = [ends_with(b"a\n")]
        service.overrides[STATUS] = lambda: answer(403, {"message": "not yours"})
        stream = stdout(service)
        assert next(stream) == "a\n"
        with pytest.raises(ForbiddenError, match="not yours"):
            next(stream)
