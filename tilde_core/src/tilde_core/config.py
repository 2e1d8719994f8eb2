"""Settings, resolved once per client; each remembers where its value came from."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from tilde_core.config_file import open_sources
from tilde_core.credentials.configured import (
    ApiKeyFunction,
    CredentialProcess,
    KeyringEntry,
    check_function,
    find_keyring_entry,
    find_process,
)
from tilde_core.exceptions import ConfigurationError
from tilde_core.logs import LOG_VARIABLE, log_to_stderr
from tilde_core.network_config import NetworkArguments, NetworkConfig, resolve_network
from tilde_core.sources import Setting, Sources

__all__ = ["DEFAULT_ENDPOINT_URL", "DEFAULT_SANDBOX_IMAGE", "Config", "Setting", "resolve_config"]

DEFAULT_ENDPOINT_URL = "https://tilde.run"
DEFAULT_SANDBOX_IMAGE = "ubuntu:22.04"

_PRINTABLE = re.compile(r"[\x21-\x7e]+\Z")


@dataclass(frozen=True, slots=True)
class Config:
    """The resolved settings of one client. `file_problem` says why the config file is not used; `""` if it could be."""

    api_key: Setting[str | None]
    api_key_function: Setting[ApiKeyFunction | None]
    api_key_keyring: Setting[KeyringEntry | None]
    credential_process: Setting[CredentialProcess | None]
    endpoint_url: Setting[str]
    default_sandbox_image: Setting[str]
    transport: Setting[str | None]
    websocket: Setting[str | None]
    credentials: Setting[str | None]
    profile: Setting[str | None]
    sandbox_credentials_uri: Setting[str | None]
    disabled_plugins: Setting[tuple[str, ...]]
    network: NetworkConfig
    file_problem: str


def resolve_config(
    *,
    api_key: str | ApiKeyFunction | None = None,
    endpoint_url: str | None = None,
    default_sandbox_image: str | None = None,
    transport: str | None = None,
    websocket: str | None = None,
    credentials: str | None = None,
    profile: str | None = None,
    network: NetworkArguments | None = None,
) -> Config:
    """Resolve every setting: argument, environment, `~/.tilde/config.yaml`, default. Raises `ConfigurationError`.

    A `profile` that is given comes before the environment.
    """
    wanted = os.environ.get(LOG_VARIABLE, "").strip()
    if wanted:
        log_to_stderr(wanted)  # first, so that what is wrong with the config file is seen
    sources, chosen = open_sources(profile)
    entry, process = find_keyring_entry(sources), find_process(sources)
    key, function = _api_key(sources, api_key, is_in_file=bool(entry.value or process.value))
    endpoint = sources.find("endpoint_url", endpoint_url, "TILDE_ENDPOINT_URL", "TILDE_API_URL", in_file=True)
    sandbox = sources.find("sandbox credentials URI", None, "TILDE_SANDBOX_CREDENTIALS_URI")
    image = sources.find("default_sandbox_image", default_sandbox_image, "TILDE_DEFAULT_SANDBOX_IMAGE")
    config = Config(
        api_key=Setting(_clean_key(key), key.source, secret=True),
        api_key_function=function,
        api_key_keyring=entry,
        credential_process=process,
        endpoint_url=Setting(_clean_endpoint(endpoint), endpoint.source),
        default_sandbox_image=Setting(image.value or DEFAULT_SANDBOX_IMAGE, image.source),
        transport=sources.find("transport", transport, "TILDE_TRANSPORT", in_file=True),
        websocket=sources.find("websocket", websocket, "TILDE_WEBSOCKET", in_file=True),
        credentials=sources.find("credentials", credentials, "TILDE_CREDENTIALS"),
        profile=chosen,
        sandbox_credentials_uri=Setting(sandbox.value, sandbox.source, secret=True),  # its path may be a secret
        disabled_plugins=_split(sources.find("disabled plugins", None, "TILDE_DISABLE_PLUGINS")),
        network=resolve_network(sources, network or NetworkArguments()),
        file_problem=sources.problem,
    )
    sources.warn_of_misspelled()
    return config


def _api_key(
    sources: Sources, argument: str | ApiKeyFunction | None, *, is_in_file: bool
) -> tuple[Setting[str | None], Setting[ApiKeyFunction | None]]:
    """Return the key and the function: the argument may be either, and as a function it leaves no place for a key.

    `is_in_file` tells that the file has another source of keys. Where that comes first, the environment does not count.
    """
    if argument is None or isinstance(argument, str):
        variables = () if sources.file_first and is_in_file else ("TILDE_API_KEY",)
        key = sources.find("api_key", argument, *variables, in_file=True)
        return key, Setting(None, "default")
    source = "argument api_key"  # secret: the repr of a method shows that of its object
    return Setting(None, source), Setting(check_function(argument), source, secret=True)


def _clean_key(key: Setting[str | None]) -> str | None:
    if key.value is not None and not _PRINTABLE.match(key.value):
        raise ConfigurationError(
            f"the API key from {key.source} holds spaces, control or non-ASCII characters and cannot be sent; "
            "copy it again (it is not shown here)"
        )
    return key.value


def _clean_endpoint(endpoint: Setting[str | None]) -> str:
    url = endpoint.value or DEFAULT_ENDPOINT_URL
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    # Each of these, even with nothing behind it, would change where `/api/v1` goes, or be a secret in a repr.
    if not usable or "@" in url or "?" in url or "#" in url or not _PRINTABLE.match(url):
        raise ConfigurationError(
            f"the endpoint URL from {endpoint.source} must look like https://host[:port][/path], without user, query "
            f"or fragment"
        )
    return url.rstrip("/")


def _split(setting: Setting[str | None]) -> Setting[tuple[str, ...]]:
    names = (name.strip() for name in (setting.value or "").split(","))
    return Setting(tuple(name for name in names if name), setting.source)
