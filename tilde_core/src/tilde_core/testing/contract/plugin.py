"""The contract of every plugin: its hooks are hooks, its answers are offers, and it costs nothing until it is used."""

from __future__ import annotations

import difflib
import importlib.metadata
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from tilde_core.hooks import spec
from tilde_core.hooks.offers import CredentialOffer, RetryOffer, TransportOffer, WebSocketOffer
from tilde_core.testing.contract.rules import Rules

__all__ = ["PluginContract"]

_HOOKS = {name: hook for name, hook in vars(spec).items() if hasattr(hook, f"{spec.PROJECT}_spec")}
_OFFERS: dict[str, Any] = {
    "tilde_credentials": CredentialOffer,
    "tilde_retry_policy": RetryOffer,
    "tilde_transport": TransportOffer,
    "tilde_websocket": WebSocketOffer,
}
_HEAVY = ["aiohttp", "boto3", "cryptography", "httpx", "keyring", "pycurl", "requests", "urllib3", "websocket"]
_IMPORT = """
import importlib, sys
import tilde.plugins
before = set(sys.modules)
plugin = importlib.import_module({module!r})
for hook in {hooks!r}:
    getattr(plugin, hook)()
print(*sorted(set({heavy!r}) & (set(sys.modules) - before)))
"""


class PluginContract(Rules):
    """Every rule for what a plugin's entry point leads to. A subclass defines `plugin()`, which returns that."""

    defined_by_the_author = frozenset({"plugin"})

    def plugin(self) -> object:
        """Return the module, or the object, that has the hooks. To be defined by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} must define plugin()")

    def test_it_has_a_hook(self) -> None:
        """Something without one is never asked."""
        assert dict(_marked(self.plugin())), "nothing here is marked with @hookimpl of tilde.plugins"

    def test_no_hook_is_misspelled(self) -> None:
        """A hook of a name that nobody knows is never called."""
        assert [_advice(name) for name, _ in _marked(self.plugin()) if name not in _HOOKS] == []

    def test_no_hook_is_left_unmarked(self) -> None:
        """A function without `@hookimpl` is a function like any other, whatever its name."""
        plugin = self.plugin()
        likely = [name for name in dir(plugin) if name in _HOOKS and callable(getattr(plugin, name))]
        assert [name for name in likely if name not in dict(_marked(plugin))] == [], "put @hookimpl above them"

    def test_arguments_are_those_of_the_hook(self) -> None:
        """They are given by their names. What is of no use may be left out; anything else is an error."""
        for name, function in _marked(self.plugin()):
            known = set(inspect.signature(_HOOKS[name]).parameters) if name in _HOOKS else set()
            wrong = set(inspect.signature(function).parameters) - known
            assert wrong == set(), f"{name} may take {', '.join(sorted(known)) or 'nothing'}"

    def test_answers_are_offers(self) -> None:
        """Of the kind of the hook, or `None`; with a name that people can type, and an `open`."""
        for hook, offer in self.offers():
            assert isinstance(offer, _OFFERS[hook]), f"{hook} must answer {_OFFERS[hook].__name__}"
            assert isinstance(offer.name, str)
            assert offer.name.split() == [offer.name], f"{hook}: nobody can type the name {offer.name!r}"
            assert type(offer.priority) is int, f"{hook}: the priority must be a whole number"
            assert callable(offer.open), f"{hook}: open must be a function of the settings"

    def test_answers_are_always_the_same(self) -> None:
        """Hooks are asked more than once, and for every client."""
        first, second = ([(hook, offer.name, offer.priority) for hook, offer in self.offers()] for _ in range(2))
        assert first == second

    def test_hooks_cost_no_import(self) -> None:
        """Who has the plugin installed and does not use it pays nothing: what is heavy is imported in `open`."""
        plugin = self.plugin()
        if not isinstance(plugin, ModuleType):
            pytest.skip("this plugin is no module, which could be imported by itself")
        program = _IMPORT.format(module=plugin.__name__, hooks=[hook for hook, _ in self.offers()], heavy=_HEAVY)
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stdout.split(), ran.stderr) == (0, [], "")

    def test_entry_points_are_in_the_group(self) -> None:
        """In another group than `tilde`, nobody looks for them."""
        plugin = self.plugin()
        name = plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__module__
        found = [entry for entry in _entry_points() if entry.value.partition(":")[0] == name]
        assert [entry for entry in found if entry.group not in (spec.PROJECT, "console_scripts", "pytest11")] == []

    def offers(self) -> list[tuple[str, Any]]:
        """Return what each hook that makes offers answers now, but for `None`."""
        asked = [(name, function()) for name, function in _marked(self.plugin()) if name in _OFFERS]
        return [(name, offer) for name, offer in asked if offer is not None]


def _marked(plugin: object) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The functions that are marked as hooks, by the name of the hook."""
    for name in dir(plugin):
        function = getattr(plugin, name)
        mark = getattr(function, f"{spec.PROJECT}_impl", None)
        if mark is not None:
            yield mark.get("specname") or name, function


def _advice(name: str) -> str:
    close = difflib.get_close_matches(name, _HOOKS, n=1, cutoff=0)
    return f"there is no hook named {name}; did you mean {close[0]}?"


def _entry_points() -> Iterator[importlib.metadata.EntryPoint]:
    for distribution in importlib.metadata.distributions():
        yield from distribution.entry_points
