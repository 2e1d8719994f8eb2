"""What several test modules use: which transports there are, a client on a fake one, and the one way to wait."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Any, TypeVar

from tilde.plugins import Event, hookimpl
from tilde_core.client import Client
from tilde_core.http import Request, Response
from tilde_core.testing import FakeClock, FakeTransport

__all__ = ["INSTALLED_TRANSPORTS", "OUR_TRANSPORTS", "FakeClock", "Observer", "answer", "eventually", "fake_client"]

# Not by looking for the modules: the folders of their tests have the same names.
_DISTRIBUTIONS = {distribution.metadata["Name"] for distribution in metadata.distributions()}
OUR_TRANSPORTS = [name for name in ("httpx", "requests") if f"tilde-transport-{name}" in _DISTRIBUTIONS]
_OF_OTHERS = [name for name in ("urllib3-example",) if f"tilde-transport-{name}" in _DISTRIBUTIONS]
INSTALLED_TRANSPORTS = [*OUR_TRANSPORTS, *_OF_OTHERS]

T = TypeVar("T")
Answers = Iterable[Response | Exception] | Callable[[Request], Response]


def answer(status: int, body: Any = None, **headers: str) -> Response:
    """A response with a JSON body; header names are given with underscores."""
    content = b"" if body is None else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def fake_client(answers: Answers, **options: Any) -> tuple[Client, FakeTransport, FakeClock]:
    """A client on a transport that answers from the list (or function), and on a clock that does not wait."""
    transport, clock = FakeTransport(answers), FakeClock()
    settings: dict[str, Any] = {"api_key": "tuk-test", "endpoint_url": "https://tilde.test", **options}
    return Client(transport=transport, clock=clock.clock, **settings), transport, clock


class Observer:
    """A plugin that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @hookimpl
    def tilde_event(self, event: Event) -> None:
        self.events.append(event)


def eventually(ask: Callable[[], T], within: float = 60.0) -> T:
    """Ask until the answer is true, and return it: for what another thread or process does without telling.

    `within` so many seconds, lest a test that fails hang; it says nothing of how fast anything is.
    """
    end = time.monotonic() + within
    while not (answered := ask()):
        assert time.monotonic() < end, f"it did not happen within {within:g} seconds"
        threading.Event().wait(0.005)
    return answered
