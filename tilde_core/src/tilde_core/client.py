"""`Client`: the entry to the SDK, holding the configuration and the connections."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeVar

from tilde_core.access_token import AccessToken
from tilde_core.clock import Clock
from tilde_core.completion import PublicNames
from tilde_core.config import Config, resolve_config
from tilde_core.credentials.configured import ApiKeyFunction
from tilde_core.exceptions import ConfigurationError
from tilde_core.hooks.manager import PluginInfo
from tilde_core.hooks.offers import Transport, WebSocketConnector
from tilde_core.http import Timeout
from tilde_core.models.account import CurrentUser, NameCheck, UserSummary
from tilde_core.network_config import ClientCertArgument, FilePath, NetworkArguments
from tilde_core.pipeline import Options, Pipeline
from tilde_core.resources.account import Account
from tilde_core.resources.api_keys import APIKeys
from tilde_core.resources.invitations import MyInvitations
from tilde_core.resources.organizations import Organizations
from tilde_core.resources.repositories import AllRepositories, Repository
from tilde_core.runtime import Runtime

__all__ = ["Client"]

GivenT = TypeVar("GivenT")


class Client(PublicNames):
    """A connection to a Tilde service. Threads may share it; it pickles (and then connects anew) and survives `fork`.

    Args:
        api_key: the token, or a function that returns it, as a `str` or an `AccessToken`; else `TILDE_API_KEY`,
            `~/.tilde/config.yaml`, then what credential plugins find, such as the tokens of a sandbox. That none is
            found is an error only at the first request.
        endpoint_url: the service, without `/api/v1`; else `TILDE_ENDPOINT_URL`, `TILDE_API_URL`, the config file,
            `https://tilde.run`.
        default_sandbox_image: the image of sandboxes that name none; else `TILDE_DEFAULT_SANDBOX_IMAGE`,
            `ubuntu:22.04`.
        transport: the name of an installed transport, or a `Transport` of your own; else `TILDE_TRANSPORT`, the config
            file, the one that ranks first. One of your own is closed with the client.
        websocket: the name of an installed connector of WebSockets, or a `WebSocketConnector` of your own; else
            `TILDE_WEBSOCKET`, the config file, the one that ranks first. One of your own is closed with the client.
        credentials: the name of the one credential plugin to use; else `TILDE_CREDENTIALS`, all in order.
        profile: the name of a profile of the config file, to be used instead of what stands at its top level; else
            `TILDE_PROFILE`. One that is given here comes before the environment.
        proxy: the URL of a proxy for all requests (`http://user:password@host:port`, also https, socks5, socks5h); else
            `TILDE_PROXY`, the config file, `HTTPS_PROXY` and its like.
        no_proxy: hosts to be spoken to directly, as text with commas or a list; else `TILDE_NO_PROXY`, the config file,
            `NO_PROXY`.
        ca_bundle: certificates to trust besides the system's; else `TILDE_CA_BUNDLE`, the config file, `SSL_CERT_FILE`
            and its like.
        client_cert: the path of a client certificate, or `(certificate, key)`, or `(certificate, key, password)`; else
            `TILDE_CLIENT_CERT`, the config file.
        verify: whether to verify certificates (default true); else `TILDE_VERIFY`, the config file.
        trust_env: whether `HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE` and their like count (default true); else
            `TILDE_TRUST_ENV`, the config file.
        timeout: seconds for each wait of an attempt, or a `Timeout`; else `TILDE_TIMEOUT`, the config file.
        max_connections: how many requests may be under way at one time (default 32); else `TILDE_MAX_CONNECTIONS`, the
            config file.
        http2: whether to speak HTTP/2 to servers that can (default false); else `TILDE_HTTP2`, the config file.
        max_retries: how often a failed attempt is repeated at most (0 or more, default 3).
        user_agent: text added to the `User-Agent` header.
        plugins: plugin objects for this client alone.
        clock: for tests: where time comes from.

    Raises:
        ConfigurationError: a setting cannot be used, or a plugin that was asked for is not there.
    """

    def __init__(
        self,
        api_key: str | ApiKeyFunction | None = None,
        *,
        endpoint_url: str | None = None,
        default_sandbox_image: str | None = None,
        transport: str | Transport | None = None,
        websocket: str | WebSocketConnector | None = None,
        credentials: str | None = None,
        profile: str | None = None,
        proxy: str | None = None,
        no_proxy: str | Sequence[str] | None = None,
        ca_bundle: FilePath | None = None,
        client_cert: ClientCertArgument | None = None,
        verify: bool | None = None,
        trust_env: bool | None = None,
        timeout: float | Timeout | None = None,
        max_connections: int | None = None,
        http2: bool | None = None,
        max_retries: int | None = None,
        user_agent: str = "",
        plugins: Sequence[object] = (),
        clock: Clock | None = None,
    ) -> None:
        network = NetworkArguments(
            proxy=proxy,
            no_proxy=no_proxy,
            ca_bundle=ca_bundle,
            client_cert=client_cert,
            verify=verify,
            trust_env=trust_env,
            timeout=timeout,
            max_connections=max_connections,
            http2=http2,
        )
        config = resolve_config(
            api_key=api_key,
            endpoint_url=endpoint_url,
            default_sandbox_image=default_sandbox_image,
            transport=transport if isinstance(transport, str) else None,
            websocket=websocket if isinstance(websocket, str) else None,
            credentials=credentials,
            profile=profile,
            network=network,
        )
        given = _given("transport", transport, Transport)
        _check_own_transport(given, network)
        _warn_if_unverified(config)
        runtime = Runtime(
            config,
            plugins=plugins,
            transport=given,
            websocket=_given("websocket", websocket, WebSocketConnector),
            clock=clock,
        )
        options = _changed(Options(user_agent=user_agent), config.network.timeout.value, max_retries)
        self._set_up(runtime, options, owner=True)

    def _set_up(self, runtime: Runtime, options: Options, *, owner: bool) -> None:
        self._runtime = runtime
        self._options = options
        self._is_owner = owner
        self.pipeline: Pipeline = Pipeline(runtime, options)

    @property
    def config(self) -> Config:
        """The resolved settings, each with the source of its value."""
        return self._runtime.config

    @property
    def organizations(self) -> Organizations:
        """The organizations of the caller."""
        return Organizations(self)

    @property
    def repositories(self) -> AllRepositories:
        """The repositories of all organizations, as far as the caller may see them."""
        return AllRepositories(self)

    @property
    def invitations(self) -> MyInvitations:
        """The invitations that the caller has got."""
        return MyInvitations(self)

    @property
    def api_keys(self) -> APIKeys:
        """The caller's own API keys, of a user; their tokens begin with `tuk-`."""
        return APIKeys(self, "/auth")

    def whoami(self) -> CurrentUser:
        """Return who the caller is, and their organizations. Raises `AuthenticationError`."""
        return Account(self).whoami()

    def check_username(self, username: str) -> NameCheck:
        """Return whether nobody has that username yet."""
        return Account(self).check_username(username)

    def search_users(self, prefix: str) -> list[UserSummary]:
        """Return users whose username begins with `prefix`, as many as the service cares to tell."""
        return Account(self).search_users(prefix)

    def repository(self, path: str) -> Repository:
        """Return a handle for the repository at `"organization/repository"`, without a request.

        Raises `ValueError` for a path of another form.
        """
        return Repository.from_path(self, path)

    def with_options(self, *, timeout: float | Timeout | None = None, max_retries: int | None = None) -> Client:
        """Return a client with other options that shares this one's connections; closing it closes nothing."""
        derived = object.__new__(type(self))
        derived._set_up(self._runtime, _changed(self._options, timeout, max_retries), owner=False)
        return derived

    def access_token(self) -> AccessToken | None:
        """Return the token in use, fetching one if need be, if its source knows when it ends; `None` for an API key.

        In a sandbox, it is a `SandboxCredentials` of `tilde_auth_sandbox`, which knows the principal. Raises
        `ConfigurationError` if there are no credentials, and `CredentialsError`.
        """
        return self._runtime.credentials().access_token()

    def describe_plugins(self) -> list[PluginInfo]:
        """Return name, distribution, version, hooks and status of every plugin, also of those that failed to load."""
        return self._runtime.hooks.describe()

    def close(self) -> None:
        """Close the connections. May be called twice; a request afterwards raises `ConfigurationError`."""
        if self._is_owner:
            self._runtime.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client(endpoint_url={self.config.endpoint_url.value!r})"

    def __reduce__(self) -> Any:
        runtime = self._runtime
        return _restored, (
            type(self),
            runtime.config,
            self._options,
            runtime.plugins,
            runtime.given_transport,
            runtime.given_websocket,
        )


