"""Opens connections: through the proxy of the settings or without one, and with TLS where the URL asks for it.

Every transport and the WebSockets connect through here, so that a setting means the same to all of them. That is also
why CONNECT and SOCKS are spoken here, and not by three libraries in three ways.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, cast

from tilde_core.network.failures import dial_failure
from tilde_core.network.route import Route
from tilde_core.network.tls import Trust, tls_context

if TYPE_CHECKING:
    import ssl

    from tilde_core.hooks.offers import TransportSettings

__all__ = ["Dialer"]

_MAX_ROUTES = 256


class Dialer:
    """Opens connections as `settings` say, that speak one of `protocols` (names as ALPN has them).

    Used by many threads at once. Raises `ConfigurationError` for certificates that cannot be used.
    """

    def __init__(self, settings: TransportSettings, protocols: tuple[str, ...] = ("http/1.1",)) -> None:
        self._settings = settings
        self._protocols = protocols
        self._trust = Trust(settings.ca_bundle, settings.client_cert, settings.verify)
        self._context: ssl.SSLContext | None = None
        self._proxy_context: ssl.SSLContext | None = None
        self._routes: dict[tuple[str, bool], Route] = {}
        if settings.ca_bundle is not None or settings.client_cert is not None:
            self._server_tls()  # files that cannot be used are told now, and not in the middle of a job

    def route(self, origin: str, *, direct: bool = False) -> Route:
        """Return the way to `origin` (`https://host:port`), never through a proxy if it is to be `direct`."""
        route = self._routes.get((origin, direct))
        if route is None:
            if len(self._routes) >= _MAX_ROUTES:
                self._routes.clear()
            route = Route.to(origin, None if direct else self._settings.proxy_for(origin))
            self._routes[origin, direct] = route
        return route

    def open(self, route: Route, timeout: float | None) -> socket.socket:
        """Return a connection to the server, with TLS if it is secure. `timeout` bounds all of it, in seconds.

        Raises `DialFailed`.
        """
        started = time.monotonic()
        sock = self.connect(route, timeout)
        if not route.is_secure:
            return sock
        left = None if timeout is None else max(timeout - (time.monotonic() - started), 0.001)
        return self.secure(sock, route, left)

    def connect(self, route: Route, timeout: float | None) -> socket.socket:
        """Return a connection that reaches the server, without TLS to it. Raises `DialFailed`."""
        if route.proxy is None:
            try:
                return _connected(route.host, route.port, timeout)
            except (OSError, UnicodeError) as error:
                raise dial_failure(error, route, timeout) from error
        return self._connect_to_proxy(route, timeout)

    def secure(self, sock: socket.socket, route: Route, timeout: float | None) -> socket.socket:
        """Return a connection with TLS over `sock`, which is closed if there is to be none. Raises `DialFailed`."""
        return _wrapped(sock, self._server_tls(), route, timeout, route.host)

    def _connect_to_proxy(self, route: Route, timeout: float | None) -> socket.socket:
        from tilde_core.network.tunnel import open_tunnel, silent_proxy

        proxy = route.proxy
        assert proxy is not None
        try:
            sock = _connected(proxy.host, proxy.port, timeout)
        except (OSError, UnicodeError) as error:
            raise dial_failure(error, route, timeout, at_proxy=True) from error
        if proxy.scheme == "https":
            sock = _wrapped(sock, self._proxy_tls(), route, timeout, proxy.host, at_proxy=True)
        try:
            if not route.is_forwarded:
                open_tunnel(sock, proxy, route)
        except TimeoutError as error:
            sock.close()
            raise silent_proxy(proxy, route, timeout) from error
        except OSError as error:
            sock.close()
            raise dial_failure(error, route, timeout, at_proxy=True) from error
        except BaseException:
            sock.close()
            raise
        return sock

    def _server_tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = tls_context(self._trust, self._protocols)
        return self._context

    def _proxy_tls(self) -> ssl.SSLContext:
        """The proxy is trusted like a server, and does not get the client certificate."""
        if self._proxy_context is None:
            self._proxy_context = tls_context(Trust(self._trust.ca_bundle, None, self._trust.verify))
        return self._proxy_context


def _connected(host: str, port: int, timeout: float | None) -> socket.socket:
    sock = socket.create_connection((host, port), timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _wrapped(
    sock: socket.socket,
    context: ssl.SSLContext,
    route: Route,
    timeout: float | None,
    host: str,
    *,
    at_proxy: bool = False,
) -> socket.socket:
    import ssl

    from tilde_core.network.tls_in_tls import TlsInTls

    try:
        sock.settimeout(timeout)
        if isinstance(sock, ssl.SSLSocket):
            return cast("socket.socket", TlsInTls(sock, context, host))
        return context.wrap_socket(sock, server_hostname=host)
    except (OSError, UnicodeError) as error:
        sock.close()
        raise dial_failure(error, route, timeout, at_proxy=at_proxy) from error
    except BaseException:
        sock.close()
        raise
