"""Where time comes from, so that no test has to wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Clock"]


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the SDK sees it, in seconds; tests give their own, so that none of them waits.

    `monotonic` measures how long things take; `wall` is the time of day, in seconds since 1970, and may be set.
    """

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    wall: Callable[[], float] = time.time
