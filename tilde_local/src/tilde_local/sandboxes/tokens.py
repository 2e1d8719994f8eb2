"""Access tokens of sandboxes. They are kept in memory only, and die with the sandbox, or the server."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from tilde_local.clock import Clock

__all__ = ["PREFIX", "AccessToken", "Tokens"]

PREFIX = "tst-"


class AccessToken(NamedTuple):
    """A token, and when it expires."""

    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"AccessToken('***', {self.expires_at})"


class _Issued(NamedTuple):
    sandbox_id: str
    expires_at: datetime


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class Tokens:
    """Issues and checks tokens; any thread may. A token lives for `seconds`."""

    def __init__(self, clock: Clock, seconds: int) -> None:
        self._clock = clock
        self._life = timedelta(seconds=seconds)
        self._lock = threading.Lock()
        self._open: set[str] = set()
        self._issued: dict[bytes, _Issued] = {}

    def of(self, sandbox_id: str) -> Callable[[], AccessToken | None]:
        """From now on the sandbox gets tokens: from what is returned, a new one each time, until they are revoked."""
        with self._lock:
            self._open.add(sandbox_id)
        return lambda: self._issue(sandbox_id)

    def _issue(self, sandbox_id: str) -> AccessToken | None:
        issued = AccessToken(f"{PREFIX}{secrets.token_urlsafe(32)}", self._clock() + self._life)
        with self._lock:
            if sandbox_id not in self._open:
                return None
            now = self._clock()
            self._issued = {key: each for key, each in self._issued.items() if each.expires_at > now}
            self._issued[_digest(issued.token)] = _Issued(sandbox_id, issued.expires_at)
        return issued

    def find(self, token: str) -> str | None:
        """The id of the sandbox whose token this is; None if it is none, or has expired."""
        with self._lock:
            found = self._issued.get(_digest(token))
        return None if found is None or found.expires_at <= self._clock() else found.sandbox_id

    def revoke(self, sandbox_id: str) -> None:
        """All tokens of the sandbox are void, and it gets no more."""
        with self._lock:
            self._open.discard(sandbox_id)
            self._issued = {key: each for key, each in self._issued.items() if each.sandbox_id != sandbox_id}
