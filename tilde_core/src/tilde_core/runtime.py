"""What the clients of one configuration share: plugins, the open transport, credentials, retry policy.

Everything is opened at the first request, once, however many threads ask. A forked child opens its own.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Sequence

from tilde_core.clock import Clock
from tilde_core.config import Config
from tilde_core.exceptions import ConfigurationError
from tilde_core.hooks.border import CheckedProvider
from tilde_core.hooks.layer import KEYRING_CREDENTIALS, PROCESS_CREDENTIALS, HookLayer
from tilde_core.hooks.offers import (
    CredentialSettings,
    Transport,
    TransportSettings,
    WebSocketConnector,
)
from tilde_core.sources import CONFIG_FILE

__all__ = ["Runtime"]

_KEY_IN_FILE = {KEYRING_CREDENTIALS: "api_key_keyring", PROCESS_CREDENTIALS: "credential_process"}


class Runtime:
    """Plugins and connections behind one `Client` and all that `with_options` derives from it."""

    def __init__(
        self,
        config: Config,
        *,
        plugins: Sequence[object] = (),
        transport: Transport | None = None,
        websocket: WebSocketConnector | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.config: Config = config
        self.plugins: tuple[object, ...] = tuple(plugins)
        self.given_transport: Transport | None = transport
        self.given_websocket: WebSocketConnector | None = websocket
        self.clock: Clock = clock or Clock()
        self.hooks: HookLayer = HookLayer(plugins, config.disabled_plugins.value)
        self.has_multipart: bool = True  # until the service says otherwise
        self._check_choices()
        # Closed at the end of the process or with the last handle, if nobody does it. It must not refer to this object.
        self._opened: list[Transport | WebSocketConnector] = []
        weakref.finalize(self, _close_all, self._opened)
        self._left_to_parent: list[Transport | WebSocketConnector] = []
        self._start()
        _runtimes.add(self)

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._closed = False
        self._transport: Transport | None = None
        self._websocket: WebSocketConnector | None = None
        self._credentials: CheckedProvider | None = None

    def _check_choices(self) -> None:
        settings, name = self._transport_settings(), self.config.transport
        if self.given_transport is None and (name.value is not None or settings.http2):
            self.hooks.check_transport(name, settings)
        if self.given_websocket is None and self.config.websocket.value is not None:
            self.hooks.check_websocket(self.config.websocket)
        if self.config.credentials.value is not None:
            self.hooks.check_credentials(self.config.credentials)

    def transport(self) -> Transport:
        """Return the open transport. Raises `ConfigurationError`."""
        transport = self._transport
        return transport if transport is not None and not self._closed else self._open_transport()

    def _open_transport(self) -> Transport:
        with self._lock:
            self._require_open()
            if self._transport is None:
                self._transport = self.given_transport or self._open_chosen()
            return self._transport

    def _open_chosen(self) -> Transport:
        transport = self.hooks.open_transport(self.config.transport.value, self._transport_settings())
        self._opened.append(transport)
        return transport

    def websocket(self) -> WebSocketConnector:
        """Return what opens WebSockets, opened at the first call. Raises `ConfigurationError`."""
        with self._lock:
            self._require_open()
            if self._websocket is None:
                self._websocket = self.given_websocket or self._open_connector()
            return self._websocket

    def _open_connector(self) -> WebSocketConnector:
        connector = self.hooks.open_websocket(self.config.websocket.value, self._transport_settings())
        self._opened.append(connector)
        return connector

    def _transport_settings(self) -> TransportSettings:
        """What is the same for every connection of this client, whoever makes it."""
        return self.config.network.for_transport()

    def _require_open(self) -> None:
        if self._closed:
            raise ConfigurationError("the client is closed; make a new one")

    def credentials(self) -> CheckedProvider:
        """Return the credential provider. Raises `ConfigurationError` if there is none, saying where it was looked
        for."""
        return self._credentials or self._open_credentials()

    def _open_credentials(self) -> CheckedProvider:
        with self._lock:
            if self._credentials is None:
                self._credentials = self.hooks.open_credentials(self.config.credentials.value, self._settings())
            if self._credentials is None:
                raise self._no_credentials()
            return self._credentials

    def _no_credentials(self) -> ConfigurationError:
        chosen = self.config.credentials
        if chosen.value is not None:
            key = _KEY_IN_FILE.get(chosen.value)
            advice = (
                f"write `{key}` into {self._file_label()}" if key else "set TILDE_API_KEY and leave that choice out"
            )
            return ConfigurationError(
                f"no API key: the credential plugin {chosen.value!r}, chosen by the {chosen.source}, has none; {advice}"
            )
        if self.config.sandbox_credentials_uri.value:
            message = (
                "no API key: TILDE_SANDBOX_CREDENTIALS_URI is set, as in a sandbox, but the plugin that gets tokens "
                "there is not in use. Install tilde-auth-sandbox, which comes with tilde-sdk, or set TILDE_API_KEY"
            )
            return ConfigurationError(". ".join(part for part in (message, self.hooks.not_used()) if part))
        problem = self.config.file_problem
        unused = f" (which is not used: {problem})" if problem else ""
        return ConfigurationError(
            "no API key: none in the argument api_key, the environment variable TILDE_API_KEY or "
            f"{self._file_label()}{unused}, no TILDE_SANDBOX_CREDENTIALS_URI as in a sandbox, and no credential plugin "
            "has one. Set TILDE_API_KEY, call "
            'tilde.configure(api_key="…") or run `tilde auth login`'
        )

    def _file_label(self) -> str:
        profile = self.config.profile.value
        return CONFIG_FILE if profile is None else f"profile {profile!r} of {CONFIG_FILE}"

    def _settings(self) -> CredentialSettings:
        return CredentialSettings(
            endpoint_url=self.config.endpoint_url.value,
            api_key=self.config.api_key.value,
            api_key_function=self.config.api_key_function.value,
            api_key_keyring=self.config.api_key_keyring.value,
            credential_process=self.config.credential_process.value,
            sandbox_credentials_uri=self.config.sandbox_credentials_uri.value,
            network=self._transport_settings(),
            clock=self.clock,
            send=lambda request: self.transport().send(request),
        )

    def close(self) -> None:
        """Close the transport, and all WebSockets. May be called twice."""
        with self._lock:
            self._closed = True
            opened = self._in_use()
            self._transport = self._websocket = None
            self._opened.clear()
        _close_all(opened)

    def after_fork_in_child(self) -> None:
        """Forget locks and connections that belong to the parent.

        What the parent has open is kept, unused: closing it here could end TLS sessions that the parent still uses.
        """
        inherited, closed = self._in_use(), self._closed
        self._start()
        self._closed = closed
        self._opened.clear()
        self._left_to_parent.extend(inherited)

    def _in_use(self) -> list[Transport | WebSocketConnector]:
        return [opened for opened in (self._transport, self._websocket) if opened is not None]


def _close_all(opened: list[Transport | WebSocketConnector]) -> None:
    while opened:
        opened.pop().close()


_runtimes: weakref.WeakSet[Runtime] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for runtime in list(_runtimes):
        runtime.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
