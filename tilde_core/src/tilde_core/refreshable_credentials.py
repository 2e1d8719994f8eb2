"""Credentials that expire: one fetch for all threads, early and in the background where possible."""

from __future__ import annotations

import copy
import math
import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any, Generic, TypeVar

from tilde_core.access_token import AccessToken
from tilde_core.clock import Clock
from tilde_core.exceptions import APIError, CredentialsError, TildeError, TransportError
from tilde_core.hooks.offers import CredentialSettings
from tilde_core.logs import logger

__all__ = ["RefreshableCredentials"]

_EARLY = 300.0  # seconds before its end in which a token is replaced in the background, at most
_LATE = 60.0  # seconds before its end in which callers wait for the next one, at most
_PAUSES = (0.2, 0.5)  # seconds between the tries of one fetch
_MAX_BACKOFF = 30.0  # seconds between fetches that failed while the token in use is good
_WORTH_REPEATING = frozenset({408, 429, 500, 502, 503, 504})

TokenT = TypeVar("TokenT", bound=AccessToken)


class _InUse(Generic[TokenT]):
    """A token, and how many seconds it has left.

    The stricter of two clocks counts: one stands still while the machine sleeps, and the other may be set back.
    """

    def __init__(self, token: TokenT, clock: Clock) -> None:
        self.token = token
        self._clock = clock
        self._expires_at = token.expires_at.timestamp()
        life = self._expires_at - clock.wall()
        self._ends = clock.monotonic() + life
        self._early = min(life / 5, _EARLY)
        self._late = min(self._early / 2, _LATE)

    @property
    def left(self) -> float:
        return min(self._ends - self._clock.monotonic(), self._expires_at - self._clock.wall())

    @property
    def is_fresh(self) -> bool:
        return self.left > self._early

    @property
    def can_wait(self) -> bool:
        """Whether it is good for so long that nobody need wait for the next one."""
        return self.left > self._late

    @property
    def is_alive(self) -> bool:
        return self.left > 0


class _Fetch(Future[TokenT]):
    """A fetch on its way: one thread makes it, any number may wait for its outcome."""

    thread: int | None = None


