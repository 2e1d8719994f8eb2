"""`Client(api_key=function)`: when the function is called, what it may return, and what is told of its failures."""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest

import tilde
from support import FakeClock, answer, fake_client
from tilde import Client
from tilde.exceptions import AuthenticationError, ConfigurationError, CredentialsError, NotSentError, PluginError
from tilde.plugins import AccessToken, CredentialsRefreshed, Event, Request, Response, hookimpl
from tilde_core.testing import FakeTransport

ORG = {"id": "1", "name": "my-team"}
SECRET = "tuk-s3cret"


def organization(request: Request) -> Response:
    return answer(200, ORG)


def sent(transport: FakeTransport) -> list[str]:
    return [request.headers["Authorization"].removeprefix("Bearer ") for request in transport.requests]


def at_top_level() -> str:
    return "tuk-of-a-module"


class Numbered:
    """Gives tokens that are numbered: texts, or good for so many seconds."""

    def __init__(self, seconds: float | None = None) -> None:
        self.count = 0
        self.seconds = seconds
        self.now: Callable[[], float] = lambda: FakeClock.EPOCH + 1000.0

    def __call__(self) -> str | AccessToken:
        self.count += 1
        text = f"{SECRET}-{self.count}"
        if self.seconds is None:
            return text
        return AccessToken(text, datetime.fromtimestamp(self.now(), timezone.utc) + timedelta(seconds=self.seconds))


def test_it_is_not_called_before_a_token_is_needed() -> None:
    function = Numbered()
    client, transport, _ = fake_client(organization, api_key=function)
    client.repository("a/b")
    assert function.count == 0
    client.organizations.get("x")
    assert (function.count, sent(transport)) == (1, [f"{SECRET}-1"])


def test_a_text_is_asked_for_at_each_request() -> None:
    client, transport, _ = fake_client(organization, api_key=Numbered())
    client.organizations.get("x")
    client.organizations.get("x")
    assert sent(transport) == [f"{SECRET}-1", f"{SECRET}-2"]
    assert client.access_token() is None


def test_a_token_with_an_end_is_kept_until_it_is_near() -> None:
    function = Numbered(seconds=1000)
    client, transport, clock = fake_client(organization, api_key=function)
    function.now = clock.clock.wall
    client.organizations.get("x")
    client.organizations.get("x")
    clock.now += 990
    client.organizations.get("x")
    assert sent(transport) == [f"{SECRET}-1", f"{SECRET}-1", f"{SECRET}-2"]
    token = client.access_token()
    assert token is not None
    assert token.token == f"{SECRET}-2"


def test_observers_are_told_of_the_tokens_that_end() -> None:
    seen: list[Event] = []

    class Observer:
        @hookimpl
        def tilde_event(self, event: Event) -> None:
            seen.append(event)

    client, _, _ = fake_client(organization, api_key=Numbered(seconds=1000), plugins=[Observer()])
    client.organizations.get("x")
    assert [event.credentials for event in seen if isinstance(event, CredentialsRefreshed)] == ["function"]
    assert SECRET not in repr(seen)


@pytest.mark.parametrize("seconds", [None, 1000])
def test_a_refusal_asks_once_more(seconds: float | None) -> None:
    client, transport, _ = fake_client([answer(401), answer(200, ORG)], api_key=Numbered(seconds))
    assert client.organizations.get("x").name == "my-team"
    assert sent(transport) == [f"{SECRET}-1", f"{SECRET}-2"]


@pytest.mark.parametrize("seconds", [None, 1000])
def test_a_second_refusal_is_final(seconds: float | None) -> None:
    function = Numbered(seconds)
    client, transport, _ = fake_client(lambda request: answer(401), api_key=function)
    with pytest.raises(AuthenticationError):
        client.organizations.get("x")
    assert (function.count, len(transport.requests)) == (2, 2)


