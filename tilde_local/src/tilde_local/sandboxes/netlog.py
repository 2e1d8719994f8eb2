"""The network log: one line of JSON for each attempt to reach something from inside a sandbox."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tilde_local.sandboxes.logs import Log

__all__ = ["Entry", "NetworkLog"]


class Entry(msgspec.Struct):
    """One attempt. `url` has no query, `status` is None if there was no answer, `bytes` is the size of the answer."""

    method: str
    url: str
    host: str
    decision: str
    status: int | None
    bytes: int
    error: str = ""


class NetworkLog:
    """Writes entries to the log of a sandbox, with the time."""

    def __init__(self, log: Log, now: Callable[[], str]) -> None:
        self._log = log
        self._now = now

    def write(self, entry: Entry) -> None:
        """Add a line."""
        line = {"time": self._now(), **msgspec.structs.asdict(entry)}
        if not entry.error:
            del line["error"]
        self._log.append(msgspec.json.encode(line) + b"\n")
