"""The way to one server: directly or through a proxy, and what a request must look like on it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from tilde_core.exceptions import NotSentError
from tilde_core.http import Headers, Request, Response
from tilde_core.network.proxy import Proxy

__all__ = ["Route", "check_forwarded", "refused_by_proxy"]

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_PROXY_AUTHENTICATION_REQUIRED = 407
Line = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Route:
    """The server at `scheme://host:port` (the host without brackets), and the proxy on the way to it, if any."""

    scheme: str
    host: str
    port: int
    proxy: Proxy | None = None

    @classmethod
    def to(cls, url: str, proxy: Proxy | None = None) -> Route:
        """Return the route to the server of `url`, which may begin with http, https, ws or wss."""
        parts = urlsplit(url)
        return cls(parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme], proxy)

    @property
    def is_secure(self) -> bool:
        """Whether there is TLS between here and the server."""
        return self.scheme in ("https", "wss")

    @property
    def is_forwarded(self) -> bool:
        """Whether the proxy gets each request and sends it on, in place of a tunnel that it cannot look into."""
        return self.scheme == "http" and self.proxy is not None and not self.proxy.is_socks

    @property
    def name(self) -> str:
        """The server as messages name it: with the port, unless it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def target(self, origin: str, target: str) -> str:
        """Return the request target as it goes over the wire: a proxy that forwards needs the whole URL."""
        return origin + target if self.is_forwarded else target

    def lines(self, lines: list[Line]) -> list[Line]:
        """Return the header lines, with the credentials for a proxy that forwards; no server ever gets those."""
        authorization = self.proxy.authorization if self.proxy is not None and self.is_forwarded else None
        return lines if authorization is None else [*lines, ("Proxy-Authorization", authorization)]


def refused_by_proxy(proxy: Proxy | None, headers: Headers) -> str:
    """Return what to say of a 407: whether credentials are missing or wrong, and which kinds the proxy knows."""
    offered = [value.split(" ")[0].rstrip(",") for name, value in headers.multi_items() if _is_challenge(name)]
    kinds = f"; it offers {', '.join(offered)}" if offered else ""
    name, setting = (str(proxy), proxy.source) if proxy is not None else ("on the way", "")
    if offered and not any(kind.lower() == "basic" for kind in offered):
        advice = "that is not what a user and a password in the setting proxy can do: see docs/corporate-networks.md"
    elif proxy is not None and proxy.username:
        advice = f"it does not accept the user and the password from {setting or 'its URL'}"
    elif proxy is None:
        advice = "put the user and the password into the URL of the proxy, where the session has it"
    else:
        advice = "give it as proxy=http://user:password@host:port"
    return f"the proxy {name} wants to know who is calling (407{kinds}): {advice}"


def _is_challenge(name: str) -> bool:
    return name.lower() == "proxy-authenticate"


def check_forwarded(request: Request, route: Route | None, response: Response) -> None:
    """Raise `NotSentError` if this is the answer of a proxy that did not send the request on. Closes it then.

    Without a `route`, the way was that of a session of the user's own: then the answer must say that it is a proxy's.
    """
    is_of_proxy = "Proxy-Authenticate" in response.headers if route is None else route.is_forwarded
    if response.status == _PROXY_AUTHENTICATION_REQUIRED and is_of_proxy:
        response.close()
        error = NotSentError(
            refused_by_proxy(None if route is None else route.proxy, response.headers),
            method=request.method,
            url=request.safe_url,
            operation=request.operation,
        )
        error.is_permanent = True
        raise error
