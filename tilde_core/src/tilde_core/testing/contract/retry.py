"""The contract of a retry policy: it decides, at once and for anybody, and repeats nothing that may do harm."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from tilde_core.exceptions import NotSentError, OutcomeUnknownError, TransportError
from tilde_core.hooks.offers import Attempt, RetryDecision, RetryPolicy, RetrySettings
from tilde_core.http import Headers
from tilde_core.testing.contract.rules import Rules
from tilde_core.testing.contract.waiting import nobody_waits

__all__ = ["RetryContract"]

SECRET = "s3cret"
URL = "https://tilde.test/o"
REFUSALS = [400, 401, 403, 404, 405, 409, 410, 412, 413, 422, 423, 501]
TROUBLES = [408, 429, 500, 502, 503, 504]
ERRORS = [NotSentError("refused", method="GET", url=URL), OutcomeUnknownError("reset", method="GET", url=URL)]
CAUSES: dict[str, dict[str, Any]] = {"503": {"status": 503}, "429": {"status": 429}, "not sent": {"error": ERRORS[0]}}
ODD = ["", "soon", "-5", "1e309", "nan", "9" * 400, "Thu, 99 Foo 2026 00:00:00 GMT", "\xb2"]


class RetryContract(Rules):
    """Every rule for a retry policy. A subclass defines `open_policy(settings)`, as its offer's `open` does."""

    defined_by_the_author = frozenset({"open_policy"})

    def open_policy(self, settings: RetrySettings) -> RetryPolicy:
        """Return the open policy under test. To be defined by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} must define open_policy(settings)")

    @pytest.fixture
    def policy(self) -> RetryPolicy:
        """Open the policy with the settings that most people have."""
        return self.open_policy(RetrySettings())

    def test_it_is_a_policy(self, policy: RetryPolicy) -> None:
        """With `decide(attempt)`."""
        assert isinstance(policy, RetryPolicy)

    @pytest.mark.parametrize("repeatable", [True, False])
    @pytest.mark.parametrize("status", [*TROUBLES, *REFUSALS, 300, 418, 499, 599])
    def test_every_status_is_decided(self, policy: RetryPolicy, status: int, repeatable: bool) -> None:
        """With a delay that can be waited for, or none; and with the reason as a text."""
        for number in (1, 2, 3, 4, 100):
            self.decide(policy, number=number, status=status, repeatable=repeatable)

    @pytest.mark.parametrize("repeatable", [True, False])
    @pytest.mark.parametrize("error", [*ERRORS, TransportError("other")], ids=lambda error: type(error).__name__)
    def test_every_error_is_decided(self, policy: RetryPolicy, error: TransportError, repeatable: bool) -> None:
        """Likewise."""
        for number in (1, 2, 3, 4, 100):
            self.decide(policy, number=number, error=error, repeatable=repeatable)

    @pytest.mark.parametrize("status", [status for status in TROUBLES if status != 429])
    def test_what_may_have_happened_is_not_repeated(self, policy: RetryPolicy, status: int) -> None:
        """Made twice, a commit is two. Only `repeatable` allows that, and 429, which refuses outright."""
        assert self.decide(policy, status=status, repeatable=False).delay is None

    def test_unknown_outcome_is_not_repeated(self, policy: RetryPolicy) -> None:
        """The answer was lost, and nobody knows what it said."""
        assert self.decide(policy, error=OutcomeUnknownError("reset"), repeatable=False).delay is None

    @pytest.mark.parametrize("status", REFUSALS)
    def test_refusal_is_not_repeated(self, policy: RetryPolicy, status: int) -> None:
        """The same request gets the same answer."""
        assert self.decide(policy, status=status).delay is None

    def test_what_is_permanent_is_not_repeated(self, policy: RetryPolicy) -> None:
        """`is_permanent` tells that no second try will help: a certificate, a proxy that wants to know who calls."""
        error = NotSentError("the proxy wants to know who is calling")
        error.is_permanent = True
        assert self.decide(policy, error=error).delay is None

    @pytest.mark.parametrize("max_retries", [0, 1, 5])
    @pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES.keys())
    def test_max_retries_is_a_limit(self, max_retries: int, cause: dict[str, Any]) -> None:
        """The first attempt is none of them."""
        policy = self.open_policy(RetrySettings(max_retries=max_retries))
        assert self.decide(policy, number=max_retries + 1, **cause).delay is None

    @pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES.keys())
    def test_deadline_is_a_limit(self, cause: dict[str, Any]) -> None:
        """No delay leads past it: who waits would only learn later what is known now."""
        policy = self.open_policy(RetrySettings(max_retries=50, deadline=10.0))
        for number in range(1, 20):
            for elapsed in (0.0, 5.0, 9.0, 9.999, 10.0, 11.0, 1000.0):
                delay = self.decide(policy, number=number, elapsed=elapsed, **cause).delay
                assert delay is None or elapsed + delay <= 10.0

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize("form", ["seconds", "date"])
    def test_retry_after_is_honoured(self, policy: RetryPolicy, status: int, form: str) -> None:
        """Who comes sooner is refused again, and makes it worse."""
        until = datetime.now(timezone.utc) + timedelta(seconds=61)
        value = "60" if form == "seconds" else format_datetime(until, usegmt=True)
        delay = self.decide(policy, status=status, headers=Headers({"Retry-After": value})).delay
        assert delay is None or delay >= 30  # some of it may be over before the policy reads the date

    def test_retry_after_past_the_deadline_is_the_end(self) -> None:
        """To wait for less would be of no use, and for that long is not allowed."""
        policy = self.open_policy(RetrySettings(deadline=10.0))
        assert self.decide(policy, status=503, headers=Headers({"retry-after": "11"})).delay is None

    @pytest.mark.parametrize("value", ODD)
    def test_odd_retry_after_does_no_harm(self, policy: RetryPolicy, value: str) -> None:
        """It comes from outside, and is what it is."""
        self.decide(policy, status=503, headers=Headers({"Retry-After": value}))

    def test_it_does_not_wait(self, policy: RetryPolicy) -> None:
        """Whoever asks does the waiting. Here `time.sleep`, `Event.wait`, `select` and the like are errors."""
        for number in (1, 2, 3):
            self.decide(policy, number=number, status=503, headers=Headers({"Retry-After": "30"}))

    def test_it_remembers_nothing(self, policy: RetryPolicy) -> None:
        """One policy serves every call of a client: what it says of one does not depend on another."""
        before = [self.decide(policy, number=number, status=503).delay is None for number in (1, 2, 3, 4)]
        for _ in range(50):
            self.decide(policy, number=4, status=503, elapsed=119.0)
            self.decide(policy, status=429)
        assert [self.decide(policy, number=number, status=503).delay is None for number in (1, 2, 3, 4)] == before

    def test_threads_share_it(self, policy: RetryPolicy) -> None:
        """Sixteen at one time."""
        with ThreadPoolExecutor(16) as threads:
            numbers = [1 + number % 4 for number in range(400)]
            given_up = list(threads.map(lambda n: self.decide(policy, number=n, status=503).delay is None, numbers))
        assert given_up == [self.decide(policy, number=number, status=503).delay is None for number in numbers]

    def test_no_reason_shows_a_secret(self, policy: RetryPolicy, caplog: pytest.LogCaptureFixture) -> None:
        """Reasons end up in logs and errors, and some headers are secrets."""
        caplog.set_level(0)
        headers = Headers({"Set-Cookie": SECRET, "Location": f"{URL}?sig={SECRET}", "WWW-Authenticate": SECRET})
        for status in (401, 429, 503):
            decision = self.decide(policy, status=status, headers=headers)
            assert SECRET not in repr(decision)
        assert SECRET not in repr(policy) + caplog.text

    def decide(self, policy: RetryPolicy, **fields: Any) -> RetryDecision:
        """Ask the policy of an attempt, the first one of something repeatable unless `fields` say else."""
        attempt = {"operation": "contract.test", "number": 1, "elapsed": 0.0, "repeatable": True, **fields}
        with nobody_waits("a retry policy does not wait itself: it answers with a delay"):
            decision = policy.decide(Attempt(**attempt))
        assert isinstance(decision, RetryDecision)
        assert isinstance(decision.reason, str)
        assert decision.delay is None or (decision.delay >= 0 and math.isfinite(decision.delay))
        return decision
