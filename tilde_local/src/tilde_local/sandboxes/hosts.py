"""Which hosts sandboxes may reach: those that the operator names, and no others."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["AllowedHosts", "is_inside"]

_PATTERN = re.compile(
    r"(?P<host>\*|(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::(?P<port>\d{1,5}))?"
)
_PORTS = (80, 443)


class _Pattern(NamedTuple):
    host: str
    port: int | None

    def matches(self, host: str, port: int) -> bool:
        if port != self.port and (self.port is not None or port not in _PORTS):
            return False
        if self.host.startswith("*."):
            return host.endswith(self.host[1:])
        return self.host in ("*", host)


def _parse(text: str) -> _Pattern:
    found = _PATTERN.fullmatch(text.lower())
    if found is None:
        raise ValueError(f"not a host: {text!r}; expected example.org, *.example.net, 10.0.0.1:8080 or *")
    return _Pattern(found["host"].strip("[]"), int(found["port"]) if found["port"] else None)


class AllowedHosts:
    """`hosts` are names, `*.name`, addresses or `*`, each with `:port` if it is neither 80 nor 443.

    Raises ValueError for what is none of these.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        self._patterns = [_parse(host) for host in hosts]

    def allows(self, host: str, port: int) -> bool:
        """Whether `host`, a name or an address, may be reached on `port`."""
        host = host.lower().rstrip(".")
        return any(pattern.matches(host, port) for pattern in self._patterns)

    def names(self, host: str) -> bool:
        """Whether the operator has named just this host, and no pattern that it falls under."""
        return any(pattern.host == host.lower().rstrip(".") for pattern in self._patterns)


def is_inside(address: str) -> bool:
    """Whether an address is that of this machine, or of its link: a name in the internet must not lead there."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_loopback or found.is_link_local or found.is_unspecified or found.is_multicast:
        return True
    return _is_own(str(found), socket.AF_INET if found.version == 4 else socket.AF_INET6)


def _is_own(address: str, family: socket.AddressFamily) -> bool:
    """Whether an interface of this machine has the address: nothing can be bound to any other."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
