"""One request, one response, over urllib3."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from tilde.plugins import (
    NotSentError,
    Request,
    Response,
    SourceFailed,
    TransportSettings,
    check_forwarded,
    error_about,
)
from tilde_transport_urllib3_example.answers import Answers
from tilde_transport_urllib3_example.connections import Pools
from tilde_transport_urllib3_example.errors import ERRORS
from tilde_transport_urllib3_example.plugin import check

__all__ = ["Urllib3Transport"]


class Urllib3Transport:
    """A `Transport` over urllib3, with at most `settings.max_connections` requests under way at one time.

    A forked process gets connections of its own, and a pickled transport is opened anew with the same settings. Raises
    `ConfigurationError` for settings that urllib3 cannot follow.
    """

    def __init__(self, settings: TransportSettings | None = None) -> None:
        self._settings = settings or TransportSettings()
        check(self._settings)
        self._closed = False
        self._left_to_parent: list[object] = []
        self._open()

    def send(self, request: Request) -> Response:
        """Send `request` as it is and return the answer with its body unread. Raises `TransportError`."""
        if self._closed:
            raise error_about(request, NotSentError, "the client is closed")
        if self._process != os.getpid():
            # Forked: two processes on one socket would read each other's answers. The old pools are kept untouched, as
            # closing them may wait for a lock that another thread of the parent held.
            self._left_to_parent.append(self._pools)
            self._open()
        free = self._place(request)
        try:
            return self._exchange(request, free)
        except SourceFailed as failed:
            free()
            own = failed.error
        except BaseException:
            free()
            raise
        raise own  # out here, so that it leaves as it came and with nothing in its context

    def close(self) -> None:
        """Free every connection. May be called twice; `send` afterwards raises `NotSentError`."""
        self._closed = True
        self._pools.close()
        self._answers.close()

    def _open(self) -> None:
        self._pools = Pools(self._settings)
        self._answers = Answers()
        self._places = threading.Semaphore(self._settings.max_connections)
        self._process = os.getpid()

    def _place(self, request: Request) -> Callable[[], None]:
        """Wait for a free place, and return what frees it again, once."""
        if not self._places.acquire(timeout=request.timeout.pool):
            busy = f"all connections stayed busy for {request.timeout.pool} seconds: close or read answers sooner"
            raise error_about(request, NotSentError, busy)
        taken = [self._places]

        def free() -> None:
            while taken:
                taken.pop().release()

        return free

    def _exchange(self, request: Request, free: Callable[[], None]) -> Response:
        with ERRORS.guard(request):
            route, answer = self._pools.exchange(request)
        response = self._answers.response(request, answer, free)
        check_forwarded(request, route, response)
        return response

    def __repr__(self) -> str:
        return f"Urllib3Transport({self._settings!r})"

    def __reduce__(self) -> Any:
        return Urllib3Transport, (self._settings,)
