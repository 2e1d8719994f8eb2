"""Retry policies, each with one fault, and the test of the contract that has to find it."""

from __future__ import annotations

import select
import threading
import time
from contextlib import suppress
from time import sleep

from tilde.plugins import Attempt, RetryDecision, RetryPolicy, RetrySettings
from tilde_core.retry import DefaultRetryPolicy
from tilde_core.testing.contract import RetryContract

__all__ = ["FAULTS", "Sound", "contract_of"]


class Sound(DefaultRetryPolicy):
    """A policy without a fault, to be given some."""


class Endless(Sound):
    def decide(self, attempt: Attempt) -> RetryDecision:
        return RetryDecision(0.1) if attempt.repeatable and attempt.status == 503 else super().decide(attempt)


class Careless(Sound):
    def decide(self, attempt: Attempt) -> RetryDecision:
        return RetryDecision(0.1) if attempt.number == 1 and attempt.status == 500 else super().decide(attempt)


class Hopeful(Sound):
    def decide(self, attempt: Attempt) -> RetryDecision:
        return RetryDecision(0.1) if attempt.number == 1 and attempt.status == 404 else super().decide(attempt)


class Trusting(Sound):
    def decide(self, attempt: Attempt) -> RetryDecision:
        return RetryDecision(0.1) if attempt.number == 1 and attempt.error else super().decide(attempt)


class Impatient(Sound):
    def decide(self, attempt: Attempt) -> RetryDecision:
        decision = super().decide(attempt)
        return decision if decision.delay is None else RetryDecision(min(decision.delay, 1.0), decision.reason)


class Late(Sound):
    def decide(self, attempt: Attempt) -> RetryDecision:
        decision = super().decide(attempt)
        return decision if decision.delay is None else RetryDecision(decision.delay + 9, decision.reason)


class Negative(Sound):
    def decide(self, attempt: Attempt) -> RetryDecision:
        return RetryDecision(-1.0) if attempt.number == 3 else super().decide(attempt)


class Strict(Sound):
    def decide(self, attempt: Attempt) -> RetryDecision:
        float(attempt.headers.get("Retry-After", "0"))
        return super().decide(attempt)


class Sleepy(Sound):
    def decide(self, attempt: Attempt) -> RetryDecision:
        time.sleep(0.1)
        return super().decide(attempt)


class SleepyByAnotherName(Sound):
    def decide(self, attempt: Attempt) -> RetryDecision:
        sleep(0.1)
        return super().decide(attempt)


class WaitingForAnEvent(Sound):
    def decide(self, attempt: Attempt) -> RetryDecision:
        threading.Event().wait(0.1)
        return super().decide(attempt)


class WaitingForNothing(Sound):
    def decide(self, attempt: Attempt) -> RetryDecision:
        select.select([], [], [], 0.1)
        return super().decide(attempt)


class SleepyAndDiscreet(Sound):
    def decide(self, attempt: Attempt) -> RetryDecision:
        with suppress(Exception):
            sleep(0.1)
        return super().decide(attempt)


class Remembering(Sound):
    asked = 0

    def decide(self, attempt: Attempt) -> RetryDecision:
        self.asked += 1
        return RetryDecision(None) if self.asked > 9 else super().decide(attempt)


class Talkative(Sound):
    def decide(self, attempt: Attempt) -> RetryDecision:
        decision = super().decide(attempt)
        return RetryDecision(decision.delay, str(attempt.headers.multi_items()))


class DecidesNothing(Sound):
    decide = None  # type: ignore[assignment]


class KnowsNoErrors(Sound):
    def decide(self, attempt: Attempt) -> RetryDecision:
        assert attempt.status is not None
        return super().decide(attempt)


class WaitsForTheRest(Sound):
    def decide(self, attempt: Attempt) -> RetryDecision:
        return RetryDecision(9.0) if attempt.number == 1 and attempt.status == 503 else super().decide(attempt)


class IsOfOneThread(Sound):
    thread = 0

    def decide(self, attempt: Attempt) -> RetryDecision:
        self.thread = self.thread or threading.get_ident()
        assert self.thread == threading.get_ident()
        return super().decide(attempt)


FAULTS: dict[type[Sound], tuple[str, ...]] = {
    Endless: ("test_max_retries_is_a_limit[503-1]",),
    Careless: ("test_what_may_have_happened_is_not_repeated[500]",),
    Hopeful: ("test_refusal_is_not_repeated[404]",),
    Trusting: ("test_unknown_outcome_is_not_repeated", "test_what_is_permanent_is_not_repeated"),
    DecidesNothing: ("test_it_is_a_policy",),
    KnowsNoErrors: ("test_every_error_is_decided[NotSentError-True]",),
    WaitsForTheRest: ("test_retry_after_past_the_deadline_is_the_end",),
    IsOfOneThread: ("test_threads_share_it",),
    Impatient: ("test_retry_after_is_honoured[seconds-503]",),
    Late: ("test_deadline_is_a_limit[503]",),
    Negative: ("test_every_status_is_decided[503-True]",),
    Strict: ("test_odd_retry_after_does_no_harm[soon]",),
    Sleepy: ("test_it_does_not_wait",),
    SleepyByAnotherName: ("test_it_does_not_wait",),
    WaitingForAnEvent: ("test_it_does_not_wait",),
    WaitingForNothing: ("test_it_does_not_wait",),
    SleepyAndDiscreet: ("test_it_does_not_wait",),
    Remembering: ("test_it_remembers_nothing",),
    Talkative: ("test_no_reason_shows_a_secret",),
}


def contract_of(kind: type[Sound]) -> type[RetryContract]:
    """The tests of that policy."""

    class TestPolicy(RetryContract):
        def open_policy(self, settings: RetrySettings) -> RetryPolicy:
            return kind(settings)

    return TestPolicy
