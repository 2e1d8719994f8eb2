"""What several test modules use: a clock that does not wait, and a client on a fake transport."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Any

from tilde_core.client import Client
from tilde_core.clock import Clock
from tilde_core.http import Request, Response
from tilde_core.testing import FakeTransport

__all__ = ["INSTALLED_TRANSPORTS", "FakeClock", "answer", "fake_client"]

# Not by looking for the modules: the folders of their tests have the same names.
_DISTRIBUTIONS = {distribution.metadata["Name"] for distribution in metadata.distributions()}
INSTALLED_TRANSPORTS = [name for name in ("httpx", "requests") if f"tilde-transport-{name}" in _DISTRIBUTIONS]

Answers = Iterable[Response | Exception] | Callable[[Request], Response]


class FakeClock:
    """Time that passes only when somebody sleeps; `sleeps` has how long, in seconds. It is the year 2026."""

    EPOCH = 1_780_000_000.0

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.now, sleep=self.sleep, wall=lambda: self.EPOCH + self.now)


def answer(status: int, body: Any = None, **headers: str) -> Response:
    """A response with a JSON body; header names are given with underscores."""
    content = b"" if body is None else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def fake_client(answers: Answers, **options: Any) -> tuple[Client, FakeTransport, FakeClock]:
    """A client on a transport that answers from the list (or function), and on a clock that does not wait."""
    transport, clock = FakeTransport(answers), FakeClock()
    settings: dict[str, Any] = {"api_key": "tuk-test", "endpoint_url": "https://tilde.test", **options}
    return Client(transport=transport, clock=clock.clock, **settings), transport, clock
