"""Time for tests: it passes only when somebody says so."""

from __future__ import annotations

from datetime import datetime, timezone

from tilde_core.clock import Clock

__all__ = ["FakeClock"]


class FakeClock:
    """Time that passes only when somebody sleeps, or adds to `now`, in seconds. It is the year 2026.

    `sleeps` has how long each sleep was, in seconds. `clock` is what a client or the settings of a plugin take.
    """

    EPOCH = 1_780_000_000.0

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []
        self._set_back = 0.0

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass, at once."""
        self.sleeps.append(seconds)
        self.now += seconds

    @property
    def clock(self) -> Clock:
        """This time as a `Clock`."""
        return Clock(monotonic=lambda: self.now, sleep=self.sleep, wall=lambda: self._wall)

    def set_back(self, seconds: float) -> None:
        """Set the time of day back, as people can; what `clock.monotonic` says goes on."""
        self._set_back += seconds

    def time(self, seconds: float = 0.0) -> datetime:
        """Return the time of day in so many seconds."""
        return datetime.fromtimestamp(self._wall + seconds, timezone.utc)

    @property
    def _wall(self) -> float:
        return self.EPOCH + self.now - self._set_back
