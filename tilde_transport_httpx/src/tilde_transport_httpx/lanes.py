"""A bounded pool of connections, each for one request at a time.

The pool of httpcore is not used to share: when many threads ask at once, one thread may find the idle connection that
another was just given readable, take it for one that the server has hung up, and close it under the other's hands. So
each connection here is an `httpx.HTTPTransport` of its own, which only one thread at a time ever sees.
"""

from __future__ import annotations

import ssl
import threading
from functools import lru_cache

import httpx

__all__ = ["Lane", "Lanes"]

_IDLE_SECONDS = 30.0  # below what load balancers allow, so that the server is rarely the one that hangs up


class Lane:
    """One connection: open or not, to `origin` or to wherever it is used next."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.origin = ""
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_IDLE_SECONDS)
        self.backend = httpx.HTTPTransport(verify=context, trust_env=False, limits=limits, retries=0)


class Lanes:
    """At most `limit` lanes, all hosts together."""

    def __init__(self, limit: int) -> None:
        self._context = _ssl_context()  # here, so that CA certificates that cannot be read are told when it is opened
        self._places = threading.Semaphore(limit)
        self._lock = threading.Lock()
        self._free: list[Lane] = []  # the one used last is at the end, and is taken first
        self._busy: set[Lane] = set()
        self._unmade = limit
        self._closed = False

    def take(self, origin: str, timeout: float | None) -> Lane | None:
        """Return a lane for this thread alone, best one that is connected to `origin`; `None` if all stay busy."""
        if not self._places.acquire(timeout=timeout):
            return None
        try:
            with self._lock:
                lane = self._choose(origin)
                self._busy.add(lane)
        except BaseException:
            self._places.release()  # a place that is lost would be missing for good
            raise
        lane.origin = origin
        return lane

    def give_back(self, lane: Lane) -> None:
        """Take the lane back from a thread that is done with it."""
        with self._lock:
            self._busy.discard(lane)
            is_kept = not self._closed
            if is_kept:
                self._free.append(lane)
        if not is_kept:
            lane.backend.close()
        self._places.release()

    def close(self) -> None:
        """Close every lane, also under the hands of who has one; it is closed once more when it is given back."""
        with self._lock:
            self._closed = True
            lanes, self._free = [*self._free, *self._busy], []
        for lane in lanes:
            lane.backend.close()

    def _choose(self, origin: str) -> Lane:
        for index in range(len(self._free) - 1, -1, -1):
            if self._free[index].origin == origin:
                return self._free.pop(index)
        if self._unmade or not self._free:
            lane = Lane(self._context)
            self._unmade -= 1
            return lane
        return self._free.pop(0)  # its connection to another host is closed for the new one


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    """Return the one context of this process: to load the CA certificates takes tens of milliseconds."""
    return httpx.create_ssl_context(trust_env=False)
