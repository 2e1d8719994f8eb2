"""What plugins return, and what they are given: small frozen descriptors and protocols.

An offer costs nothing to make. What is heavy (an import, a connection, a token) happens in its `open`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from tilde_core.clock import Clock
from tilde_core.credentials.configured import ApiKeyFunction, CredentialProcess, KeyringEntry
from tilde_core.exceptions import TransportError
from tilde_core.http import Headers, Request, Response
from tilde_core.network.no_proxy import NoProxy
from tilde_core.network.proxy import Proxy
from tilde_core.network.tls import ClientCert

__all__ = [
    "Attempt",
    "CredentialOffer",
    "CredentialProvider",
    "CredentialSettings",
    "RetryDecision",
    "RetryOffer",
    "RetryPolicy",
    "RetrySettings",
    "Transport",
    "TransportOffer",
    "TransportSettings",
    "WebSocket",
    "WebSocketConnector",
    "WebSocketOffer",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSettings:
    """What a transport, or a connector of WebSockets, is opened with.

    It reads nothing else: no environment variable, no `.netrc`, no file but these.

    `max_connections` bounds the requests that are under way at one time, and `keepalive_expiry` is how many seconds a
    connection that nobody uses is kept. `http_proxy` and `https_proxy` are for the URLs that begin so; which one a URL
    takes is what `proxy_for` says. `ca_bundle` is trusted besides the system's store. A `Dialer` opens connections
    as all of this says.
    """

    max_connections: int = 32
    keepalive_expiry: float = 30.0
    http_proxy: Proxy | None = None
    https_proxy: Proxy | None = None
    no_proxy: NoProxy = field(default_factory=NoProxy)
    ca_bundle: str | None = None
    client_cert: ClientCert | None = None
    verify: bool = True
    http2: bool = False

    def proxy_for(self, url: str) -> Proxy | None:
        """Return the proxy for a URL that begins with http, https, ws or wss; `None` is directly. Looks nothing up."""
        parts = urlsplit(url)
        is_secure = parts.scheme in ("https", "wss")
        proxy = self.https_proxy if is_secure else self.http_proxy
        if proxy is None or self.no_proxy.matches(parts.hostname or "", parts.port or (443 if is_secure else 80)):
            return None
        return proxy


@runtime_checkable
class Transport(Protocol):
    """Sends one request and returns one response. Used by many threads at once.

    No retry, no redirect, no raising on a status, no cookie, no authentication of its own, no decompression. Header
    names and repeats of the answer are kept. Every failure is a `NotSentError` or an `OutcomeUnknownError`, also
    while the body is read; a URL or header that cannot be sent at all is a `ConfigurationError`, which nobody
    repeats.
    """

    def send(self, request: Request) -> Response:
        """Send `request` as it is and return the answer with its body unread. Raises `TransportError`."""
        ...

    def close(self) -> None:
        """Free every connection. May be called twice; `send` afterwards raises `NotSentError`."""
        ...


@dataclass(frozen=True, slots=True)
class TransportOffer:
    """A transport that can be had: its name, its rank (highest wins when nothing was chosen), and how to open it.

    `check` raises `ConfigurationError` for settings that it cannot follow, and says which transport can. It is asked
    when a client is made, long before `open`, and so imports nothing heavy.
    """

    name: str
    priority: int
    open: Callable[[TransportSettings], Transport]
    check: Callable[[TransportSettings], None] | None = None


@runtime_checkable
class WebSocket(Protocol):
    """An open connection that carries messages of bytes of any size. One thread may send while another receives.

    It answers pings, and sends its own while it waits to receive, so that a silent connection survives and a dead one
    is noticed. Every failure is an `OutcomeUnknownError`.
    """

    def send(self, data: bytes) -> None:
        """Send one binary message. Waits as long as the other side takes nothing. Raises `TransportError`."""
        ...

    def receive(self, timeout: float | None = None) -> bytes | None:
        """Return the next message, or `None` once the other side has closed the connection in an orderly way.

        Raises the built-in `TimeoutError` if none came within `timeout` seconds, after which it may be called again,
        and `TransportError`.
        """
        ...

    def close(self) -> None:
        """Close the connection at once, and wake up who sends or receives. From any thread; may be called twice."""
        ...


@runtime_checkable
class WebSocketConnector(Protocol):
    """Opens WebSockets. Used by many threads at once.

    As with a `Transport`: no retry, no redirect, no raising on a status, no cookie, no authentication of its own, and
    nothing is read but the settings. No compression, and no `Origin`.
    """

    def connect(self, request: Request) -> WebSocket | Response:
        """Send `request`, whose URL begins with `ws://` or `wss://`, with the headers of the handshake added.

        Returns the open connection; if the service refused, its answer, with the body read. `timeout.read` of the
        request then bounds how long the other side may give no sign of life. Raises `TransportError`.
        """
        ...

    def close(self) -> None:
        """Close every connection. May be called twice; `connect` afterwards raises `NotSentError`."""
        ...


@dataclass(frozen=True, slots=True)
class WebSocketOffer:
    """WebSockets that can be had: a name, the rank (highest wins when nothing was chosen), and how to open them.

    `max_connections` of the settings does not count them: each belongs to a command that somebody waits for.
    """

    name: str
    priority: int
    open: Callable[[TransportSettings], WebSocketConnector]


def _tell_nobody(expires_at: datetime) -> None:
    """What `on_refresh` is where nobody listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialSettings:
    """What a credential plugin is opened with.

    `endpoint_url` is the service. `api_key` is the static key found in the configuration, if any; `api_key_function`
    the function that was given in its place; `api_key_keyring` the entry of a keyring, and `credential_process` the
    command, that the config file names; `sandbox_credentials_uri` where a sandbox gets its tokens, if this is one.

    `send` sends a request of the plugin's own through the transport, without credentials and without retries: a
    provider never calls back into the client. `network` has the settings of connections, for a plugin that opens some
    of its own (with a `Dialer`) because they are not for the transport. `clock` is where time comes from. `on_refresh`
    is to be called after each token that was fetched, with its end; it tells the observers. `RefreshableCredentials`
    takes care of both.
    """

    endpoint_url: str
    api_key: str | None
    send: Callable[[Request], Response]
    sandbox_credentials_uri: str | None = None
    api_key_function: ApiKeyFunction | None = None
    api_key_keyring: KeyringEntry | None = None
    credential_process: CredentialProcess | None = None
    network: TransportSettings = field(default_factory=TransportSettings)
    clock: Clock = field(default_factory=Clock)
    on_refresh: Callable[[datetime], None] = _tell_nobody

    def __repr__(self) -> str:
        key, uri = ("***" if secret else None for secret in (self.api_key, self.sandbox_credentials_uri))
        return (
            f"CredentialSettings(endpoint_url={self.endpoint_url!r}, api_key={key!r}, sandbox_credentials_uri={uri!r})"
        )


