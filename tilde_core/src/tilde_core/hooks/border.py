"""What plugins give out is called through here: what goes wrong names its plugin, and what they answer is checked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from traceback import walk_tb
from types import CodeType
from typing import Any

import pluggy

from tilde_core.access_token import AccessToken
from tilde_core.credentials.given_function import FunctionCredentials
from tilde_core.exceptions import ConfigurationError, CredentialsError, PluginError, TildeError
from tilde_core.hooks.manager import PluginInfo
from tilde_core.hooks.offers import (
    Attempt,
    CredentialProvider,
    RetryDecision,
    RetryPolicy,
    WebSocket,
    WebSocketConnector,
)
from tilde_core.http import Request, Response
from tilde_core.refreshable_credentials import RefreshableCredentials

__all__ = [
    "CheckedConnector",
    "CheckedPolicy",
    "CheckedProvider",
    "at_fault",
    "call_plugin",
    "came_from",
    "came_through",
    "failure",
]

_PLUGGY = str(Path(pluggy.__file__).parent)
_TOKEN = re.compile(r"[\x21-\x7e]+\Z")


def at_fault(plugin: PluginInfo, what: str) -> PluginError:
    """Return the error that says what `plugin` did wrong, and what its users can do about it."""
    return PluginError("; ".join(part for part in (f"plugin {plugin.label} {what}", plugin.remedy) if part))


def came_through(error: BaseException, call: Callable[..., Any]) -> bool:
    """Return whether `error` was raised in that call, or beneath it; also if that cannot be told."""
    code = getattr(call, "__code__", None)
    return code is None or code in _path(error)


def came_from(error: BaseException, hook: Callable[..., Any]) -> bool:
    """Return whether `error` was raised in that hook of a plugin, or beneath it, and not where it yields."""
    path = _path(error)
    beyond = max((place for place, code in enumerate(path) if code.co_filename.startswith(_PLUGGY)), default=-1)
    return getattr(hook, "__code__", None) in path[beyond + 1 :]


def failure(what: str, error: BaseException) -> str:
    """Return how an error that is none of ours is told."""
    return f"failed in {what}: {type(error).__name__}: {error}"


def _path(error: BaseException) -> list[CodeType]:
    return [frame.f_code for frame, _ in walk_tb(error.__traceback__)]


def call_plugin(plugin: PluginInfo, what: str, call: Callable[..., Any], *args: object) -> Any:
    """Call third-party code. A `TildeError` passes; anything else becomes a `PluginError` that names the plugin."""
    try:
        return call(*args)
    except TildeError:
        raise
    except Exception as error:
        raise at_fault(plugin, failure(what, error)) from error


class CheckedProvider:
    """A credential provider whose tokens can be sent."""

    def __init__(self, plugin: PluginInfo, provider: CredentialProvider) -> None:
        self._plugin = plugin
        self._provider = provider

    @property
    def plugin(self) -> PluginInfo:
        """Whose it is."""
        return self._plugin

    def token(self) -> str:
        """Return a token that is valid now.

        Raises `CredentialsError` if none can be had, and `PluginError` for one that no header can carry.
        """
        token = self._ask("token()", self._provider.token)
        if not isinstance(token, str) or not _TOKEN.match(token):
            raise at_fault(self._plugin, "gave a token that cannot be sent: it must be printable ASCII, no spaces")
        return token

    def invalidate(self, token: str) -> bool:
        """Take note that the service refused `token`. Return whether it is worth asking for another."""
        return bool(self._ask("invalidate()", self._provider.invalidate, token))

    def access_token(self) -> AccessToken | None:
        """Return the token in use with all that is known of it; `None` from a provider that only knows a text."""
        if not isinstance(self._provider, (RefreshableCredentials, FunctionCredentials)):
            return None
        token: AccessToken | None = self._ask("current()", self._provider.current)
        return token

    def _ask(self, what: str, call: Callable[..., Any], *args: object) -> Any:
        """Call the provider. A failure of its own requests is a `CredentialsError`.

        It must not pass for one of the request that needs the token: that was not sent, and did not happen.
        """
        try:
            return call_plugin(self._plugin, what, call, *args)
        except (ConfigurationError, CredentialsError):
            raise
        except TildeError as error:
            raise CredentialsError(f"plugin {self._plugin.label} has no token: {error}") from error


class CheckedPolicy:
    """A retry policy whose delays can be waited for."""

    def __init__(self, plugin: PluginInfo, policy: RetryPolicy) -> None:
        self._plugin = plugin
        self._policy = policy

    def decide(self, attempt: Attempt) -> RetryDecision:
        """Return what to do after `attempt`. Raises `PluginError` for what is no decision, or a delay below 0."""
        decision = call_plugin(self._plugin, "decide()", self._policy.decide, attempt)
        if not isinstance(decision, RetryDecision) or (decision.delay is not None and not decision.delay >= 0):
            raise at_fault(
                self._plugin, f"answered {decision!r} to decide(), not a RetryDecision with a delay of 0 or more"
            )
        return decision


class CheckedConnector:
    """A connector whose connections can be used."""

    def __init__(self, plugin: PluginInfo, connector: WebSocketConnector) -> None:
        self._plugin = plugin
        self._connector = connector

    def connect(self, request: Request) -> WebSocket | Response:
        """Return the open connection or the answer that refused it. Raises `PluginError` for anything else."""
        answer = call_plugin(self._plugin, "connect()", self._connector.connect, request)
        if isinstance(answer, Response):
            return answer
        if not isinstance(answer, WebSocket):
            raise at_fault(
                self._plugin, f"answered {type(answer).__name__} to connect() instead of a WebSocket or a Response"
            )
        return _CheckedWebSocket(self._plugin, answer)

    def close(self) -> None:
        """Close every connection."""
        call_plugin(self._plugin, "close()", self._connector.close)


class _CheckedWebSocket:
    """A connection that gives bytes."""

    def __init__(self, plugin: PluginInfo, websocket: WebSocket) -> None:
        self._plugin = plugin
        self._websocket = websocket

    def send(self, data: bytes) -> None:
        call_plugin(self._plugin, "send()", self._websocket.send, data)

    def receive(self, timeout: float | None = None) -> bytes | None:
        message = call_plugin(self._plugin, "receive()", self._received, timeout)
        if message is TimeoutError:
            raise TimeoutError(f"no message within {timeout} seconds")
        if message is not None and not isinstance(message, bytes):
            raise at_fault(self._plugin, f"answered {type(message).__name__} to receive() instead of bytes or None")
        return message

    def close(self) -> None:
        call_plugin(self._plugin, "close()", self._websocket.close)

    def _received(self, timeout: float | None) -> object:
        try:
            return self._websocket.receive(timeout)
        except TimeoutError:
            if timeout is None:
                raise
            return TimeoutError  # part of the protocol, not a failure of the plugin
