"""What plugins offer: who offers it, what is wrong with it, and opening it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from tilde_core.exceptions import PluginError
from tilde_core.hooks.border import at_fault, call_plugin
from tilde_core.hooks.manager import PluginInfo, PluginRegistry

__all__ = ["OfferT", "Offered", "ask_for_offers"]

OpenedT = TypeVar("OpenedT")


class _Offer(Protocol):
    """What all offers have."""

    @property
    def name(self) -> str: ...
    @property
    def priority(self) -> int: ...
    @property
    def open(self) -> Callable[[Any], Any]: ...


OfferT = TypeVar("OfferT", bound=_Offer)


class Offered(Generic[OfferT]):
    """An offer and the plugin that made it."""

    def __init__(self, offer: OfferT, plugin: PluginInfo) -> None:
        self.offer = offer
        self.plugin = plugin

    @property
    def rank(self) -> tuple[int, str]:
        """What offers are sorted by: the highest priority first, then by name."""
        return (-self.offer.priority, self.offer.name)

    def open(self, settings: object, kind: type[OpenedT]) -> OpenedT:
        """Open it. Raises `PluginError` for an answer that is no `kind`, `None` too."""
        opened = self.open_optional(settings, kind)
        if opened is None:
            raise self._at_fault(f"answered None to open of {self.offer.name!r}, and not a {kind.__name__} or an error")
        return opened

    def open_optional(self, settings: object, kind: type[OpenedT]) -> OpenedT | None:
        """Open it; `None` if the plugin has nothing here. Raises `PluginError` for another answer that is no `kind`."""
        what = f"open of {self.offer.name!r}"
        opened = call_plugin(self.plugin, what, self.offer.open, settings)
        if opened is not None and not isinstance(opened, kind):
            raise self._at_fault(f"answered {type(opened).__name__} to {what}, which is not a {kind.__name__}")
        return opened

    def check(self, hook: str) -> None:
        """Raise `PluginError` for an offer that cannot be chosen."""
        wrong = [
            what
            for what, is_right in (
                ("the name must be a text", isinstance(self.offer.name, str) and bool(self.offer.name)),
                ("the priority must be a whole number", isinstance(self.offer.priority, int)),
                ("open must be a function of the settings", callable(self.offer.open)),
            )
            if not is_right
        ]
        if wrong:
            raise self._at_fault(f"answered what is no offer to {hook}: {', '.join(wrong)}")

    def _at_fault(self, what: str) -> PluginError:
        return at_fault(self.plugin, what)


def ask_for_offers(registry: PluginRegistry, hook: str, kind: type[OfferT]) -> list[Offered[OfferT]]:
    """Return the offers of all plugins by rank. Each is asked by itself, so that an answer can be told by its plugin.

    Raises `PluginError` for what is no offer of that `kind`, and for two of one name.
    """
    offers = []
    for implementation in getattr(registry.manager.hook, hook).get_hookimpls():
        info = registry.info(implementation.plugin_name)
        offer = call_plugin(info, hook, implementation.function)
        if offer is None:
            continue
        if not isinstance(offer, kind):
            raise at_fault(info, f"answered {type(offer).__name__} to {hook} instead of a {kind.__name__}")
        offered = Offered(offer, info)
        offered.check(hook)
        offers.append(offered)
    _refuse_duplicates(hook, offers)
    return sorted(offers, key=lambda each: each.rank)


def _refuse_duplicates(hook: str, offers: Sequence[Offered[Any]]) -> None:
    seen: dict[str, Offered[Any]] = {}
    for offered in offers:
        other = seen.setdefault(offered.offer.name, offered)
        if other is not offered:
            raise PluginError(
                f"{hook}: the plugins {other.plugin.label} and {offered.plugin.label} both offer "
                f"{offered.offer.name!r}; uninstall one, or set TILDE_DISABLE_PLUGINS={offered.plugin.name}"
            )
