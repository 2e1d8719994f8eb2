"""Plugins, each with one fault, and the test of the contract that has to find it."""

from __future__ import annotations

import random
from typing import Any

from tilde.plugins import Event, RetryOffer, TransportOffer, hookimpl
from tilde_core.testing import FakeTransport
from tilde_core.testing.contract import PluginContract

__all__ = ["FAULTS", "Sound", "contract_of"]


def open_it(settings: object) -> Any:
    return FakeTransport()


class Sound:
    """A plugin without a fault, to be given some."""

    @hookimpl
    def tilde_transport(self) -> Any:
        return TransportOffer("sound", 10, open_it)

    @hookimpl
    def tilde_event(self, event: Event) -> None:
        """Take note of nothing."""


class Misspelled(Sound):
    @hookimpl
    def tilde_tranport(self) -> Any:
        return TransportOffer("misspelled", 10, open_it)


class Unmarked(Sound):
    def tilde_transport(self) -> Any:
        return TransportOffer("unmarked", 10, open_it)


class WithoutHooks:
    """Nothing."""


class WrongArgument(Sound):
    @hookimpl
    def tilde_event(self, what: Event) -> None:
        """Take note of nothing."""


class AnotherOffer(Sound):
    @hookimpl
    def tilde_transport(self) -> Any:
        return RetryOffer("other", 10, open_it)


class NoOffer(Sound):
    @hookimpl
    def tilde_transport(self) -> Any:
        return "httpx"


class NameWithASpace(Sound):
    @hookimpl
    def tilde_transport(self) -> Any:
        return TransportOffer("a name", 10, open_it)


class NoName(Sound):
    @hookimpl
    def tilde_transport(self) -> Any:
        return TransportOffer("", 10, open_it)


class HighPriority(Sound):
    @hookimpl
    def tilde_transport(self) -> Any:
        return TransportOffer("high", "high", open_it)  # type: ignore[arg-type]


class Capricious(Sound):
    @hookimpl
    def tilde_transport(self) -> Any:
        return TransportOffer("capricious", random.getrandbits(64), open_it)


FAULTS: dict[type[Any], tuple[str, ...]] = {
    Misspelled: ("test_no_hook_is_misspelled",),
    Unmarked: ("test_no_hook_is_left_unmarked",),
    WithoutHooks: ("test_it_has_a_hook",),
    WrongArgument: ("test_arguments_are_those_of_the_hook",),
    AnotherOffer: ("test_answers_are_offers",),
    NoOffer: ("test_answers_are_offers",),
    NameWithASpace: ("test_answers_are_offers",),
    NoName: ("test_answers_are_offers",),
    HighPriority: ("test_answers_are_offers",),
    Capricious: ("test_answers_are_always_the_same",),
}


def contract_of(kind: type[Any]) -> type[PluginContract]:
    """The tests of that plugin."""

    class TestPlugin(PluginContract):
        def plugin(self) -> object:
            return kind()

    return TestPlugin
