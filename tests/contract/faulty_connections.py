"""Transports, each with one fault in how it fails or keeps connections, and the test that has to find it."""

from __future__ import annotations

import http.client
import logging
import os
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from contract.faulty_messages import Sound, contract_of, copy_of, opened
from tilde.exceptions import TildeError
from tilde.plugins import (
    ConfigurationError,
    NotSentError,
    OutcomeUnknownError,
    Request,
    Response,
    Timeout,
    TransportError,
    TransportSettings,
)

__all__ = ["FAULTS", "Sound", "contract_of"]


class KnowsNothing(Sound):
    def send(self, request: Request) -> Response:
        try:
            return super().send(request)
        except NotSentError as error:
            raise OutcomeUnknownError(error.message) from error


class KnowsTooMuch(Sound):
    def send(self, request: Request) -> Response:
        try:
            return super().send(request)
        except OutcomeUnknownError as error:
            raise NotSentError(error.message) from error


class NamesNoHost(Sound):
    def send(self, request: Request) -> Response:
        try:
            return super().send(request)
        except NotSentError as error:
            raise NotSentError("it cannot be reached") from error


class HopesForBetterUrls(Sound):
    def send(self, request: Request) -> Response:
        try:
            return super().send(request)
        except ConfigurationError as error:
            raise NotSentError(str(error)) from error


class QuotesHeaders(Sound):
    def send(self, request: Request) -> Response:
        try:
            return super().send(request)
        except ConfigurationError as error:
            raise ConfigurationError(f"{error}: {request.headers.multi_items()}") from error


class RepeatsWhatFailed(Sound):
    def send(self, request: Request) -> Response:
        try:
            return super().send(request)
        except TransportError:
            return super().send(request)


class RepeatsOnUsedConnections(Sound):
    """What many libraries do: the connection was good a moment ago, so it must have been closed meanwhile."""

    is_used = False

    def send(self, request: Request) -> Response:
        try:
            response = super().send(request)
        except OutcomeUnknownError:
            if not self.is_used:
                raise
            response = super().send(request)
        self.is_used = True
        return response


class TakesHalfForWhole(Sound):
    def send(self, request: Request) -> Response:
        response = super().send(request)
        return copy_of(response, _what_came(response))


def _what_came(response: Response) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes()
    except OutcomeUnknownError:
        return


class HasTimesOfItsOwn(Sound):
    def send(self, request: Request) -> Response:
        return super().send(replace(request, timeout=Timeout(read=0.3, write=0.3)))


class HasPatience(Sound):
    def send(self, request: Request) -> Response:
        patient = Timeout(connect=1.0, read=1.0, write=1.0, pool=1.0)
        try:
            return super().send(replace(request, timeout=patient))
        except NotSentError as error:
            raise OutcomeUnknownError(error.message) from error


class TellsNoRequest(Sound):
    def send(self, request: Request) -> Response:
        try:
            return super().send(request)
        except OutcomeUnknownError as error:
            raise OutcomeUnknownError(error.message) from error


class Logs(Sound):
    def send(self, request: Request) -> Response:
        logging.getLogger("faulty").debug("GET %s", request.url)
        return super().send(request)


class QuotesUrls(Sound):
    def send(self, request: Request) -> Response:
        try:
            return super().send(request)
        except TildeError as error:
            raise type(error)(f"{request.url}: {error}") from error


class OpensAnew(Sound):
    def send(self, request: Request) -> Response:
        self.inner.close()
        self.inner = opened(self.settings)
        return super().send(request)


class Naive(Sound):
    """One connection for everybody."""

    connection: http.client.HTTPConnection | None = None

    def send(self, request: Request) -> Response:
        url = urlsplit(request.url)
        if self.connection is None:
            self.connection = http.client.HTTPConnection(url.hostname or "", url.port)
        assert isinstance(request.content, bytes)
        self.connection.request(request.method, url.path, request.content or None)
        answer = self.connection.getresponse()
        return Response(answer.status, answer.getheaders(), answer.read())

    def close(self) -> None:
        super().close()
        if self.connection is not None:
            self.connection.close()


class Leaks(Sound):
    """An answer that is closed keeps its connection."""

    def send(self, request: Request) -> Response:
        response = super().send(request)
        return Response(response.status, response.headers, response.iter_bytes(), close=lambda: None)


class ReadsToTheEnd(Sound):
    """An answer that is closed is read to its end, however far that is."""

    def send(self, request: Request) -> Response:
        response = super().send(request)
        pieces = response.iter_bytes()

        def close() -> None:
            deque(pieces, maxlen=0)

        return Response(response.status, response.headers, pieces, close=close)


