"""The client behind the module-level functions, made at first use."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

from tilde_core.client import Client
from tilde_core.credentials.configured import ApiKeyFunction
from tilde_core.hooks.offers import Transport, WebSocketConnector
from tilde_core.http import Timeout
from tilde_core.network_config import ClientCertArgument, FilePath
from tilde_core.resources.organizations import Organizations
from tilde_core.resources.repositories import Repository

__all__ = ["configure", "default_client", "organizations", "repository"]

_lock = threading.Lock()
_client: Client | None = None


def _after_fork_in_child() -> None:
    """Another thread of the parent may have held the lock; in the child nobody would ever free it."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def configure(
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
) -> None:
    """Set up what the module-level functions use from now on. The arguments are those of `Client`.

    May be called again: handles that were made before keep the client that they have. Raises `ConfigurationError`.
    """
    global _client
    client = Client(
        api_key,
        endpoint_url=endpoint_url,
        default_sandbox_image=default_sandbox_image,
        transport=transport,
        websocket=websocket,
        credentials=credentials,
        profile=profile,
        proxy=proxy,
        no_proxy=no_proxy,
        ca_bundle=ca_bundle,
        client_cert=client_cert,
        verify=verify,
        trust_env=trust_env,
        timeout=timeout,
        max_connections=max_connections,
        http2=http2,
        max_retries=max_retries,
        user_agent=user_agent,
        plugins=plugins,
    )
    with _lock:
        _client = client


def default_client() -> Client:
    """Return the client of the last `configure`, or one that is configured by environment and file alone."""
    global _client
    with _lock:
        if _client is None:
            _client = Client()
        return _client


def repository(path: str) -> Repository:
    """Return a handle for the repository at `"organization/repository"`, without a request. Raises `ValueError`."""
    return default_client().repository(path)


class _DefaultOrganizations(Organizations):
    """The organizations of whatever client is the default when it is used."""

    def __init__(self) -> None:
        pass

    @property
    def _client(self) -> Client:  # type: ignore[override]
        return default_client()


organizations: Organizations = _DefaultOrganizations()
"""The organizations that the caller belongs to, by the default client: that of `configure`, or else one of its own."""
