"""Connectors of WebSockets, each with one fault, and the test of the contract that has to find it."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import replace
from urllib.parse import urlsplit

from tilde.plugins import (
    ConfigurationError,
    NotSentError,
    OutcomeUnknownError,
    Request,
    Response,
    Timeout,
    TransportSettings,
    WebSocket,
    WebSocketConnector,
)
from tilde_core.plugins import websocket_connector
from tilde_core.testing.contract import WebSocketContract

__all__ = ["FAULTS", "Sound", "contract_of"]


def opened(settings: TransportSettings) -> WebSocketConnector:
    """A connector that works."""
    return websocket_connector.tilde_websocket().open(settings)


class Messages:
    """A WebSocket without a fault, to be given some."""

    def __init__(self, inner: WebSocket) -> None:
        self.inner = inner

    def send(self, data: bytes) -> None:
        self.inner.send(data)

    def receive(self, timeout: float | None = None) -> bytes | None:
        return self.inner.receive(timeout)

    def close(self) -> None:
        self.inner.close()


class Sound:
    """A connector without a fault, to be given some."""

    messages = Messages

    def __init__(self, settings: TransportSettings) -> None:
        self.settings = settings
        self.inner = opened(settings)

    def connect(self, request: Request) -> WebSocket | Response:
        answer = self.inner.connect(request)
        return answer if isinstance(answer, Response) else self.messages(answer)

    def close(self) -> None:
        self.inner.close()


class AddsOrigin(Sound):
    def connect(self, request: Request) -> WebSocket | Response:
        return super().connect(request.with_header("Origin", "http://127.0.0.1"))


class RemembersCookies(Sound):
    cookie: str | None = None

    def connect(self, request: Request) -> WebSocket | Response:
        answer = super().connect(request.with_header("Cookie", self.cookie) if self.cookie else request)
        self.cookie = answer.headers.get("Set-Cookie") if isinstance(answer, Response) else None
        return answer


class ReadsTheEnvironment(Sound):
    def connect(self, request: Request) -> WebSocket | Response:
        if os.environ.get("http_proxy"):
            raise NotSentError("the proxy refused the connection")
        return super().connect(request)


class IsNarrow(Sound):
    under_way = 0

    def connect(self, request: Request) -> WebSocket | Response:
        self.under_way += 1
        if self.under_way > 10:
            raise NotSentError("all connections are busy")
        return super().connect(request)


class FollowsRedirects(Sound):
    def connect(self, request: Request) -> WebSocket | Response:
        answer = super().connect(request)
        if isinstance(answer, Response) and answer.status == 307:
            return super().connect(replace(request, url=request.url + answer.headers["Location"]))
        return answer


class RaisesRefusals(Sound):
    def connect(self, request: Request) -> WebSocket | Response:
        answer = super().connect(request)
        if isinstance(answer, Response) and answer.status == 401:
            raise OutcomeUnknownError("refused")
        return answer


class NeedsALength(Sound):
    def connect(self, request: Request) -> WebSocket | Response:
        answer = super().connect(request)
        if isinstance(answer, Response) and "Content-Length" not in answer.headers:
            raise OutcomeUnknownError("the answer has no length")
        return answer


class TakesTheFirstAnswer(Sound):
    def connect(self, request: Request) -> WebSocket | Response:
        url = urlsplit(request.url)
        with socket.create_connection((url.hostname or "", url.port or 80)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAA\r\n\r\n")
            return Response(int(connection.recv(65536).split()[1]))


class LosesWhatIsEarly(Sound):
    def connect(self, request: Request) -> WebSocket | Response:
        answer = super().connect(request)
        if not isinstance(answer, Response):
            answer.receive(5)
        return answer


class KnowsNothing(Sound):
    def connect(self, request: Request) -> WebSocket | Response:
        try:
            return super().connect(request)
        except NotSentError as error:
            raise OutcomeUnknownError(error.message) from error


class KnowsTooMuch(Sound):
    def connect(self, request: Request) -> WebSocket | Response:
        try:
            return super().connect(request)
        except OutcomeUnknownError as error:
            raise NotSentError(error.message) from error


class RepeatsWhatFailed(Sound):
    def connect(self, request: Request) -> WebSocket | Response:
        try:
            return super().connect(request)
        except OutcomeUnknownError:
            return super().connect(request)


class NamesNoHost(Sound):
    def connect(self, request: Request) -> WebSocket | Response:
        try:
            return super().connect(request)
        except NotSentError as error:
            raise NotSentError("it cannot be reached") from error


class HopesForBetterUrls(Sound):
    def connect(self, request: Request) -> WebSocket | Response:
        try:
            return super().connect(request)
        except ConfigurationError as error:
            raise NotSentError(str(error)) from error


class QuotesHeaders(Sound):
    def connect(self, request: Request) -> WebSocket | Response:
        try:
            return super().connect(request)
        except ConfigurationError as error:
            raise ConfigurationError(f"{error}: {request.headers.multi_items()}") from error


class HasTimesOfItsOwn(Sound):
    def connect(self, request: Request) -> WebSocket | Response:
        return super().connect(replace(request, timeout=Timeout(read=0.3)))


class SendsNoPings(Sound):
    def connect(self, request: Request) -> WebSocket | Response:
        return super().connect(replace(request, timeout=Timeout(read=600.0)))


class ReopensItself(Sound):
    def close(self) -> None:
        super().close()
        self.inner = opened(self.settings)


class LeavesThemOpen(Sound):
    """Closes nothing while somebody uses it."""

    def close(self) -> None:
        if threading.active_count() < 4:
            super().close()


class ShowsHeaders(Sound):
    last: Request | None = None

    def connect(self, request: Request) -> WebSocket | Response:
        self.last = request
        return super().connect(request)

    def __repr__(self) -> str:
        return f"ShowsHeaders({self.last and self.last.headers.multi_items()})"


class DropsEmptyMessages(Sound):
    class messages(Messages):  # noqa: N801 - it stands in for an attribute
        def receive(self, timeout: float | None = None) -> bytes | None:
            return super().receive(timeout) or super().receive(timeout)


class TakesTextForLatin(Sound):
    class messages(Messages):  # noqa: N801
        def receive(self, timeout: float | None = None) -> bytes | None:
            message = super().receive(timeout)
            return message and message.decode().encode("latin-1")


class EndsWithATime(Sound):
    class messages(Messages):  # noqa: N801
        is_over = False

        def receive(self, timeout: float | None = None) -> bytes | None:
            if self.is_over:
                raise OutcomeUnknownError("it timed out")
            try:
                return super().receive(timeout)
            except TimeoutError:
                self.is_over = True
                raise


class ReadsOrWrites(Sound):
    class messages(Messages):  # noqa: N801
        is_sending = False

        def send(self, data: bytes) -> None:
            self.is_sending = True
            super().send(data)
            self.is_sending = False

        def receive(self, timeout: float | None = None) -> bytes | None:
            if self.is_sending:
                raise OutcomeUnknownError("most would wait for ever")
            return super().receive(timeout)


class WritesOrReads(Sound):
    class messages(Messages):  # noqa: N801
        is_receiving = False

        def send(self, data: bytes) -> None:
            if self.is_receiving:
                raise OutcomeUnknownError("most would wait for ever")
            super().send(data)

        def receive(self, timeout: float | None = None) -> bytes | None:
            self.is_receiving = True
            return super().receive(min(timeout or 1.0, 1.0))


class TakesHalfForWhole(Sound):
    class messages(Messages):  # noqa: N801
        def receive(self, timeout: float | None = None) -> bytes | None:
            try:
                return super().receive(timeout)
            except OutcomeUnknownError:
                return None


class ClosesOnce(Sound):
    class messages(Messages):  # noqa: N801
        is_closed = False

        def close(self) -> None:
            assert not self.is_closed
            self.is_closed = True
            super().close()


FAULTS: dict[type[Sound], tuple[str, ...]] = {
    AddsOrigin: ("test_handshake",),
    RemembersCookies: ("test_no_cookie_is_kept",),
    ReadsTheEnvironment: ("test_no_proxy_is_taken_from_the_environment[http_proxy]",),
    IsNarrow: ("test_many_connections_at_once",),
    FollowsRedirects: ("test_a_refusal_is_an_answer[307]",),
    RaisesRefusals: ("test_a_refusal_is_an_answer[401]",),
    NeedsALength: ("test_a_refusal_until_the_end_of_the_connection",),
    TakesTheFirstAnswer: ("test_interim_answers_are_passed_over[103]",),
    LosesWhatIsEarly: ("test_what_comes_right_behind_the_handshake",),
    KnowsNothing: ("test_refused_connection_was_not_sent", "test_failed_tls_was_not_sent[no TLS]"),
    KnowsTooMuch: ("test_no_handshake_leaves_the_outcome_unknown[wrong key]",),
    RepeatsWhatFailed: ("test_no_handshake_leaves_the_outcome_unknown[hang up]",),
    NamesNoHost: ("test_unknown_host_was_not_sent",),
    HopesForBetterUrls: ("test_unusable_url_is_refused[ws://a b/]",),
    QuotesHeaders: ("test_unusable_header_is_refused",),
    HasTimesOfItsOwn: ("test_silence_instead_of_a_handshake_times_out",),
    SendsNoPings: ("test_pings_keep_a_silent_connection_alive", "test_no_answer_to_pings_is_noticed"),
    ReopensItself: ("test_a_closed_connector_opens_nothing",),
    LeavesThemOpen: ("test_close_wakes_up_who_waits[connector]",),
    ShowsHeaders: ("test_the_token_is_shown_nowhere[works]",),
    DropsEmptyMessages: ("test_messages_of_any_size[0]",),
    TakesTextForLatin: ("test_fragments_are_put_together",),
    EndsWithATime: ("test_a_frame_in_odd_pieces", "test_a_time_that_is_over_loses_nothing"),
    ReadsOrWrites: ("test_reading_goes_on_while_a_send_is_stuck",),
    WritesOrReads: ("test_both_directions_at_once",),
    TakesHalfForWhole: (
        "test_broken_frames_are_an_error[unknown kind]",
        "test_a_broken_connection_is_an_error[in a frame-hang_up]",
        "test_an_end_with_a_reason_is_an_error_that_has_it",
    ),
    ClosesOnce: ("test_close_tells_the_server_and_may_be_called_twice",),
}


def contract_of(kind: type[Sound]) -> type[WebSocketContract]:
    """The tests of that connector."""

    class TestConnector(WebSocketContract):
        def open_connector(self, settings: TransportSettings) -> WebSocketConnector:
            return kind(settings)

    return TestConnector