class LosesConnections(Sound):
    """One for each failure."""

    lost = 0

    def send(self, request: Request) -> Response:
        if self.lost == self.settings.max_connections:
            raise NotSentError(f"{request.safe_url}: all connections are busy")
        try:
            return super().send(request)
        except OutcomeUnknownError:
            self.lost += 1
            raise


class IsUnbounded(Sound):
    def __init__(self, settings: TransportSettings) -> None:
        super().__init__(replace(settings, max_connections=100))


class CannotBePickled(Sound):
    def __init__(self, settings: TransportSettings) -> None:
        super().__init__(settings)
        self.lock = threading.Lock()


class IsOfOneProcess(Sound):
    home: int | None = None

    def __init__(self, settings: TransportSettings) -> None:
        super().__init__(settings)
        IsOfOneProcess.home = IsOfOneProcess.home or os.getpid()
        if IsOfOneProcess.home != os.getpid():
            raise ConfigurationError("this library knows one process only")


class ClosesOnce(Sound):
    is_closed = False

    def close(self) -> None:
        if self.is_closed:
            raise ConfigurationError("it is closed already")
        self.is_closed = True
        super().close()


class ReopensItself(Sound):
    def send(self, request: Request) -> Response:
        try:
            return super().send(request)
        except NotSentError as error:
            if "closed" not in error.message:
                raise
            self.inner = opened(self.settings)
            return super().send(request)


class LeavesReadersAlone(Sound):
    """Only the idle connections are closed."""

    def close(self) -> None:
        self.left, self.inner = self.inner, opened(self.settings)
        self.inner.close()


FAULTS: dict[type[Sound], tuple[str, ...]] = {
    KnowsNothing: ("test_refused_connection_was_not_sent", "test_failed_tls_handshake_was_not_sent"),
    KnowsTooMuch: (
        "test_no_answer_leaves_the_outcome_unknown[reset after request]",
        "test_no_answer_on_a_used_connection_leaves_the_outcome_unknown[reset]",
    ),
    NamesNoHost: ("test_unknown_host_was_not_sent",),
    HopesForBetterUrls: ("test_unusable_url_is_refused[ftp://127.0.0.1/]",),
    QuotesHeaders: ("test_unusable_header_is_refused[\\u20ac]",),
    RepeatsWhatFailed: (
        "test_hang_up_at_once_leaves_the_outcome_unknown",
        "test_reset_at_once_is_a_transport_error",
        "test_no_answer_leaves_the_outcome_unknown[hang up]",
    ),
    RepeatsOnUsedConnections: ("test_no_answer_on_a_used_connection_leaves_the_outcome_unknown[reset]",),
    TakesHalfForWhole: (
        "test_half_an_answer_leaves_the_outcome_unknown[short]",
        "test_half_an_answer_leaves_the_outcome_unknown[half a chunk]",
        "test_reset_in_the_body_leaves_the_outcome_unknown",
    ),
    HasTimesOfItsOwn: (
        "test_silence_times_out",
        "test_silence_in_the_body_times_out",
        "test_server_that_reads_nothing_times_out",
    ),
    HasPatience: ("test_stalled_tls_handshake_was_not_sent",),
    TellsNoRequest: ("test_error_says_which_request_it_was[send]",),
    Logs: ("test_no_log_shows_the_query",),
    QuotesUrls: (
        "test_no_error_shows_the_query[hang up]",
        "test_no_timeout_shows_the_query",
        "test_no_unsent_request_shows_the_query[ftp://127.0.0.1]",
    ),
    OpensAnew: ("test_connection_is_reused", "test_answer_without_body_needs_no_reading[GET-204]"),
    Naive: (
        "test_connection_closed_by_the_server_is_replaced",
        "test_threads_share_the_transport",
        "test_forked_process_does_not_share_connections",
    ),
    Leaks: ("test_closing_early_gives_the_connection_back",),
    ReadsToTheEnd: ("test_closing_early_gives_the_connection_back",),
    LosesConnections: ("test_failures_give_the_connection_back",),
    IsUnbounded: ("test_pool_is_bounded",),
    CannotBePickled: ("test_pickled_transport_opens_anew",),
    IsOfOneProcess: ("test_forked_process_can_open_its_own",),
    ClosesOnce: ("test_close_twice_and_send_no_more",),
    ReopensItself: ("test_close_twice_and_send_no_more",),
    LeavesReadersAlone: ("test_close_cuts_off_what_is_unread[head0]",),
}
