"""Ending everything that descends from a process, however fast it forks."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

__all__ = ["kill_descendants"]


def kill_descendants(ancestor: int) -> None:
    """End all that has `ancestor` among its parents, but not itself.

    All are stopped first, until there is no new one: what is stopped cannot fork.
    """
    stopped: set[int] = set()
    while found := _descendants(ancestor) - stopped:
        for pid in found:
            _send(pid, signal.SIGSTOP)
        stopped |= found
    for pid in stopped:
        _send(pid, signal.SIGKILL)


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _descendants(ancestor: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:  # noqa: PTH208 - names are all it takes
        with contextlib.suppress(OSError):
            children.setdefault(_parent(pid), []).append(pid)
    found: set[int] = set()
    waiting = list(children.get(ancestor, ()))
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting += children.get(pid, ())
    return found


def _parent(pid: int) -> int:
    # The name, in parentheses, may have anything in it.
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return int(fields[1])
