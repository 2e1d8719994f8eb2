"""Asks the plugins, checks what they answer, and names them in errors. The one facade over the hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import pluggy

from tilde_core.exceptions import ConfigurationError, PluginError, TildeError
from tilde_core.hooks.border import (
    CheckedConnector,
    CheckedPolicy,
    CheckedProvider,
    at_fault,
    call_plugin,
    came_from,
    came_through,
    failure,
)
from tilde_core.hooks.events import CredentialsRefreshed, Event
from tilde_core.hooks.manager import CORE_SEND, PluginInfo, PluginRegistry
from tilde_core.hooks.offered import Offered, OfferT, ask_for_offers
from tilde_core.hooks.offers import (
    CredentialOffer,
    CredentialProvider,
    CredentialSettings,
    RetryOffer,
    RetryPolicy,
    RetrySettings,
    Transport,
    TransportOffer,
    TransportSettings,
    WebSocketConnector,
    WebSocketOffer,
)
from tilde_core.hooks.spec import hookimpl
from tilde_core.http import Request, Response
from tilde_core.logs import logger
from tilde_core.plugins import log_events
from tilde_core.sources import Setting

__all__ = ["FUNCTION_CREDENTIALS", "KEYRING_CREDENTIALS", "PROCESS_CREDENTIALS", "STATIC_CREDENTIALS", "HookLayer"]

FUNCTION_CREDENTIALS = "function"
STATIC_CREDENTIALS = "static"
KEYRING_CREDENTIALS = "keyring"
PROCESS_CREDENTIALS = "process"
# What somebody configured suppresses every detection, whatever priority a plugin gives itself. In this order.
_CONFIGURED = (FUNCTION_CREDENTIALS, STATIC_CREDENTIALS, KEYRING_CREDENTIALS, PROCESS_CREDENTIALS)
_INSTALL_TRANSPORT = (
    "The SDK sends its requests through a transport: install tilde-transport-httpx (the default of tilde-sdk) or "
    "tilde-transport-requests"
)


class HookLayer:
    """The hooks as plain typed calls, for one client."""

    def __init__(self, plugins: Sequence[object] = (), disabled: Iterable[str] = ()) -> None:
        self._registry = PluginRegistry(plugins, disabled)
        self._registry.manager.register(_CoreSend(), CORE_SEND)

    def describe(self) -> list[PluginInfo]:
        """Return name, distribution, version, hooks and status of every plugin."""
        return self._registry.describe()

    def unknown_disabled(self) -> list[str]:
        """Return one sentence, without its full stop, on each name that was to be disabled and that no plugin has."""
        return self._registry.unknown_disabled()

    def not_used(self) -> str:
        """Return a sentence, without its full stop, on the plugins that failed or are disabled; `""` if none is."""
        unused = [str(info) for info in self.describe() if info.status.startswith(("failed", "disabled"))]
        return f"Not used: {'; '.join(unused)}" if unused else ""

    def check_transport(self, name: Setting[str | None], settings: TransportSettings) -> None:
        """Raise `ConfigurationError` if no transport of this name is installed, or if it cannot follow the settings.
        Opens nothing."""
        chosen = self._choose_transport(name.value, name.source)
        if chosen.offer.check is not None:
            call_plugin(chosen.plugin, f"check of {chosen.offer.name!r}", chosen.offer.check, settings)

    def check_websocket(self, name: Setting[str | None]) -> None:
        """Raise `ConfigurationError` if no connector of this name is installed. Opens nothing."""
        self._choose_websocket(name.value, name.source)

    def check_credentials(self, name: Setting[str | None]) -> None:
        """Raise `ConfigurationError` if no credential plugin of this name is installed. Opens nothing."""
        offers = ask_for_offers(self._registry, "tilde_credentials", CredentialOffer)
        self._choose("credential plugin", offers, name.value, name.source)

    def name_transport(self, name: str | None) -> str:
        """Return the transport of this name, or the one that ranks first, and its plugin, for people to read. Opens
        nothing. Raises `ConfigurationError`."""
        chosen = self._choose_transport(name)
        return f"{chosen.offer.name}, plugin {chosen.plugin.label}"

    def open_transport(self, name: str | None, settings: TransportSettings) -> Transport:
        """Open the transport of this name, or the one that ranks first. Raises `ConfigurationError`."""
        return self._choose_transport(name).open(settings, Transport)

    def open_websocket(self, name: str | None, settings: TransportSettings) -> WebSocketConnector:
        """Open the connector of this name, or the one that ranks first. Raises `ConfigurationError`."""
        chosen = self._choose_websocket(name)
        return CheckedConnector(chosen.plugin, chosen.open(settings, WebSocketConnector))

    def open_retry_policy(self, settings: RetrySettings) -> RetryPolicy:
        """Open the retry policy that ranks first. Raises `PluginError`."""
        offers = ask_for_offers(self._registry, "tilde_retry_policy", RetryOffer)
        chosen = self._choose("retry policy", offers, None)
        return CheckedPolicy(chosen.plugin, chosen.open(settings, RetryPolicy))

    def open_credentials(self, name: str | None, settings: CredentialSettings) -> CheckedProvider | None:
        """Ask the credential plugins in order until one is not `None`. With a `name`, only that one is asked."""
        offers = ask_for_offers(self._registry, "tilde_credentials", CredentialOffer)
        if name is not None:
            offers = [self._choose("credential plugin", offers, name)]
        for offered in sorted(offers, key=lambda o: (_place(o.offer.name), *o.rank)):
            own_settings = replace(settings, on_refresh=self._observers_of_refreshes(offered.offer.name))
            provider = offered.open_optional(own_settings, CredentialProvider)
            if provider is not None:
                return CheckedProvider(offered.plugin, provider)
        return None

    def _observers_of_refreshes(self, name: str) -> Callable[[datetime], None]:
        return lambda expires_at: self.emit(CredentialsRefreshed(credentials=name, expires_at=expires_at))

    def send(self, request: Request, transport: Transport) -> Response:
        """Send one attempt through every wrapper. Raises `TransportError`, `PluginError` for a plugin that fails or
        gives a wrong answer, and what a body that cannot be read raises, as it is."""
        try:
            response = self._registry.manager.hook.tilde_send(request=request, transport=transport)
        except TildeError:
            raise
        except Exception as error:
            if came_through(error, transport.send):
                raise
            raise self._failed_send(error) from error
        if not isinstance(response, Response):
            raise self._wrong_send(f"answered {type(response).__name__} instead of a Response")
        return response

    def _failed_send(self, error: Exception) -> PluginError:
        for plugin in self._senders():
            if came_from(error, plugin.function):
                return at_fault(self._registry.info(plugin.plugin_name), failure("tilde_send", error))
        return self._wrong_send(f"failed: {type(error).__name__}: {error}")  # one yields twice, of which pluggy tells

    def _wrong_send(self, what: str) -> PluginError:
        asked = ", ".join(self._registry.info(plugin.plugin_name).label for plugin in self._senders())
        return PluginError(
            f"the hook tilde_send {what}; asked were the plugins: {asked}. "
            "Correct or uninstall the one at fault; TILDE_DISABLE_PLUGINS=name leaves it out"
        )

    def _senders(self) -> list[pluggy.HookImpl]:
        """What plugins have for `tilde_send`, without the core's own answer."""
        plugins = self._registry.manager.hook.tilde_send.get_hookimpls()
        return [plugin for plugin in plugins if plugin.plugin_name != CORE_SEND]

    def emit(self, event: Event) -> None:
        """Tell every observer. An observer that fails is logged and does not stop the call or the other observers."""
        for implementation in self._registry.manager.hook.tilde_event.get_hookimpls():
            try:
                implementation.function(event)
            except Exception:
                info = self._registry.info(implementation.plugin_name)
                logger.exception("%s", at_fault(info, "failed in tilde_event"))

    @property
    def has_observers(self) -> bool:
        """Whether anybody listens to events."""
        observers = self._registry.manager.hook.tilde_event.get_hookimpls()
        return any(observer.plugin is not log_events or log_events.is_listening() for observer in observers)

    def _choose_transport(self, name: str | None, source: str = "") -> Offered[TransportOffer]:
        offers = ask_for_offers(self._registry, "tilde_transport", TransportOffer)
        return self._choose("transport", offers, name, source, "" if offers else _INSTALL_TRANSPORT)

    def _choose_websocket(self, name: str | None, source: str = "") -> Offered[WebSocketOffer]:
        return self._choose(
            "WebSocket connector", ask_for_offers(self._registry, "tilde_websocket", WebSocketOffer), name, source
        )

    def _choose(
        self, what: str, offers: Sequence[Offered[OfferT]], name: str | None, source: str = "", advice: str = ""
    ) -> Offered[OfferT]:
        """The offer of that name, or the first. Raises `ConfigurationError` that lists what there is instead."""
        for offered in offers:
            if name is None or offered.offer.name == name:
                return offered
        by_name = "" if name is None else f" named {name!r}"
        wanted = f"there is no {what}{by_name}{f' ({source})' if name is not None and source else ''}"
        there_is = ", ".join(repr(offered.offer.name) for offered in offers) or "none"
        message = ". ".join(part for part in (f"{wanted}; installed: {there_is}", advice, self.not_used()) if part)
        raise ConfigurationError(message)


class _CoreSend:
    """The core's own answer to `tilde_send`, asked last."""

    @hookimpl(trylast=True)
    def tilde_send(self, request: Request, transport: Transport) -> Response:
        return transport.send(request)


def _place(name: str) -> int:
    """Configured credentials come before those that plugins detect."""
    return _CONFIGURED.index(name) if name in _CONFIGURED else len(_CONFIGURED)
