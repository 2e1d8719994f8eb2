"""The retry decision."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilde_core.exceptions import NotSentError, OutcomeUnknownError, TransportError
from tilde_core.hooks.offers import Attempt, RetrySettings
from tilde_core.http import Headers
from tilde_core.retry import DefaultRetryPolicy
from tilde_core.retry_after import retry_after

POLICY = DefaultRetryPolicy(RetrySettings())


def attempt(
    status: int | None = None,
    *,
    number: int = 1,
    repeatable: bool = True,
    elapsed: float = 0.0,
    error: TransportError | None = None,
    wait: str = "",
) -> Attempt:
    headers = Headers({"Retry-After": wait} if wait else {})
    return Attempt(
        operation="x",
        number=number,
        elapsed=elapsed,
        repeatable=repeatable,
        status=status,
        headers=headers,
        error=error,
    )


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_faults_are_repeated(status: int) -> None:
    assert POLICY.decide(attempt(status)).delay is not None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 412, 423, 501, 505])
def test_other_statuses_are_not(status: int) -> None:
    assert POLICY.decide(attempt(status)).delay is None


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_what_may_have_happened_is_not_repeated_blindly(status: int) -> None:
    assert POLICY.decide(attempt(status, repeatable=False)).delay is None


def test_what_surely_did_not_happen_is_always_repeated() -> None:
    assert POLICY.decide(attempt(429, repeatable=False)).delay is not None
    assert POLICY.decide(attempt(error=NotSentError("x"), repeatable=False)).delay is not None


def test_an_unknown_outcome_is_repeated_only_where_a_duplicate_is_harmless() -> None:
    assert POLICY.decide(attempt(error=OutcomeUnknownError("x"), repeatable=True)).delay is not None
    assert POLICY.decide(attempt(error=OutcomeUnknownError("x"), repeatable=False)).delay is None
    assert POLICY.decide(attempt(error=TransportError("x"), repeatable=False)).delay is None


def test_at_most_four_attempts() -> None:
    assert [POLICY.decide(attempt(503, number=n)).delay is not None for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert POLICY.decide(attempt(503, number=4)).reason == "gave up after 4 attempts"


def test_max_retries_zero_means_once() -> None:
    assert DefaultRetryPolicy(RetrySettings(max_retries=0)).decide(attempt(503)).delay is None


@given(number=st.integers(1, 3), status=st.sampled_from([408, 429, 500, 502, 503, 504]))
def test_full_jitter_stays_within_its_bounds(number: int, status: int) -> None:
    delay = POLICY.decide(attempt(status, number=number)).delay
    base = 1.0 if status == 429 else 0.05
    assert delay is not None
    assert 0 <= delay <= min(20.0, base * 2 ** (number - 1))


@given(number=st.integers(1, 60))
def test_no_delay_is_over_20_seconds(number: int) -> None:
    policy = DefaultRetryPolicy(RetrySettings(max_retries=100, deadline=1e9))
    delay = policy.decide(attempt(429, number=number)).delay
    assert delay is not None
    assert 0 <= delay <= 20.0


def test_retry_after_in_seconds_is_honoured() -> None:
    assert POLICY.decide(attempt(503, wait="7")).delay == 7.0
    assert POLICY.decide(attempt(429, wait="120")).delay == 120.0


def test_retry_after_as_a_date_is_compared_with_the_answers_own_date() -> None:
    service_time = datetime(2031, 1, 1, tzinfo=timezone.utc)
    headers = Headers(
        {
            "Date": format_datetime(service_time, usegmt=True),
            "Retry-After": format_datetime(service_time + timedelta(seconds=42), usegmt=True),
        }
    )
    assert retry_after(headers) == 42.0


def test_retry_after_in_the_past_means_now() -> None:
    assert retry_after(Headers({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})) == 0.0


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "-5",
        "1e9",
        "²",
        "Wed, 99 Foo 2015",
        "Wed, 21 Oct 99999 07:28:00 GMT",
        "1 Jan 2026 00:00 +9999999999",
    ],
)
def test_an_unreadable_retry_after_is_not_there(value: str) -> None:
    assert retry_after(Headers({"Retry-After": value})) is None


def test_a_longer_retry_after_fails_at_once_with_the_figure() -> None:
    decision = POLICY.decide(attempt(429, wait="121"))
    assert decision.delay is None
    assert "121 s" in decision.reason


def test_nothing_starts_after_the_deadline() -> None:
    assert POLICY.decide(attempt(503, elapsed=119.0, wait="2")).delay is None
    assert POLICY.decide(attempt(503, elapsed=110.0, wait="2")).delay == 2.0
    assert POLICY.decide(attempt(503, elapsed=121.0)).reason == "gave up: past the deadline of 120 s"


def test_what_is_permanent_is_not_repeated() -> None:
    """A wrong password for a proxy, sent three times, may lock an account."""
    error = NotSentError("the proxy does not accept the password")
    assert POLICY.decide(attempt(error=error)).delay is not None
    error.is_permanent = True
    assert POLICY.decide(attempt(error=error)).delay is None
    assert pickle.loads(pickle.dumps(error)).is_permanent
