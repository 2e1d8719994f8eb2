"""Finds out who waits, without waiting and without a clock: by what is called meanwhile."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["nobody_waits"]

_BUILT_IN = ("sleep", "select", "poll", "waitpid")
_IN_PYTHON = (threading.Condition.wait.__code__, threading.Thread.join.__code__)


@contextmanager
def nobody_waits(reason: str) -> Iterator[None]:
    """Stop what would wait in this thread, by whatever name it was imported.

    Raises `AssertionError` at once, and at the end if somebody caught the first one.
    """
    waited: list[str] = []

    def look(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ in _BUILT_IN:
            waited.append(called.__name__)
        elif event == "call" and frame.f_code in _IN_PYTHON:
            waited.append(frame.f_code.co_name)
        else:
            return
        raise AssertionError(f"{reason} ({waited[-1]} was called)")

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(before)
    assert waited == [], reason
