"""TLS in front of the embedded server, which speaks none itself: requests, signed URLs and WebSockets."""

from __future__ import annotations

import http.client
import socket
import ssl
from urllib.parse import urlsplit

from tilde_core.testing import Exchange, LoopbackServer, RecordedRequest
from tilde_core.testing.exchange import Behavior
from tilde_core.testing.proxies import relay

__all__ = ["TlsFront"]

_LEFT_OUT = frozenset({"connection", "content-length", "host", "transfer-encoding"})


class TlsFront(LoopbackServer):
    """Passes everything on to the server at `endpoint_url`, as the server that it is behind is known as `name`.

    `paths` has the first part of the path of each request: `api`, or where the object store is.
    """

    def __init__(self, endpoint_url: str, name: str, tls: ssl.SSLContext, host: str = "127.0.0.1") -> None:
        self._behind = urlsplit(endpoint_url)
        self._name = name
        super().__init__(host=host, tls=tls)

    @property
    def endpoint_url(self) -> str:
        """Where it is, by its name."""
        return self.url("", host=self._name)

    def _behavior(self, request: RecordedRequest) -> Behavior:
        return self._upgrade if request.header("upgrade") else self._pass_on

    def _pass_on(self, exchange: Exchange) -> None:
        request, body = exchange.request, exchange.read_body()
        headers = {
            name: value for name, value in request.headers if name.lower() not in (*_LEFT_OUT, "accept-encoding")
        }
        upstream = http.client.HTTPConnection(self._behind.netloc, timeout=60)
        try:
            upstream.request(request.method, request.target, body, headers)
            answer = upstream.getresponse()
            content = self._renamed(answer.read())
            lines = [
                (n, self._renamed(v.encode()).decode()) for n, v in answer.getheaders() if n.lower() not in _LEFT_OUT
            ]
            size = answer.getheader("Content-Length", "0") if request.method == "HEAD" else str(len(content))
            exchange.send_head(answer.status, [*lines, *([] if answer.status == 204 else [("Content-Length", size)])])
            exchange.send(content)
        finally:
            upstream.close()

    def _renamed(self, content: bytes) -> bytes:
        """The server signs URLs for the name that it knows; the signature is of path and query alone."""
        return content.replace(self._behind.geturl().encode(), self.endpoint_url.encode())

    def _upgrade(self, exchange: Exchange) -> None:
        upstream = socket.create_connection((self._behind.hostname or "", self._behind.port or 80))
        self._hold(upstream)
        lines = [exchange.request.line]
        for name, value in exchange.request.headers:
            lines.append(f"{name}: {self._behind.netloc if name.lower() == 'host' else value}")
        upstream.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        relay(exchange.connection, upstream)
        self._release(upstream)
        exchange.hang_up()