def _check_own_transport(transport: Transport | None, network: NetworkArguments) -> None:
    """Raise `ConfigurationError` for an argument that would go nowhere: such a transport has settings of its own."""
    unused = [name for name in network.given() if name not in ("timeout", "trust_env")]
    if transport is not None and unused:
        raise ConfigurationError(
            f"{', '.join(unused)} cannot be set on a transport that is given as an object: set it there, or name the "
            'transport as in transport="httpx"'
        )


def _warn_if_unverified(config: Config) -> None:
    if not config.network.verify.value:
        warnings.warn(
            f"TLS certificates are not verified ({config.network.verify.source}): whoever is on the way can read and "
            "change everything, the API key too. For a CA that this machine does not know, use ca_bundle= instead",
            stacklevel=3,
        )


def _changed(options: Options, timeout: float | Timeout | None, max_retries: int | None) -> Options:
    if timeout is not None:
        options = replace(options, timeout=Timeout.of(timeout))
    return options if max_retries is None else replace(options, max_retries=max_retries)


def _given(name: str, value: GivenT | str | None, kind: type[GivenT]) -> GivenT | None:
    """The object that was given in the place of a name. Raises `ConfigurationError` if it is none of that kind."""
    if value is None or isinstance(value, str):
        return None
    if not isinstance(value, kind):
        raise ConfigurationError(f"{name} must be a name or a {kind.__name__}, not {type(value).__name__}")
    return value


def _restored(
    kind: type[Client],
    config: Config,
    options: Options,
    plugins: Sequence[object],
    transport: Transport | None,
    websocket: WebSocketConnector | None,
) -> Client:
    """Unpickle: the settings are those of the original, wherever this runs, so that it is the same principal."""
    client = object.__new__(kind)
    runtime = Runtime(config, plugins=plugins, transport=transport, websocket=websocket)
    client._set_up(runtime, options, owner=True)
    return client
