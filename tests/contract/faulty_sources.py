"""Sources of credentials, each with one fault, and the test of the contract that has to find it."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import ClassVar

import pytest

from tilde import Client
from tilde.plugins import (
    AccessToken,
    CredentialProvider,
    CredentialsError,
    CredentialSettings,
    RefreshableCredentials,
    Request,
    Response,
)
from tilde_core.testing import Behavior, LoopbackServer, behaviors
from tilde_core.testing.contract import CredentialContract, CredentialSource, Grant


def granted(grant: Grant) -> Behavior:
    body = {"access_token": grant.token, "expires_in": grant.expires_in}
    return behaviors.answer(200, json.dumps(body).encode())


class Sound:
    """A source without a fault, to be given some."""

    def __init__(self, settings: CredentialSettings) -> None:
        self.settings = settings
        self.url = settings.sandbox_credentials_uri or "http://127.0.0.1:9/"
        self.refreshable = RefreshableCredentials(settings, self.fetch)

    def token(self) -> str:
        return self.refreshable.token()

    def invalidate(self, token: str) -> bool:
        return self.refreshable.invalidate(token)

    def fetch(self) -> AccessToken:
        with self.settings.send(Request(method="POST", url=self.url)) as response:
            return self.read(response)

    def read(self, response: Response) -> AccessToken:
        try:
            body = json.loads(response.read()) if response.status == 200 else {}
            token, life = body["access_token"], body["expires_in"]
            assert token.isascii()
            assert len(token.split()) == 1
            assert token.isprintable()
        except (LookupError, TypeError, AttributeError, ValueError, AssertionError, RecursionError):
            body = token = None
        if token is None:
            raise CredentialsError("the issuer gave no token")
        now = datetime.fromtimestamp(self.settings.clock.wall(), timezone.utc)
        return AccessToken(token, now + timedelta(seconds=life))


class AlwaysAtHome(Sound):
    """Takes every machine for its own."""


class AsksWhenOpened(Sound):
    def __init__(self, settings: CredentialSettings) -> None:
        super().__init__(settings)
        self.token()


class KeepsNothing(Sound):
    def token(self) -> str:
        return self.fetch().token


class KeepsForEver(Sound):
    kept = ""

    def token(self) -> str:
        self.kept = self.kept or self.fetch().token
        return self.kept


class LocksNothing(Sound):
    def token(self) -> str:
        kept: str = getattr(self, "kept", "") or self.fetch().token
        self.kept = kept
        return kept


class ReadsTheWallOnly(Sound):
    kept: AccessToken | None = None
    lock = threading.Lock()

    def token(self) -> str:
        if self.kept is None or self.kept.expires_at.timestamp() < self.settings.clock.wall() + 60:
            self.kept = self.fetch()
        return self.kept.token


class UsesUpTheLastSecond(ReadsTheWallOnly):
    def token(self) -> str:
        if self.kept is None or self.kept.expires_at.timestamp() < self.settings.clock.wall():
            self.kept = self.fetch()
        return self.kept.token


class TakesNoRefusal(Sound):
    def invalidate(self, token: str) -> bool:
        return True


class TakesEveryRefusal(Sound):
    def invalidate(self, token: str) -> bool:
        return super().invalidate(self.token())


class TellsNobody(Sound):
    def __init__(self, settings: CredentialSettings) -> None:
        super().__init__(replace(settings, on_refresh=lambda expires_at: None))


class ShowsItsToken(KeepsForEver):
    def __repr__(self) -> str:
        return f"ShowsItsToken({self.kept})"


class LogsItsToken(Sound):
    def token(self) -> str:
        token = super().token()
        logging.getLogger("faulty").debug("a token: %s", token)
        return token


class RaisesWhatever(Sound):
    def read(self, response: Response) -> AccessToken:
        json.loads(response.read())
        return super().read(response)


class QuotesTheAnswer(Sound):
    def read(self, response: Response) -> AccessToken:
        if response.status != 200:
            raise CredentialsError(f"the issuer said {response.read()!r}")
        return super().read(response)


class KeepsTheAnswer(Sound):
    def read(self, response: Response) -> AccessToken:
        try:
            json.loads(body := response.read())
        except ValueError as error:
            raise CredentialsError("the issuer gave no token") from error
        return super().read(Response(response.status, response.headers, body))


class ClosesNothing(Sound):
    def fetch(self) -> AccessToken:
        return self.read(self.settings.send(Request(method="POST", url=self.url)))


class FollowsRedirects(Sound):
    def fetch(self) -> AccessToken:
        response = self.settings.send(Request(method="POST", url=self.url))
        if response.status == 307:
            response = self.settings.send(Request(method="POST", url=response.headers["Location"]))
        return self.read(response)


class NeverGivesUp(Sound):
    def fetch(self) -> AccessToken:
        for _ in range(9):
            response = self.settings.send(Request(method="POST", url=self.url))
        return self.read(response)


class UsesAClient(Sound):
    def fetch(self) -> AccessToken:
        Client("key").close()
        return super().fetch()


class NeverAtHome(Sound):
    """Takes no machine for its own."""


class TrimsTokens(Sound):
    def read(self, response: Response) -> AccessToken:
        token = super().read(response)
        return replace(token, token=token.token[:-1])


class TellsOneThread(KeepsNothing):
    asked = False

    def fetch(self) -> AccessToken:
        if self.asked:
            raise RuntimeError("it was asked already")
        self.asked = True
        return super().fetch()


class NeedsTheNextToken(Sound):
    kept: AccessToken | None = None
    share = 0.2

    def token(self) -> str:
        if self.kept is None or self.left() < self.share * 3600:
            self.kept = self.fetch()
        return self.kept.token

    def left(self) -> float:
        assert self.kept is not None
        return self.kept.expires_at.timestamp() - self.settings.clock.wall()


class ThrowsAwayHalf(NeedsTheNextToken):
    share = 0.6


class RemembersFailures(Sound):
    failure: CredentialsError | None = None

    def fetch(self) -> AccessToken:
        if self.failure is None:
            try:
                return super().fetch()
            except CredentialsError as error:
                self.failure = error
        raise self.failure


class LocksItsParentOut(Sound):
    def __init__(self, settings: CredentialSettings) -> None:
        super().__init__(settings)
        self.lock = threading.Lock()

    def token(self) -> str:
        assert self.lock.acquire(timeout=1), "most would wait for ever"
        try:
            return super().token()
        finally:
            self.lock.release()


class IsOfOneProcess(Sound):
    def __init__(self, settings: CredentialSettings) -> None:
        super().__init__(settings)
        self.process = os.getpid()

    def token(self) -> str:
        assert self.process == os.getpid()
        return super().token()


class SaysNothing(Sound):
    def invalidate(self, token: str) -> bool:
        return None  # type: ignore[return-value]


class FetchesForEachRefusal(KeepsForEver):
    lock = threading.Lock()

    def invalidate(self, token: str) -> bool:
        with self.lock:
            self.kept = self.fetch().token
        return True


class LeavesSomethingOpen(Sound):
    def fetch(self) -> AccessToken:
        socket.socket()
        return super().fetch()


class SharesItsToken(Sound):
    kept: ClassVar[list[str]] = []

    def token(self) -> str:
        if not self.kept:
            self.kept.append(self.fetch().token)
        return self.kept[0]


class GivesOutAnything(KeepsForEver):
    def read(self, response: Response) -> AccessToken:
        return AccessToken(json.loads(response.read())["access_token"], datetime.now(timezone.utc))


__all__ = ["FAULTS", "Sound", "contract_of"]

FAULTS: dict[type[Sound], tuple[str, ...]] = {
    AlwaysAtHome: ("test_elsewhere_it_is_not_mine",),
    AsksWhenOpened: ("test_opening_asks_nobody",),
    NeverAtHome: ("test_at_home_it_is_a_provider",),
    KeepsNothing: (
        "test_token_is_kept",
        "test_many_threads_share_a_token",
        "test_many_threads_share_the_next_token",
    ),
    TrimsTokens: ("test_token_is_the_issuers",),
    TellsOneThread: ("test_each_thread_gets_the_error",),
    NeedsTheNextToken: ("test_failure_does_not_spoil_a_good_token", "test_short_life_is_taken_into_account"),
    ThrowsAwayHalf: ("test_token_is_used_for_most_of_its_life",),
    RemembersFailures: ("test_failure_is_not_for_ever",),
    LocksItsParentOut: ("test_forked_process_fetches_for_itself",),
    IsOfOneProcess: ("test_forked_process_has_a_token",),
    SaysNothing: ("test_invalidate_answers_whether_to_ask_again",),
    FetchesForEachRefusal: ("test_many_refusals_of_one_token_are_one_fetch",),
    LeavesSomethingOpen: ("test_nothing_is_left_open",),
    SharesItsToken: ("test_two_providers_share_nothing",),
    GivesOutAnything: ("test_unusable_token_is_an_error[space]", "test_unusable_token_is_an_error[line break]"),
    KeepsForEver: ("test_expired_token_is_not_given_out",),
    LocksNothing: ("test_many_threads_wait_for_one_fetch",),
    ReadsTheWallOnly: (
        "test_clock_that_is_set_does_not_revive_a_token",
        "test_token_that_has_ended_is_an_error",
    ),
    UsesUpTheLastSecond: ("test_token_is_replaced_before_it_ends",),
    TakesNoRefusal: ("test_refused_token_is_replaced",),
    TakesEveryRefusal: ("test_old_refusal_does_not_spoil_the_new_token",),
    TellsNobody: ("test_observers_are_told",),
    ShowsItsToken: ("test_repr_shows_no_token",),
    LogsItsToken: ("test_token_can_be_sent",),
    RaisesWhatever: ("test_failure_is_an_error_of_ours[HTML]",),
    QuotesTheAnswer: ("test_failure_is_an_error_of_ours[403]",),
    KeepsTheAnswer: ("test_failure_is_an_error_of_ours[HTML]",),
    ClosesNothing: ("test_answers_are_closed[403]",),
    FollowsRedirects: ("test_redirect_is_not_followed",),
    NeverGivesUp: ("test_issuer_is_not_asked_without_end", "test_refusal_is_not_repeated"),
    UsesAClient: ("test_client_is_never_used",),
}


def contract_of(kind: type[Sound]) -> type[CredentialContract]:
    """The tests of that source."""

    def opened(settings: CredentialSettings) -> CredentialProvider | None:
        is_home = settings.sandbox_credentials_uri is not None or kind is AlwaysAtHome
        return kind(settings) if is_home and kind is not NeverAtHome else None

    class TestSource(CredentialContract):
        @pytest.fixture
        def source(self, server: LoopbackServer) -> CredentialSource:
            home = {"sandbox_credentials_uri": server.url("/token")}
            return CredentialSource(opened, lambda: home, granted)

    return TestSource