class RefreshableCredentials(Generic[TokenT]):
    """A `CredentialProvider` made of `fetch`, a function that returns an `AccessToken`. Used by many threads at once.

    Nothing is fetched before a token is asked for, and nothing while nobody asks. In the last fifth of its life, at
    most 5 minutes before its end, a token is replaced in the background and goes on being used; in the last minute (or
    the last half of that time, if that is less) callers wait for the next one. A fetch that fails is an error only
    when the token in use is dead; until then it is logged, and the next one put off for 1 second, then 2, 4 and so on
    up to 30.

    One fetch calls `fetch` up to three times, with short pauses: after a `TransportError`, and after an `APIError` that
    may pass (408, 429, 500, 502, 503, 504). It must not use the client whose credentials these are.
    """

    def __init__(self, settings: CredentialSettings, fetch: Callable[[], TokenT]) -> None:
        self._settings = settings
        self._fetch = fetch
        self._clock = settings.clock
        self._in_use: _InUse[TokenT] | None = None
        self._start()
        _instances.add(self)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._on_its_way: _Fetch[TokenT] | None = None
        self._failures = 0
        self._next_try = -math.inf

    def token(self) -> str:
        """Return a token that is valid now. Raises what `fetch` raises."""
        return self.current().token

    def current(self) -> TokenT:
        """Return what `fetch` returned last, or what it returns now if that is dead. Raises what `fetch` raises."""
        while True:
            in_use = self._in_use
            if in_use is not None and in_use.is_fresh:
                return in_use.token
            try:
                return self._renewed()
            except CancelledError:  # the thread that fetched was interrupted: one of those that wait takes over
                continue

    def invalidate(self, token: str) -> bool:
        """Drop `token`, which the service refused, if it is still in use. Return `True`: another may do."""
        with self._lock:
            if self._in_use is not None and self._in_use.token.token == token:
                self._in_use = None
        return True

    def _renewed(self) -> TokenT:
        with self._lock:
            in_use = self._in_use
            if in_use is not None and (in_use.is_fresh or self._is_put_off(in_use)):
                return in_use.token
            fetch, is_ours = self._join()
        if in_use is not None and in_use.can_wait:
            if is_ours:
                self._run_in_background(fetch)
            return in_use.token
        if is_ours:
            self._run(fetch)
        elif fetch.thread == threading.get_ident():
            raise RuntimeError("fetch asked for the very token that it is to fetch: it must not use the client")
        return self._outcome(fetch, in_use)

    def _is_put_off(self, in_use: _InUse[TokenT]) -> bool:
        return in_use.is_alive and self._clock.monotonic() < self._next_try

    def _join(self) -> tuple[_Fetch[TokenT], bool]:
        """Return the fetch that is on its way, or a new one that is ours to make. The lock must be held."""
        if self._on_its_way is not None:
            return self._on_its_way, False
        self._on_its_way = _Fetch()
        return self._on_its_way, True

    def _run_in_background(self, fetch: _Fetch[TokenT]) -> None:
        # A daemon, as the end of the process must not wait for it; it ends with the fetch.
        thread = threading.Thread(target=self._run, args=(fetch,), name="tilde-credentials", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # too many threads, or the process is ending
            self._fail(fetch, error)

    def _run(self, fetch: _Fetch[TokenT]) -> None:
        fetch.thread = threading.get_ident()
        try:
            in_use = _InUse(self._fetch_patiently(), self._clock)
        except Exception as error:  # noqa: BLE001 - whoever waits for it raises it
            self._fail(fetch, error)
        except BaseException:  # Ctrl-C is for this thread alone
            with self._lock:
                self._on_its_way = None
            fetch.cancel()
            raise
        else:
            self._succeed(fetch, in_use)

    def _succeed(self, fetch: _Fetch[TokenT], in_use: _InUse[TokenT]) -> None:
        with self._lock:
            self._in_use, self._on_its_way = in_use, None
            self._failures, self._next_try = 0, -math.inf
        fetch.set_result(in_use.token)
        self._settings.on_refresh(in_use.token.expires_at)

    def _fail(self, fetch: _Fetch[TokenT], error: Exception) -> None:
        with self._lock:
            in_use, self._on_its_way = self._in_use, None
            self._next_try = self._clock.monotonic() + min(2.0**self._failures, _MAX_BACKOFF)
            self._failures = min(self._failures + 1, 5)
        if in_use is not None and in_use.is_alive:
            until = in_use.token.expires_at.isoformat()
            logger.warning("no new token; the one in use is good until %s: %s", until, _described(error))
        fetch.set_exception(error)

    def _outcome(self, fetch: _Fetch[TokenT], in_use: _InUse[TokenT] | None) -> TokenT:
        error = fetch.exception()  # waits
        if error is None:
            return fetch.result()
        if in_use is not None and in_use is self._in_use and in_use.is_alive:
            return in_use.token
        if isinstance(error, TildeError):
            # Each caller gets one of its own: the name of its operation goes into it.
            raise copy.copy(error) from error
        raise error

    def _fetch_patiently(self) -> TokenT:
        for pause in _PAUSES:
            try:
                return self._fetch_once()
            except (TransportError, APIError) as error:
                if isinstance(error, APIError) and error.status_code not in _WORTH_REPEATING:
                    raise
            self._clock.sleep(pause)
        return self._fetch_once()

    def _fetch_once(self) -> TokenT:
        fetched = self._fetch()
        if not isinstance(fetched, AccessToken):
            raise TypeError(f"fetch must return an AccessToken, not {type(fetched).__name__}")
        if fetched.expires_at.timestamp() <= self._clock.wall():
            raise CredentialsError(
                f"the token that was just fetched ended at {fetched.expires_at.isoformat()}: is the clock of this "
                "machine right?"
            )
        return fetched

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._in_use.token if self._in_use else 'no token yet'})"


def _described(error: Exception) -> str:
    """Ours show no secret; of any other error, nobody knows."""
    return str(error) if isinstance(error, TildeError) else type(error).__name__


_instances: weakref.WeakSet[RefreshableCredentials[Any]] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    """The thread that held the lock, or fetched, is not in the child. The token in use is as good here as there."""
    for credentials in list(_instances):
        credentials._start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
