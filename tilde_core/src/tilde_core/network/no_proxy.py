"""Which hosts are spoken to without a proxy."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from tilde_core.exceptions import ConfigurationError

if TYPE_CHECKING:  # some milliseconds, which only those pay who have a proxy
    import ipaddress

__all__ = ["NoProxy"]

_THROUGH = "<-loopback>"  # Chromium's spelling of it
_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*):(?P<port>\d{1,5})")
_NAME = re.compile(r"[^\s/:\[\]*<>]+")

_Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"


@dataclass(frozen=True, slots=True)
class NoProxy:
    """The `entries` of a `no_proxy` setting. An entry matches a host, or with `:port` behind it a host on that port.

    `example.com` is that host and all below it, `.example.com` (or `*.example.com`) only those below; `10.0.0.0/8`,
    `192.0.2.1`, `::1` and `fd00::/8` are addresses as they stand in a URL, for no name is looked up; `*` is every host.
    Loopback and link-local addresses, `localhost` and what is below it, are never spoken to through a proxy, unless an
    entry is `<-loopback>`.
    """

    entries: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str | Iterable[str], source: str = "", *, strict: bool = True) -> NoProxy:
        """Read entries with commas or spaces between. One that cannot be meant is a `ConfigurationError`, or if not
        `strict` is left out."""
        joined = text if isinstance(text, str) else ",".join(text)
        entries = [entry.lower() for entry in re.split(r"[,\s]+", joined) if entry]
        bad = [entry for entry in entries if not _is_usable(entry)]
        if bad and strict:
            where = f" from {source}" if source else ""
            raise ConfigurationError(
                f"no_proxy{where}: {bad[0]!r} is no host, address, network or *; write example.com, .example.com, "
                "10.0.0.0/8 or host:port, with commas between"
            )
        return cls(tuple(entry for entry in entries if entry not in bad))

    def matches(self, host: str, port: int) -> bool:
        """Return whether this host (without brackets) is spoken to directly. Looks nothing up."""
        host = host.lower().rstrip(".").partition("%")[0]
        address = _address(host)
        if _is_here(host, address) and _THROUGH not in self.entries:
            return True
        return any(_matches(entry, host, address, port) for entry in self.entries)

    def __str__(self) -> str:
        return ",".join(self.entries)


def _is_here(host: str, address: _Address | None) -> bool:
    if address is not None:
        return address.is_loopback or address.is_link_local
    return host == "localhost" or host.endswith(".localhost")


def _matches(entry: str, host: str, address: _Address | None, port: int) -> bool:
    name, wanted = _split_port(entry)
    if wanted is not None and wanted != port:
        return False
    if name == "*":
        return True
    if address is not None:
        network = _network(name)
        return network is not None and address in network
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


@lru_cache(maxsize=256)
def _split_port(entry: str) -> tuple[str, int | None]:
    """Return the host as it is compared, and the port if there is one."""
    match = _PORT.fullmatch(entry)
    name, port = (match["host"], int(match["port"])) if match else (entry, None)
    name = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    name = name[1:] if name.startswith("*.") else name.rstrip(".")
    return _as_in_urls(name), port


def _as_in_urls(name: str) -> str:
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def _is_usable(entry: str) -> bool:
    name, port = _split_port(entry)
    if entry == _THROUGH or (name == "*" and entry[0] != "."):
        return True
    if port is not None and not 0 < port < 65536:
        return False
    # What is neither of these cannot be a network, and ipaddress is not loaded for it.
    is_address = ("/" in name or ":" in name) and _network(name) is not None
    return is_address or bool(_NAME.fullmatch(name.removeprefix(".")))


@lru_cache(maxsize=256)
def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    import ipaddress

    try:
        address = None if "/" in name else _address(name)
        return ipaddress.ip_network(name if address is None else address, strict=False)
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _address(host: str) -> _Address | None:
    import ipaddress

    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
