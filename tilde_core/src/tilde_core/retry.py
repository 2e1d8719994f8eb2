"""The retry decision: which attempt may be repeated, and when. Pure; the pipeline does the waiting."""

from __future__ import annotations

import tenacity

from tilde_core.exceptions import NotSentError
from tilde_core.hooks.offers import Attempt, RetryDecision, RetrySettings
from tilde_core.retry_after import retry_after

__all__ = ["MAX_RETRY_AFTER", "RETRYABLE_STATUSES", "DefaultRetryPolicy"]

RETRYABLE_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
MAX_RETRY_AFTER = 120.0
_MAX_DELAY = 20.0

# Full jitter (a random delay between 0 and the exponential bound): clients that failed together do not come back
# together.
_BACKOFF = tenacity.wait_random_exponential(multiplier=0.05, max=_MAX_DELAY)
_THROTTLED_BACKOFF = tenacity.wait_random_exponential(multiplier=1.0, max=_MAX_DELAY)


class DefaultRetryPolicy:
    """At most `max_retries` repeats within `deadline` seconds, by what is known of the attempt.

    `NotSentError` and 429 did not happen and may always be repeated. A time-out, a broken answer and 408, 500, 502,
    503, 504 may have happened: repeated only if a duplicate is harmless. `Retry-After` is honoured up to 120 seconds.
    What is permanent (a certificate, a proxy that refuses the password) is not repeated.
    """

    def __init__(self, settings: RetrySettings) -> None:
        self._settings = settings
        self._stop = tenacity.stop_after_attempt(settings.max_retries + 1)

    def decide(self, attempt: Attempt) -> RetryDecision:
        """Return what to do after `attempt`."""
        if not _may_be_repeated(attempt):
            return RetryDecision(None)
        state = _tenacity_state(attempt)
        if self._stop(state):
            return RetryDecision(None, f"gave up after {attempt.number} attempts" if attempt.number > 1 else "")
        asked = retry_after(attempt.headers)
        if asked is not None and asked > MAX_RETRY_AFTER:
            return RetryDecision(None, f"the service asks to wait {asked:.0f} s, more than {MAX_RETRY_AFTER:.0f} s")
        delay = asked if asked is not None else _backoff(attempt)(state)
        if attempt.elapsed + delay > self._settings.deadline:
            wish = f"the service asks to wait {asked:.0f} s, which is" if asked is not None else "gave up:"
            return RetryDecision(None, f"{wish} past the deadline of {self._settings.deadline:.0f} s")
        return RetryDecision(delay, _reason(attempt))


def _may_be_repeated(attempt: Attempt) -> bool:
    if attempt.error is not None and attempt.error.is_permanent:
        return False
    if attempt.error is not None:
        return attempt.repeatable or isinstance(attempt.error, NotSentError)
    if attempt.status == 429:  # refused before anything was done
        return True
    return attempt.repeatable and attempt.status in RETRYABLE_STATUSES


def _backoff(attempt: Attempt) -> tenacity.wait_random_exponential:
    return _THROTTLED_BACKOFF if attempt.status == 429 else _BACKOFF


def _tenacity_state(attempt: Attempt) -> tenacity.RetryCallState:
    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    state.attempt_number = attempt.number
    return state


def _reason(attempt: Attempt) -> str:
    return f"HTTP {attempt.status}" if attempt.error is None else type(attempt.error).__name__