@runtime_checkable
class CredentialProvider(Protocol):
    """Gives the bearer token for each request. Used by many threads at once."""

    def token(self) -> str:
        """Return a token that is valid now, fetching one if needed. Raises `TildeError`."""
        ...

    def invalidate(self, token: str) -> bool:
        """Take note that the service refused `token` (401). Return whether it is worth asking for another."""
        ...


@dataclass(frozen=True, slots=True)
class CredentialOffer:
    """A source of credentials. `open` answers `None` for "not mine" (not in that environment) and raises if it is
    broken."""

    name: str
    priority: int
    open: Callable[[CredentialSettings], CredentialProvider | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings:
    """Limits for a retry policy: how often to repeat after the first attempt, and within how many seconds in all."""

    max_retries: int = 3
    deadline: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt that did not succeed: either an error `status` with its `headers`, or a transport `error`.

    `number` counts from 1, `elapsed` is seconds since the first attempt ended. `repeatable` tells that a duplicate of
    the operation is harmless; without it, only what surely did not happen may be repeated.
    """

    operation: str
    number: int
    elapsed: float
    repeatable: bool
    status: int | None = None
    headers: Headers = field(default_factory=Headers)
    error: TransportError | None = None


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """Repeat after `delay` seconds (0 or more), or give up if it is `None`; `reason` goes into the log and the
    error."""

    delay: float | None
    reason: str = ""


@runtime_checkable
class RetryPolicy(Protocol):
    """Decides whether an attempt is repeated. A pure function of what it is given; it does not wait itself."""

    def decide(self, attempt: Attempt) -> RetryDecision:
        """Return what to do after `attempt`."""
        ...


@dataclass(frozen=True, slots=True)
class RetryOffer:
    """A retry policy that can be had. The highest priority wins; the built-in one, `default`, has 0."""

    name: str
    priority: int
    open: Callable[[RetrySettings], RetryPolicy]
