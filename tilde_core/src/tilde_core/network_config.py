"""The settings of connections: proxies, trust, time-outs. Resolved once per client, for every transport alike."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from tilde_core.exceptions import ConfigurationError
from tilde_core.hooks.offers import TransportSettings
from tilde_core.http import Timeout
from tilde_core.logs import logger
from tilde_core.network.no_proxy import NoProxy
from tilde_core.network.proxy import Proxy
from tilde_core.network.tls import ClientCert
from tilde_core.sources import Setting, Sources

__all__ = ["ClientCertArgument", "FilePath", "NetworkArguments", "NetworkConfig", "resolve_network"]

FilePath: TypeAlias = "str | os.PathLike[str]"
ClientCertArgument: TypeAlias = "FilePath | tuple[FilePath, FilePath] | tuple[FilePath, FilePath, str]"

# Those that other programs know, too; as everywhere, the names in small letters come first.
_PROXY_VARIABLES: dict[str, tuple[str, ...]] = {
    "http": ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"),
    "https": ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
}
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkArguments:
    """What `Client(...)` was given of these settings; `None` is left to the environment and the config file."""

    proxy: str | None = None
    no_proxy: str | Sequence[str] | None = None
    ca_bundle: FilePath | None = None
    client_cert: ClientCertArgument | None = None
    verify: bool | None = None
    trust_env: bool | None = None
    timeout: float | Timeout | None = None
    max_connections: int | None = None
    http2: bool | None = None

    def given(self) -> tuple[str, ...]:
        """Return the names of those that are not `None`."""
        return tuple(name for name in self.__slots__ if getattr(self, name) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """The resolved settings of connections. A `proxy` is set for both kinds of URL; `HTTPS_PROXY` for one."""

    http_proxy: Setting[Proxy | None]
    https_proxy: Setting[Proxy | None]
    no_proxy: Setting[NoProxy]
    ca_bundle: Setting[str | None]
    client_cert: Setting[ClientCert | None]
    verify: Setting[bool]
    trust_env: Setting[bool]
    timeout: Setting[Timeout]
    max_connections: Setting[int]
    http2: Setting[bool]

    def for_transport(self) -> TransportSettings:
        """Return the values that a transport is opened with."""
        return TransportSettings(
            max_connections=self.max_connections.value,
            http_proxy=self.http_proxy.value,
            https_proxy=self.https_proxy.value,
            no_proxy=self.no_proxy.value,
            ca_bundle=self.ca_bundle.value,
            client_cert=self.client_cert.value,
            verify=self.verify.value,
            http2=self.http2.value,
        )


def resolve_network(sources: Sources, given: NetworkArguments) -> NetworkConfig:
    """Resolve every setting. Raises `ConfigurationError` that names where an unusable value came from."""
    trust_env = _read(sources.find_any("trust_env", given.trust_env, "TILDE_TRUST_ENV"), True, _flag)
    system = sources if trust_env.value else Sources({}, {})
    proxy = sources.find_any("proxy", given.proxy, "TILDE_PROXY")
    return NetworkConfig(
        http_proxy=_proxy(proxy, system, "http"),
        https_proxy=_proxy(proxy, system, "https"),
        no_proxy=_no_proxy(sources.find_any("no_proxy", given.no_proxy, "TILDE_NO_PROXY"), system),
        ca_bundle=_ca_bundle(sources.find_any("ca_bundle", given.ca_bundle, "TILDE_CA_BUNDLE"), system),
        client_cert=_client_cert(sources, given.client_cert),
        verify=_read(sources.find_any("verify", given.verify, "TILDE_VERIFY"), True, _flag),
        trust_env=trust_env,
        timeout=_read(sources.find_any("timeout", given.timeout, "TILDE_TIMEOUT"), Timeout(), _timeout),
        max_connections=_read(
            sources.find_any("max_connections", given.max_connections, "TILDE_MAX_CONNECTIONS"), 32, _count
        ),
        http2=_read(sources.find_any("http2", given.http2, "TILDE_HTTP2"), False, _flag),
    )


def _read(found: Setting[Any], default: T, convert: Callable[[Any], T]) -> Setting[T]:
    """Return the value as what it should be. Raises `ConfigurationError`."""
    if found.value is None:
        return Setting(default, "default")
    try:
        return Setting(convert(found.value), found.source)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{found.source}: {error}") from error


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text not in (*_YES, *_NO):
        raise ValueError("must be true or false")
    return text in _YES


def _count(value: Any) -> int:
    number = int(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError("must be a whole number above 0")
    return number


def _timeout(value: Any) -> Timeout:
    return Timeout.of(float(value) if isinstance(value, str) else value)


def _proxy(own: Setting[Any], system: Sources, scheme: str) -> Setting[Proxy | None]:
    found = own
    if found.value is None:
        names = _PROXY_VARIABLES[scheme]
        if system.has_variable("REQUEST_METHOD"):  # in CGI, a caller's header `Proxy` ends up in HTTP_PROXY
            names = tuple(name for name in names if name != "HTTP_PROXY")
        found = system.find_variable(*names)
    if found.value is None:
        return Setting(None, "default")
    if not isinstance(found.value, str):
        raise ConfigurationError(f"{found.source}: must be the URL of a proxy, not {type(found.value).__name__}")
    return Setting(Proxy.parse(found.value, found.source), found.source)


def _no_proxy(own: Setting[Any], system: Sources) -> Setting[NoProxy]:
    if own.value is not None:
        if not isinstance(own.value, (str, list, tuple)) or not all(isinstance(entry, str) for entry in own.value):
            raise ConfigurationError(f"{own.source}: must be hosts with commas between, or a list of them")
        return Setting(NoProxy.parse(own.value, own.source), own.source)
    found = system.find_variable("no_proxy", "NO_PROXY")
    # Not strict: other programs read it too, and may know more forms.
    return Setting(NoProxy.parse(found.value or "", strict=False), found.source)


def _ca_bundle(own: Setting[Any], system: Sources) -> Setting[str | None]:
    if own.value is not None:
        return Setting(_path(own.value, own.source), own.source)
    found = system.find_variable("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    if found.value is not None and not Path(found.value).exists():
        logger.warning("%s is not used: there is no file %s", found.source, found.value)
        return Setting(None, "default")
    return found


def _client_cert(sources: Sources, argument: ClientCertArgument | None) -> Setting[ClientCert | None]:
    if isinstance(argument, (tuple, list)):
        if len(argument) not in (2, 3):
            raise ConfigurationError("argument client_cert: must be a path, or (path, path of the key[, password])")
        certificate, key, *password = argument
        files = (_path(certificate, "argument client_cert"), _path(key, "argument client_cert"))
        return Setting(ClientCert(*files, *map(str, password)), "argument client_cert")
    found = sources.find_any("client_cert", argument, "TILDE_CLIENT_CERT")
    if found.value is None:
        return Setting(None, "default")
    path = _path(found.value, found.source)
    if argument is not None:
        return Setting(ClientCert(path), found.source)
    key_file = sources.find_any("client_key", None, "TILDE_CLIENT_KEY")
    secret = sources.find_any("client_key_password", None, "TILDE_CLIENT_KEY_PASSWORD").value
    key_path = None if key_file.value is None else _path(key_file.value, key_file.source)
    return Setting(ClientCert(path, key_path, None if secret is None else str(secret)), found.source)


def _path(value: Any, source: str) -> str:
    """Return a path that is there, for a file that is not would be missed in the middle of a job."""
    if not isinstance(value, (str, os.PathLike)):
        raise ConfigurationError(f"{source}: must be the path of a file, not {type(value).__name__}")
    path = Path(value).expanduser()
    if not path.exists():
        raise ConfigurationError(f"{source}: there is no file {path}")
    return str(path)
