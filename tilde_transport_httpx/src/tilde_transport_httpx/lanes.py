"""A bounded pool of connections, each for one request at a time.

The pool of httpcore is not used to share: when many threads ask at once, one thread may find the idle connection that
another was just given readable, take it for one that the server has hung up, and close it under the other's hands. So
each connection here is an `httpx.HTTPTransport` of its own, which only one thread at a time ever sees.
"""

from __future__ import annotations

import threading

import httpcore
import httpx

from tilde.plugins import Dialer, Route, TransportSettings
from tilde_transport_httpx.network import NO_CONTEXT, Network

__all__ = ["Lane", "Lanes"]


class _Backend(httpx.HTTPTransport):
    """An `httpx.HTTPTransport` with connections that the core opens; its own constructor would load certificates."""

    def __init__(self, network: Network, settings: TransportSettings) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=NO_CONTEXT,
            max_connections=1,
            max_keepalive_connections=1,
            keepalive_expiry=settings.keepalive_expiry,
            http2=settings.http2,
            network_backend=network,
        )


class Lane:
    """One connection: open or not, along `route` or wherever it is used next."""

    def __init__(self, settings: TransportSettings, dialer: Dialer, route: Route) -> None:
        self._network = Network(dialer, route)
        self.backend: httpx.HTTPTransport = _Backend(self._network, settings)

    @property
    def route(self) -> Route:
        """Where the connection leads, and through which proxy."""
        return self._network.route

    def turn_to(self, route: Route) -> None:
        """Lead along `route` from now on. A connection along another one is closed."""
        if route != self.route:
            self.backend.close()
            self._network.route = route


class Lanes:
    """At most `settings.max_connections` lanes, all hosts together."""

    def __init__(self, settings: TransportSettings) -> None:
        limit = settings.max_connections
        self._settings = settings
        self._dialer = Dialer(settings, ("http/1.1", "h2") if settings.http2 else ("http/1.1",))
        self._places = threading.Semaphore(limit)
        self._lock = threading.Lock()
        self._free: list[Lane] = []  # the one used last is at the end, and is taken first
        self._busy: set[Lane] = set()
        self._unmade = limit
        self._closed = False

    def route(self, origin: str, direct: bool) -> Route:
        """Return the way to `origin`."""
        return self._dialer.route(origin, direct=direct)

    def take(self, route: Route, timeout: float | None) -> Lane | None:
        """Return a lane for this thread alone, best one that is connected along `route`; `None` if all stay busy."""
        if not self._places.acquire(timeout=timeout):
            return None
        try:
            with self._lock:
                lane = self._choose(route)
                self._busy.add(lane)
        except BaseException:
            self._places.release()  # a place that is lost would be missing for good
            raise
        lane.turn_to(route)
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

    def _choose(self, route: Route) -> Lane:
        for index in range(len(self._free) - 1, -1, -1):
            if self._free[index].route == route:
                return self._free.pop(index)
        if self._unmade or not self._free:
            lane = Lane(self._settings, self._dialer, route)
            self._unmade -= 1
            return lane
        return self._free.pop(0)
