"""When tokens are fetched, by whom, and what becomes of a fetch that fails. No test waits: the clock is given."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

import pytest

from support import FakeClock, eventually
from tilde.exceptions import APIError, ConfigurationError, CredentialsError, NotSentError
from tilde.plugins import AccessToken, CredentialProvider, CredentialSettings, RefreshableCredentials, Response

HOUR = 3600.0


class Source:
    """Numbers its tokens, each good for `life` seconds; an exception in `trouble` is raised instead, one each."""

    def __init__(self, clock: FakeClock, life: float = HOUR) -> None:
        self.clock = clock
        self.life = life
        self.trouble: list[BaseException] = []
        self.times: list[float] = []
        self.began = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> AccessToken:
        self.times.append(self.clock.now)
        number = len(self.times)
        self.began.set()
        assert self.gate.wait(60)
        if self.trouble:
            raise self.trouble.pop(0)
        ends = self.clock.EPOCH + self.clock.now + self.life
        return AccessToken(f"token-{number}", datetime.fromtimestamp(ends, timezone.utc))


class Setup:
    """Credentials, their source, their clock, and the ends of the tokens that observers would be told of."""

    def __init__(self, life: float = HOUR) -> None:
        self.clock = FakeClock()
        self.source = Source(self.clock, life)
        self.told: list[datetime] = []
        self.credentials = RefreshableCredentials(self.settings(), self.source)

    def settings(self) -> CredentialSettings:
        return CredentialSettings(
            endpoint_url="https://tilde.test",
            api_key=None,
            send=lambda request: Response(500),
            clock=self.clock.clock,
            on_refresh=self.told.append,
        )

    def token(self) -> str:
        return self.credentials.token()

    @property
    def fetches(self) -> int:
        return len(self.source.times)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    settle()


def settle() -> None:
    """Wait for the end of what is fetched in the background."""
    for thread in threading.enumerate():
        if thread.name == "tilde-credentials":
            thread.join(60)
            assert not thread.is_alive()


def waiting(setup: Setup) -> int:
    """How many threads wait for the fetch that is on its way."""
    fetch = setup.credentials._on_its_way
    return len(fetch._condition._waiters) if fetch else 0  # type: ignore[attr-defined]


def test_it_is_a_provider_and_fetches_nothing_until_asked() -> None:
    setup = Setup()
    assert isinstance(setup.credentials, CredentialProvider)
    assert setup.fetches == 0
    assert setup.token() == "token-1"
    assert setup.credentials.current().expires_at == setup.told[0]
    assert setup.fetches == 1


def test_a_hundred_threads_share_one_fetch() -> None:
    setup = Setup()
    setup.source.gate.clear()
    with ThreadPoolExecutor(100) as pool:
        asked = [pool.submit(setup.token) for _ in range(100)]
        eventually(lambda: waiting(setup) == 99)
        setup.source.gate.set()
        assert {each.result() for each in asked} == {"token-1"}
    assert setup.fetches == 1


@pytest.mark.parametrize("error", [ConfigurationError("no"), KeyError("no")])
def test_those_who_wait_get_the_error_too(error: Exception) -> None:
    setup = Setup()
    setup.source.trouble = [error]
    setup.source.gate.clear()
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(setup.token) for _ in range(20)]
        eventually(lambda: waiting(setup) == 19)
        setup.source.gate.set()
        raised = [each.exception() for each in asked]
    assert {type(each) for each in raised} == {type(error)}
    if isinstance(error, ConfigurationError):
        assert len(set(map(id, raised))) == 20, "each has one of its own: the name of its operation goes into it"
    assert setup.fetches == 1
    assert setup.token() == "token-2"


@pytest.mark.parametrize(
    ("life", "early", "late"),
    [(HOUR, 300, 60), (24 * HOUR, 300, 60), (900, 180, 60), (600, 120, 60), (300, 60, 30), (60, 12, 6), (1, 0.2, 0.1)],
)
def test_a_token_is_renewed_early_in_the_background_and_late_while_callers_wait(
    life: float, early: float, late: float
) -> None:
    setup = Setup(life)
    assert setup.token() == "token-1"
    born = setup.clock.now
    setup.clock.now = born + life - early * 1.01
    assert (setup.token(), setup.fetches) == ("token-1", 1)
    setup.clock.now = born + life - late * 1.01
    setup.source.gate.clear()
    assert setup.token() == "token-1", "it does not wait"
    setup.source.gate.set()
    settle()
    assert (setup.token(), setup.fetches) == ("token-2", 2)
    setup.clock.now += life - late * 0.99
    assert (setup.token(), setup.fetches) == ("token-3", 3), "it waits"


def test_only_one_fetch_goes_on_in_the_background() -> None:
    setup = Setup()
    setup.token()
    setup.clock.now += HOUR - 200
    setup.source.gate.clear()
    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(lambda _: setup.token(), range(100))) == {"token-1"}
    assert sum(thread.name == "tilde-credentials" for thread in threading.enumerate()) == 1
    setup.source.gate.set()
    settle()
    assert (setup.token(), setup.fetches) == ("token-2", 2)


def test_late_callers_wait_for_the_fetch_in_the_background() -> None:
    setup = Setup()
    setup.token()
    setup.clock.now += HOUR - 200
    setup.source.gate.clear()
    setup.token()
    setup.clock.now += 190
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(setup.token)
        eventually(lambda: waiting(setup) == 1)
        setup.source.gate.set()
        assert asked.result() == "token-2"
    assert setup.fetches == 2


def test_a_failed_fetch_is_no_error_while_the_token_lives_and_is_put_off(caplog: pytest.LogCaptureFixture) -> None:
    setup = Setup()
    setup.token()
    setup.source.trouble = [CredentialsError("the vault is sealed")] * 1000
    start = setup.clock.now = setup.clock.now + HOUR - 300
    with caplog.at_level(logging.WARNING, logger="tilde"):
        for second in range(300):
            setup.clock.now = start + second
            assert setup.token() == "token-1"
            settle()
    assert [time - start for time in setup.source.times[1:]] == [0, 1, 3, 7, 15, *range(31, 300, 30)]
    assert "no new token; the one in use is good until 2026-" in caplog.text
    assert "the vault is sealed" in caplog.text


def test_a_fetch_that_succeeds_ends_the_patience(caplog: pytest.LogCaptureFixture) -> None:
    setup = Setup(600)
    setup.token()
    for _ in range(2):
        born = setup.clock.now
        setup.source.trouble = [CredentialsError("sealed")] * 3
        for second in (550, 551, 553, 557):
            setup.clock.now = born + second
            setup.token()
        assert [time - born for time in setup.source.times[-4:]] == [550, 551, 553, 557]
        setup.clock.now = setup.source.times[-1]


def test_a_failed_fetch_is_an_error_once_the_token_is_dead() -> None:
    setup = Setup()
    setup.token()
    setup.clock.now += HOUR
    setup.source.trouble = [CredentialsError("the vault is sealed")] * 2
    for _ in range(2):
        with pytest.raises(CredentialsError, match="the vault is sealed"):
            setup.token()
    assert setup.fetches == 3, "nothing is put off any more"
    assert setup.token() == "token-4"


def test_a_token_that_dies_while_the_next_is_fetched_is_not_used() -> None:
    setup = Setup()
    setup.token()
    setup.clock.now += HOUR - 30
    setup.source.trouble = [CredentialsError("the vault is sealed")]
    setup.source.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(setup.token)
        eventually(lambda: setup.fetches == 2)
        setup.clock.now += 31
        setup.source.gate.set()
        assert isinstance(asked.exception(), CredentialsError)


def test_what_others_raise_is_not_quoted_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    setup = Setup()
    setup.token()
    setup.clock.now += HOUR - 30
    setup.source.trouble = [OSError("https://vault/?token=tst-secret")]
    with caplog.at_level(logging.DEBUG):
        assert setup.token() == "token-1"
    assert "OSError" in caplog.text
    assert "tst-secret" not in caplog.text


def test_a_refused_token_is_dropped_if_it_is_in_use() -> None:
    setup = Setup()
    assert setup.credentials.invalidate("token-0")
    setup.token()
    assert setup.credentials.invalidate("token-0")
    assert (setup.token(), setup.fetches) == ("token-1", 1)
    assert setup.credentials.invalidate("token-1")
    assert setup.credentials.invalidate("token-1"), "another thread was refused too"
    assert (setup.token(), setup.fetches) == ("token-2", 2)


def test_a_refused_token_is_not_used_again_when_the_fetch_fails() -> None:
    setup = Setup()
    setup.token()
    setup.clock.now += HOUR - 30
    setup.source.trouble = [CredentialsError("sealed")]
    setup.source.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(setup.token)
        eventually(lambda: setup.fetches == 2)
        setup.credentials.invalidate("token-1")
        setup.source.gate.set()
        assert isinstance(asked.exception(), CredentialsError)


@pytest.mark.parametrize("error", [NotSentError("no way"), *(APIError("x", status_code=s) for s in (408, 429, 503))])
def test_what_may_pass_is_tried_three_times(error: Exception) -> None:
    setup = Setup()
    setup.source.trouble = [error] * 2
    assert setup.token() == "token-3"
    assert setup.clock.sleeps == [0.2, 0.5]
    setup.credentials.invalidate("token-3")
    setup.source.trouble = [error] * 3
    with pytest.raises(type(error)):
        setup.token()
    assert setup.fetches == 6


@pytest.mark.parametrize("error", [CredentialsError("no"), APIError("no", status_code=401), OSError("no")])
def test_what_does_not_pass_is_tried_once(error: Exception) -> None:
    setup = Setup()
    setup.source.trouble = [error]
    with pytest.raises(type(error)):
        setup.token()
    assert setup.clock.sleeps == []


def test_a_token_that_is_over_already_hints_at_the_clock() -> None:
    setup = Setup(life=-1)
    with pytest.raises(CredentialsError, match=r"ended at 2026-.*is the clock of this machine right"):
        setup.token()


def test_only_tokens_are_taken() -> None:
    fetch: Any = lambda: "token"  # noqa: E731
    with pytest.raises(TypeError, match="fetch must return an AccessToken, not str"):
        RefreshableCredentials(Setup().settings(), fetch).token()


def test_a_machine_that_slept_does_not_trust_an_old_token() -> None:
    """The monotonic clock stands still meanwhile."""
    setup = Setup()
    setup.token()
    setup.clock.EPOCH += HOUR
    assert setup.token() == "token-2"


def test_a_clock_that_is_set_back_does_not_prolong_a_token() -> None:
    setup = Setup()
    setup.token()
    setup.clock.EPOCH -= 10 * HOUR
    setup.clock.now += HOUR
    assert setup.token() == "token-2"


def test_an_interruption_is_for_one_thread_alone() -> None:
    setup = Setup()
    setup.source.trouble = [KeyboardInterrupt()]
    setup.source.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        interrupted = pool.submit(setup.token)
        assert setup.source.began.wait(60)
        other = pool.submit(setup.token)
        eventually(lambda: waiting(setup) == 1)
        setup.source.gate.set()
        assert isinstance(interrupted.exception(), KeyboardInterrupt)
        assert other.result() == "token-2"


def test_a_fetch_that_needs_its_own_token_is_told_so() -> None:
    def fetch() -> AccessToken:
        return credentials.current()

    credentials = RefreshableCredentials(Setup().settings(), fetch)
    with pytest.raises(RuntimeError, match="the very token that it is to fetch"):
        credentials.token()


def test_no_more_threads_is_a_failed_fetch(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    setup = Setup()
    setup.token()
    setup.clock.now += HOUR - 200
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        assert setup.token() == "token-1"
    assert "no new token" in caplog.text
    setup.clock.now += 150
    assert setup.token() == "token-2"


def test_the_thread_ends_with_the_fetch() -> None:
    setup = Setup()
    setup.token()
    before = set(threading.enumerate())
    setup.clock.now += HOUR - 200
    setup.token()
    settle()
    assert set(threading.enumerate()) <= before


def test_no_repr_shows_a_token() -> None:
    setup = Setup()
    assert repr(setup.credentials) == "RefreshableCredentials(no token yet)"
    setup.token()
    assert "token-1" not in repr(setup.credentials)
    assert "expires_at=" in repr(setup.credentials)
