"""Waiting for something that the service does in its own time, by asking again and again."""

from __future__ import annotations

from collections.abc import Callable

from tilde_core.clock import Clock
from tilde_core.exceptions import WaitTimeoutError

__all__ = ["POLL_INTERVAL", "checked_timeout", "wait_until"]

POLL_INTERVAL = 2.0


def wait_until(
    is_over: Callable[[], bool],
    clock: Clock,
    *,
    waited_for: str,
    timeout: float | None,
    operation: str,
    first_interval: float = POLL_INTERVAL,
) -> None:
    """Ask `is_over` every 2 seconds until it is; `timeout` is in seconds, and `None` waits without end.

    A `first_interval` below that grows by half each time. It is asked at least once, and once more at the end of the
    time. Raises `WaitTimeoutError`, whose message has `waited_for` ("the approval of session …"), and `ValueError` or
    `TypeError` for a `timeout` that is no time.
    """
    deadline = None if timeout is None else clock.monotonic() + checked_timeout(timeout)
    interval = first_interval
    while not is_over():
        left = interval if deadline is None else deadline - clock.monotonic()
        if left <= 0:
            raise _timed_out(waited_for, timeout or 0.0, operation)
        clock.sleep(min(left, interval))
        interval = min(interval * 1.5, POLL_INTERVAL)


def checked_timeout(timeout: float) -> float:
    """Return a number of seconds to wait. Raises `TypeError`, and `ValueError` below 0."""
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout must be a number of seconds, not {type(timeout).__name__}")
    if not timeout >= 0:  # also for NaN
        raise ValueError(f"timeout={timeout!r}: must be 0 or more seconds, or None to wait without end")
    return timeout


def _timed_out(waited_for: str, timeout: float, operation: str) -> WaitTimeoutError:
    error = WaitTimeoutError(f"waited {timeout:g} seconds for {waited_for}, in vain so far", operation=operation)
    error.timeout = timeout
    return error