def test_one_call_serves_the_threads_that_wait_for_it() -> None:
    called, go_on = threading.Event(), threading.Event()
    calls: list[int] = []

    def function() -> AccessToken:
        calls.append(threading.get_ident())
        called.set()
        assert go_on.wait(60)
        return AccessToken(SECRET, datetime(2036, 1, 1, tzinfo=timezone.utc))

    client, transport, _ = fake_client(organization, api_key=function)
    threads = [threading.Thread(target=lambda: client.organizations.get("x")) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert called.wait(60)
    go_on.set()
    for thread in threads:
        thread.join()
    assert (len(calls), sent(transport)) == (1, [SECRET] * 8)


class TestOrder:
    def test_it_leaves_no_place_for_another_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TILDE_API_KEY", "tuk-env")
        client, transport, _ = fake_client(organization, api_key=lambda: SECRET)
        client.organizations.get("x")
        assert sent(transport) == [SECRET]
        assert client.config.api_key.value is None
        assert client.config.api_key.source == client.config.api_key_function.source == "argument api_key"

    def test_it_comes_before_every_detection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TILDE_SANDBOX_CREDENTIALS_URI", "http://127.0.0.1:1/none")
        client, transport, _ = fake_client(organization, api_key=lambda: SECRET)
        client.organizations.get("x")
        assert sent(transport) == [SECRET]

    def test_configure_takes_it_too(self) -> None:
        transport = FakeTransport(organization)
        tilde.configure(lambda: SECRET, transport=transport)
        tilde.organizations.get("x")
        assert sent(transport) == [SECRET]


class TestErrors:
    @pytest.mark.parametrize("given", [5, b"tuk-1", ["tuk-1"]])
    def test_what_is_neither_text_nor_function(self, given: Any) -> None:
        with pytest.raises(ConfigurationError, match=f"a function that returns .*, not {type(given).__name__}"):
            Client(api_key=given)

    def test_an_async_function_is_refused_at_once(self) -> None:
        async def function() -> str:
            return SECRET

        with pytest.raises(ConfigurationError, match="nobody would await"):
            Client(api_key=function)  # type: ignore[arg-type]

    @pytest.mark.parametrize("given", [None, 5, b"tuk-1"])
    def test_what_is_returned_must_be_a_token(self, given: Any) -> None:
        client, transport, _ = fake_client([], api_key=lambda: given)
        with pytest.raises(CredentialsError, match=f"given as api_key returned {type(given).__name__}; it must"):
            client.organizations.get("x")
        assert transport.requests == []

    @pytest.mark.parametrize("with_end", [False, True])
    @pytest.mark.parametrize("token", ["", f"{SECRET}\n", f"{SECRET} {SECRET}", f"{SECRET}é"])
    def test_tokens_that_no_header_can_carry_are_refused_unprinted(self, token: str, with_end: bool) -> None:
        given = AccessToken(token, datetime(2036, 1, 1, tzinfo=timezone.utc)) if with_end else token
        client, transport, _ = fake_client([], api_key=lambda: given)
        with pytest.raises(CredentialsError, match=r"cannot be sent: .* Then strip\(\) it") as caught:
            client.organizations.get("x")
        assert SECRET not in str(caught.value) + repr(caught.value)
        assert transport.requests == []

    def test_a_token_that_is_over_already(self) -> None:
        client, _, _ = fake_client([], api_key=Numbered(seconds=-1))
        with pytest.raises(CredentialsError, match="is the clock of this machine right"):
            client.organizations.get("x")

    def test_a_function_that_fails_is_named(self) -> None:
        def function() -> str:
            raise OSError("the vault is sealed")

        client, transport, _ = fake_client([], api_key=function)
        with pytest.raises(CredentialsError, match="given as api_key failed: OSError: the vault is sealed") as caught:
            client.organizations.get("x")
        assert isinstance(caught.value.__cause__, (OSError, CredentialsError))
        assert caught.value.operation == "organizations.get"
        assert transport.requests == []

    def test_a_failure_of_the_network_is_tried_again(self) -> None:
        outcomes: list[str | Exception] = [NotSentError("no route"), SECRET]

        def function() -> str:
            outcome = outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        client, transport, _ = fake_client(organization, api_key=function)
        client.organizations.get("x")
        assert sent(transport) == [SECRET]

    def test_a_function_that_uses_the_client_would_wait_for_itself(self) -> None:
        clients: list[Client] = []

        def function() -> str:
            return clients[0].organizations.get("x").name

        client, transport, _ = fake_client([], api_key=function)
        clients.append(client)
        with pytest.raises(PluginError, match=r"function-credentials .* must not use the client"):
            client.organizations.get("x")
        assert transport.requests == []


def test_nothing_shows_the_token(caplog: pytest.LogCaptureFixture) -> None:
    function = partial(str, SECRET)  # its repr has the token
    client, _, _ = fake_client([answer(401), answer(200, ORG)], api_key=function)
    with caplog.at_level(logging.DEBUG):
        client.organizations.get("x")
    shown = repr(client) + repr(client.config) + repr(client.config.api_key_function) + caplog.text
    assert SECRET not in shown + repr(client._runtime._settings())


def test_a_client_pickles_if_its_function_does() -> None:
    copy = pickle.loads(pickle.dumps(Client(api_key=at_top_level)))
    assert copy.config.api_key_function.value is at_top_level
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(Client(api_key=lambda: SECRET))


def test_it_is_a_plugin_like_any_other() -> None:
    (info,) = [info for info in Client().describe_plugins() if info.name == "function-credentials"]
    assert (info.distribution, info.hooks, info.status) == ("tilde-core", ("tilde_credentials",), "active")
