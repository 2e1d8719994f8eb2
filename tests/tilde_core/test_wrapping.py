"""Wrappers of `tilde_send` and observers: what they see, what they may answer, and who is told when one fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from support import Observer, answer, fake_client
from tilde.exceptions import PluginError, ServerError
from tilde.plugins import (
    Event,
    Request,
    RequestFinished,
    RequestStarted,
    Response,
    RetryScheduled,
    Transport,
    hookimpl,
)
from tilde_core.hooks.layer import HookLayer
from tilde_core.testing import FakeTransport

ORG = {"id": "1", "name": "my-team"}


class Wrapper:
    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    @hookimpl(wrapper=True)
    def tilde_send(self, request: Request) -> Iterator[None]:
        self.seen.append((request.operation, request.attempt))
        response = yield
        return response


class Cache:
    @hookimpl
    def tilde_send(self, request: Request) -> Response | None:
        return answer(200, ORG) if request.method == "GET" else None


class Wrong:
    @hookimpl
    def tilde_send(self, request: Request) -> Any:
        return "a response"


class BrokenObserver:
    @hookimpl
    def tilde_event(self, event: Event) -> None:
        raise RuntimeError("observer is broken")


def test_wrappers_see_every_attempt() -> None:
    wrapper = Wrapper()
    client, _, _ = fake_client([answer(503), answer(200, ORG)], plugins=[wrapper])
    client.organizations.get("x")
    assert wrapper.seen == [("organizations.get", 1), ("organizations.get", 2)]


def test_a_plugin_may_answer_in_place_of_the_transport() -> None:
    client, transport, _ = fake_client([], plugins=[Cache()])
    assert client.organizations.get("x").name == "my-team"
    assert transport.requests == []


def test_a_wrong_answer_to_send_names_who_was_asked() -> None:
    client, _, _ = fake_client([], plugins=[Wrong()])
    with pytest.raises(PluginError, match=r"tilde_send answered str instead of a Response; asked were .*Wrong \(given"):
        client.organizations.get("x")


class Fails:
    @hookimpl
    def tilde_send(self, request: Request) -> Response | None:
        raise ValueError("boom")


class FailsBehind(Wrapper):
    @hookimpl(wrapper=True)
    def tilde_send(self, request: Request) -> Iterator[None]:
        try:
            return (yield)
        except OSError as error:
            raise ValueError("boom") from error


class YieldsTwice(Wrapper):
    @hookimpl(wrapper=True)
    def tilde_send(self, request: Request) -> Iterator[None]:
        yield
        return (yield)


class Unreadable:
    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[bytes]:
        raise OSError(5, "the file cannot be read")


class Reading(FakeTransport):
    def send(self, request: Request) -> Response:
        list(request.content)
        return super().send(request)


class SendsItself:
    @hookimpl
    def tilde_send(self, request: Request, transport: Transport) -> Response:
        return transport.send(request)


FAILED = r"plugin Fails \(given to the client\) failed in tilde_send: ValueError: boom; correct it$"
TWICE = r"tilde_send failed: RuntimeError: .* yield; asked were .*YieldsTwice \(given .*TILDE_DISABLE_PLUGINS="


@pytest.mark.parametrize(("plugin", "message"), [(Fails, FAILED), (YieldsTwice, TWICE)])
def test_a_wrapper_that_fails_is_named(plugin: type[Any], message: str) -> None:
    client, _, _ = fake_client([answer(200, ORG)], plugins=[Wrapper(), plugin(), Wrapper()])
    with pytest.raises(PluginError, match=message) as caught:
        client.organizations.get("x")
    assert isinstance(caught.value.__cause__, (ValueError, RuntimeError))


@pytest.mark.parametrize("plugin", [Wrapper, SendsItself])
def test_an_error_of_the_body_is_no_fault_of_a_wrapper(plugin: type[Any]) -> None:
    """It is the caller's own, and leaves as it came."""
    layer = HookLayer([plugin()])
    with pytest.raises(OSError, match="the file cannot be read"):
        layer.send(Request(method="PUT", url="http://tilde.test/", content=Unreadable()), Reading([]))


def test_what_a_wrapper_makes_of_it_is() -> None:
    layer = HookLayer([FailsBehind()])
    with pytest.raises(
        PluginError, match=r"plugin FailsBehind \(given to the client\) failed in tilde_send: ValueError: boom"
    ):
        layer.send(Request(method="PUT", url="http://tilde.test/", content=Unreadable()), Reading([]))


def test_observers_are_told_and_secrets_are_not() -> None:
    observer = Observer()
    client, _, _ = fake_client([answer(503), answer(200, {"results": []})], plugins=[observer])
    list(client.repository("a/b").commits.list())
    kinds = [type(event) for event in observer.events]
    assert kinds == [RequestStarted, RequestFinished, RetryScheduled, RequestStarted, RequestFinished]
    last = observer.events[-1]
    assert isinstance(last, RequestFinished)
    assert (last.operation, last.method, last.attempt, last.status, last.error) == ("commits.list", "GET", 2, 200, None)
    assert last.url == "https://tilde.test/api/v1/organizations/a/repositories/b/log"
    assert "tuk-test" not in repr(observer.events)


def test_an_observer_is_told_of_errors_too() -> None:
    observer = Observer()
    error = ServerError("x")
    client, _, _ = fake_client([error], plugins=[observer])
    with pytest.raises(ServerError):
        client.organizations.get("x")
    assert isinstance(observer.events[-1], RequestFinished)
    assert observer.events[-1].error is error


def test_a_broken_observer_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    observer = Observer()
    client, _, _ = fake_client([answer(200, ORG)], plugins=[BrokenObserver(), observer])
    with caplog.at_level(logging.ERROR, logger="tilde"):
        client.organizations.get("x")
    assert "plugin BrokenObserver (given to the client) failed in tilde_event; correct it" in caplog.text
    assert len(observer.events) == 2


def test_plugins_are_for_one_client_alone() -> None:
    wrapper = Wrapper()
    fake_client([answer(200, ORG)], plugins=[wrapper])
    client, _, _ = fake_client([answer(200, ORG)])
    client.organizations.get("x")
    assert wrapper.seen == []


def test_two_objects_of_one_class_are_two_plugins() -> None:
    one, two = Observer(), Observer()
    client, _, _ = fake_client([answer(200, ORG)], plugins=[one, two])
    client.organizations.get("x")
    assert len(one.events) == len(two.events) == 2


def test_a_plugin_object_can_be_disabled_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILDE_DISABLE_PLUGINS", "Cache")
    client, transport, _ = fake_client([answer(200, ORG)], plugins=[Cache()])
    client.organizations.get("x")
    assert len(transport.requests) == 1
