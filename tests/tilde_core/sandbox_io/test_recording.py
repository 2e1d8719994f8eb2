"""What a command prints, and the time that there is to read it."""

from __future__ import annotations

import pytest

from support import FakeClock
from tilde_core.sandbox_io.recording import Recording, TimeIsOver


def test_time_is_over_however_much_there_is_to_read() -> None:
    clock = FakeClock()
    recording = Recording(clock.clock)
    recording.write("stdout", b"one")
    recording.write("stderr", b"two")
    events = recording.events(clock.now + 1)
    assert next(events) == ("stdout", b"one")
    clock.now += 1
    with pytest.raises(TimeIsOver):
        next(events)


def test_what_has_ended_in_time_is_read_to_its_end() -> None:
    clock = FakeClock()
    recording = Recording(clock.clock)
    recording.write("stderr", b"two")
    recording.end()
    deadline = clock.now + 1
    clock.now += 5
    assert list(recording.events(deadline)) == [("stderr", b"two")]
    recording.wait(deadline)
