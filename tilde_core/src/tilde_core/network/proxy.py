"""A proxy: where it is and how to speak to it. Its user and password are shown nowhere."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from tilde_core.exceptions import ConfigurationError

__all__ = ["Proxy"]

_DEFAULT_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that `scheme` says how to speak to: `http`, `https` (TLS to the proxy itself), `socks5` or `socks5h`.

    With `socks5`, host names are looked up here; with `socks5h`, by the proxy. `source` says which setting it is from.
    """

    scheme: str
    host: str
    port: int
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    source: str = field(default="", compare=False, repr=False)

    @classmethod
    def parse(cls, url: str, source: str = "") -> Proxy:
        """Read `[scheme://][user[:password]@]host[:port]`; without a scheme, it is `http`.

        User and password are percent-decoded. Raises `ConfigurationError`, which does not show them.
        """
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port
        except ValueError:
            raise _unusable(source, "it is not a URL") from None
        _check(parts, source)
        return cls(
            scheme=parts.scheme,
            host=parts.hostname or "",
            port=_DEFAULT_PORTS[parts.scheme] if port is None else port,
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            source=source,
        )

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS, and so never sees a request."""
        return self.scheme in ("socks5", "socks5h")

    @property
    def authorization(self) -> str | None:
        """The value of `Proxy-Authorization` for an HTTP proxy; `None` without a user. It is a secret."""
        if not self.username or self.is_socks:
            return None
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode("ascii")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def __repr__(self) -> str:
        return f"Proxy({str(self).replace('://', '://***@') if self.username else str(self)!r})"


def _check(parts: SplitResult, source: str) -> None:
    if parts.scheme not in _DEFAULT_PORTS:
        raise _unusable(source, f"the scheme {parts.scheme!r} is none of {', '.join(_DEFAULT_PORTS)}")
    if not parts.hostname or parts.port == 0 or any(character.isspace() for character in parts.netloc):
        raise _unusable(source, "it names no host and port")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _unusable(source, "there is something behind host and port; a password must be percent-encoded")
    if parts.password and not parts.username:
        raise _unusable(source, "it has a password and no user")


def _unusable(source: str, why: str) -> ConfigurationError:
    where = f" from {source}" if source else ""
    return ConfigurationError(
        f"the proxy{where} cannot be used: {why}. It must look like http://user:password@host:port (not shown here)"
    )
