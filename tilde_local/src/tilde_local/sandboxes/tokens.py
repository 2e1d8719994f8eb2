"""Access tokens of sandboxes. They are kept in memory only, and die with the sandbox, or the server."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from tilde_local.clock import Clock

__all__ = ["MOST_TOKENS", "PREFIX", "AccessToken", "Tokens"]

PREFIX = "tst-"
# Of one sandbox. A program that asks for a token for each of its requests gets far.
MOST_TOKENS = 1000


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
    """Issues and checks tokens; any thread may.

    A token lives for `seconds`, or until its sandbox has asked for so many that this is the oldest of too many.
    """

    def __init__(self, clock: Clock, seconds: int) -> None:
        self._clock = clock
        self._life = timedelta(seconds=seconds)
        self._lock = threading.Lock()
        # The tokens of each sandbox that gets some, in order.
        self._open: dict[str, deque[bytes]] = {}
        self._issued: dict[bytes, _Issued] = {}

    def of(self, sandbox_id: str) -> Callable[[], AccessToken | None]:
        """From now on the sandbox gets tokens: from what is returned, a new one each time, until they are revoked."""
        with self._lock:
            self._open.setdefault(sandbox_id, deque())
        return lambda: self._issue(sandbox_id)

    def _issue(self, sandbox_id: str) -> AccessToken | None:
        issued = AccessToken(f"{PREFIX}{secrets.token_urlsafe(32)}", self._clock() + self._life)
        with self._lock:
            own = self._open.get(sandbox_id)
            if own is None:
                return None
            if len(own) >= MOST_TOKENS:
                del self._issued[own.popleft()]
            own.append(_digest(issued.token))
            self._issued[own[-1]] = _Issued(sandbox_id, issued.expires_at)
        return issued

    def find(self, token: str) -> str | None:
        """The id of the sandbox whose token this is; None if it is none, or has expired."""
        with self._lock:
            found = self._issued.get(_digest(token))
        return None if found is None or found.expires_at <= self._clock() else found.sandbox_id

    def revoke(self, sandbox_id: str) -> None:
        """All tokens of the sandbox are void, and it gets no more."""
        with self._lock:
            for token in self._open.pop(sandbox_id, ()):
                del self._issued[token]
