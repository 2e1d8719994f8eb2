"""What the rules for credentials share: the source under test, its issuer, and short-hands."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from tilde_core.hooks.offers import CredentialProvider, CredentialSettings
from tilde_core.testing.clock import FakeClock
from tilde_core.testing.contract.plain_send import plain_send
from tilde_core.testing.contract.rules import Rules
from tilde_core.testing.contract.secrecy import logged
from tilde_core.testing.exchange import Behavior, Exchange
from tilde_core.testing.loopback import LoopbackServer

__all__ = ["ISSUER", "LIFE", "SECRET", "CredentialRules", "CredentialSource", "Grant", "Issuer", "together"]

ISSUER = "/token"
LIFE = 3600.0
SECRET = "s3cret"  # in each token and each bad answer; it must show nowhere


@dataclass(frozen=True, slots=True)
class Grant:
    """A token as an issuer grants it: the text, how many seconds it is good for, and until when that is."""

    token: str
    expires_in: float
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CredentialSource:
    """What the rules have to know of the source under test.

    `open` is that of the offer. `enter` makes this process one that the source is for (with `monkeypatch`, say), and
    returns the fields of `CredentialSettings` that belong to that, such as an `api_key`; before it is called, the
    source is not at home. A source that asks an issuer asks `server.url("/token")` then, and `granted` says how that
    answers; it is `None` for a source that has one token for ever. `tries` is how often it may ask for one token.
    """

    open: Callable[[CredentialSettings], CredentialProvider | None]
    enter: Callable[[], Mapping[str, Any]]
    granted: Callable[[Grant], Behavior] | None = None
    tries: int = 3


class Issuer:
    """An issuer at `/token` of the loopback server: it grants one token after the other, each good for `life` seconds.

    `tokens` has what it granted, and `asked` is set when somebody asks. It waits for `gate` before it answers, and
    answers with `trouble` if that is set.
    """

    def __init__(self, server: LoopbackServer, clock: FakeClock, granted: Callable[[Grant], Behavior]) -> None:
        self._server = server
        self._clock = clock
        self._granted = granted
        self._lock = threading.Lock()
        self.life = LIFE
        self.tokens: list[str] = []
        self.trouble: Behavior | None = None
        self.asked = threading.Event()
        self.gate = server.gate()
        self.gate.set()
        server.script(ISSUER, self)

    @property
    def requests(self) -> int:
        """How often it was asked."""
        return sum(request.target.partition("?")[0] == ISSUER for request in self._server.requests)

    def grant(self, token: str, life: float) -> Behavior:
        """Return the answer that has this token."""
        return self._granted(Grant(token, life, self._clock.time(life)))

    def __call__(self, exchange: Exchange) -> None:
        """Answer a request."""
        exchange.read_body()
        self.asked.set()
        self.gate.wait()
        (self.trouble or self._next())(exchange)

    def _next(self) -> Behavior:
        with self._lock:
            self.tokens.append(f"token-{len(self.tokens) + 1}-{SECRET}")
            return self.grant(self.tokens[-1], self.life)


class CredentialRules(Rules):
    """Fixtures and short-hands."""

    defined_by_the_author = frozenset({"source"})

    @pytest.fixture
    def source(self) -> CredentialSource:
        """Describe the source under test. To be defined by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} must define the fixture source, a CredentialSource")

    @pytest.fixture
    def server(self) -> Iterator[LoopbackServer]:
        """Run a server for one test."""
        with LoopbackServer() as server:
            yield server

    @pytest.fixture
    def clock(self) -> FakeClock:
        """Make a time that passes only when a test says so."""
        return FakeClock()

    @pytest.fixture
    def told(self) -> list[datetime]:
        """Collect what the observers are told: the end of each token that was fetched."""
        return []

    @pytest.fixture
    def elsewhere(self, clock: FakeClock, told: list[datetime]) -> CredentialSettings:
        """Make settings for a source that is not at home."""
        return CredentialSettings(
            endpoint_url="https://tilde.invalid",
            api_key=None,
            send=plain_send,
            clock=clock.clock,
            on_refresh=told.append,
        )

    @pytest.fixture
    def at_home(self, source: CredentialSource, elsewhere: CredentialSettings) -> CredentialSettings:
        """Make this process the source's home, and settings for it."""
        return replace(elsewhere, **source.enter())

    @pytest.fixture
    def any_issuer(self, source: CredentialSource, server: LoopbackServer, clock: FakeClock) -> Issuer | None:
        """Make the server the issuer of a source that has one."""
        return Issuer(server, clock, source.granted) if source.granted else None

    @pytest.fixture
    def issuer(self, any_issuer: Issuer | None) -> Issuer:
        """Return the issuer. Skips the test for a source that has none."""
        if any_issuer is None:
            pytest.skip("this source has one token for ever, and asks nobody for it")
        return any_issuer

    @pytest.fixture
    def provider(
        self, source: CredentialSource, at_home: CredentialSettings, any_issuer: Issuer | None
    ) -> Iterator[CredentialProvider]:
        """Open the provider under test. What it does in the background is waited for in the end."""
        before = set(threading.enumerate())
        yield self.opened(source, at_home)
        self.settle(before)

    @pytest.fixture(autouse=True)
    def _no_token_is_logged(self, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        caplog.set_level(logging.DEBUG)
        yield
        assert SECRET not in logged(caplog)

    def opened(self, source: CredentialSource, settings: CredentialSettings) -> CredentialProvider:
        """Open the source where it is at home."""
        provider = source.open(settings)
        assert provider is not None, "the source says that it is not at home, after enter() was called"
        return provider

    def settle(self, before: set[threading.Thread]) -> None:
        """Wait for the end of the threads that were not there before. Those of the server are not meant."""
        for thread in set(threading.enumerate()) - before:
            if thread.name != "loopback-server":
                thread.join(self.guard)
                assert not thread.is_alive(), f"the thread {thread.name} goes on when everything is done"


def together(count: int, call: Callable[[], str], then: Callable[[], None] | None = None) -> list[str]:
    """Call it on so many threads at one time, do something else when all have begun, and return what they got."""
    start = threading.Barrier(count, then)

    def called(_: int) -> str:
        start.wait(30)
        return call()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(called, range(count)))
