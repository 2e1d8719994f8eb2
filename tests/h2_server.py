"""A server that speaks HTTP/2 over TLS, and HTTP/1.1 to who does not offer it."""

from __future__ import annotations

import ssl

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, StreamEnded

from tilde_core.testing import Exchange, LoopbackServer

__all__ = ["H2Server"]

_FRAME = 16 * 1024


class H2Server(LoopbackServer):
    """Answers each request with its own body, of at most 60 KB: it does not wait for the client to make room.

    `h2_requests` has the headers of those that came over HTTP/2.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        tls.set_alpn_protocols(["h2", "http/1.1"])
        self.h2_requests: list[dict[str, str]] = []
        super().__init__(tls=tls)

    def _converse(self, exchange: Exchange) -> None:
        secured = exchange.connection
        assert isinstance(secured, ssl.SSLSocket)
        if secured.selected_alpn_protocol() != "h2":
            super()._converse(exchange)
            return
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        secured.sendall(connection.data_to_send())
        bodies: dict[int, bytes] = {}
        while data := secured.recv(65536):
            for event in connection.receive_data(data):
                self._answer(connection, event, bodies)
            secured.sendall(connection.data_to_send())

    def _answer(self, connection: H2Connection, event: Event, bodies: dict[int, bytes]) -> None:
        if isinstance(event, RequestReceived):
            headers = {str(name): str(value) for name, value in event.headers or ()}
            self.h2_requests.append(headers)
            bodies[event.stream_id or 0] = b""
        elif isinstance(event, DataReceived):
            stream = event.stream_id or 0
            bodies[stream] += event.data or b""
            connection.acknowledge_received_data(event.flow_controlled_length or 0, stream)
        elif isinstance(event, StreamEnded):
            stream = event.stream_id or 0
            connection.send_headers(stream, [(":status", "200"), ("x-mark", "a"), ("x-mark", "b")])
            body = bodies.pop(stream)
            for start in range(0, len(body), _FRAME):
                connection.send_data(stream, body[start : start + _FRAME])
            connection.end_stream(stream)
