"""Where the metadata endpoint is: on this machine or its link, or anywhere behind TLS."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import unquote

from tilde.exceptions import ConfigurationError

__all__ = ["Endpoint", "parse_endpoint"]

# Strict: whatever could be read in two ways is refused, and so are a user, a fragment and an empty port.
_URI = re.compile(r"(https?)://(\[[0-9a-z:.%_-]+\]|[0-9a-z.-]+)(?::([0-9]{1,5}))?(/[!\"$-~]*)?\Z", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_NEAR = tuple(map(ipaddress.ip_network, ("127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10")))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A checked URI. `hosts` are what to connect to, in order; `target` may be a secret, and is not in the repr."""

    is_tls: bool
    name: str
    hosts: tuple[str, ...]
    port: int
    target: str = field(repr=False)

    @property
    def origin(self) -> str:
        """Scheme, host and port: all that an error may show."""
        host = f"[{self.name}]" if ":" in self.name else self.name
        return f"{'https' if self.is_tls else 'http'}://{host}:{self.port}"


def parse_endpoint(uri: str) -> Endpoint:
    """Return what `uri` says. Raises `ConfigurationError` for one that a token must not be fetched from.

    Plain HTTP is for literal loopback and link-local addresses and for `localhost`: no name is looked up.
    """
    match = _URI.match(uri)
    if match is None:
        scheme = _SCHEME.match(uri)
        if scheme and scheme[1].lower() not in ("http", "https"):
            _refuse("it has another scheme than http or https")
        _refuse("it must look like http://host[:port]/path, with no user, fragment, space or other unusual character")
    is_tls = match[1].lower() == "https"
    port = int(match[3] or (443 if is_tls else 80))
    if not 0 < port < 65536:
        _refuse(f"{port} is not a port")
    name, hosts = _hosts(match[2].lower(), is_tls)
    return Endpoint(is_tls, name, hosts, port, match[4] or "/")


def _hosts(host: str, is_tls: bool) -> tuple[str, tuple[str, ...]]:
    """The name in the request, and what to connect to: an IPv6 address has its zone only in the latter."""
    if host == "localhost":
        return host, ("127.0.0.1", "::1")
    literal = unquote(host.strip("[]"))
    address = _address(literal)
    if is_tls:
        if address is None and host.startswith("["):
            _refuse(f"{host} is not an IPv6 address")
    elif address is None or not any(address in network for network in _NEAR):
        _refuse(f"plain http is for addresses of this machine and its link only, and {host} is not one")
    return literal.partition("%")[0], (literal,)


def _address(literal: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(literal)
    except ValueError:
        return None


def _refuse(why: str) -> NoReturn:
    raise ConfigurationError(
        f"no token is fetched from what TILDE_SANDBOX_CREDENTIALS_URI says: {why}. A sandbox sets it to an http URL at "
        "127.0.0.0/8, 169.254.0.0/16, [::1], [fe80::]/10 or localhost, or to an https URL; outside of one, unset it "
        "and set TILDE_API_KEY"
    )
