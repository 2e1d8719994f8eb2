from __future__ import annotations

import pytest

pytest.importorskip("requests")
pytest.importorskip("tilde_transport_requests")

from tilde import Client, Timeout
from tilde.plugins import ConfigurationError, NotSentError, OutcomeUnknownError, Request, TransportSettings
from tilde_core.testing import LoopbackServer, behaviors
from tilde_transport_requests import RequestsTransport


def test_interim_status_is_not_taken_for_the_answer() -> None:
    with LoopbackServer() as server:
        server.enqueue(
            behaviors.garbage(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        )
        transport = RequestsTransport()
        with pytest.raises(OutcomeUnknownError, match="interim status 103"):
            transport.send(Request(method="GET", url=server.url()))
        assert transport.send(Request(method="GET", url=server.url())).status == 200
        transport.close()


def test_http2_is_refused_and_the_message_says_which_transport_can() -> None:
    with pytest.raises(ConfigurationError, match=r'HTTP/1\.1 only.*transport="httpx"'):
        RequestsTransport(TransportSettings(http2=True))
    with pytest.raises(ConfigurationError, match=r'HTTP/1\.1 only.*transport="httpx"'):
        Client("key", transport="requests", http2=True)


def test_connections_to_all_hosts_count_together() -> None:
    with LoopbackServer() as one, LoopbackServer() as other:
        one.script("/slow", behaviors.dribble([b"first", b"rest"], [one.gate()]))
        transport = RequestsTransport(TransportSettings(max_connections=1))
        held = transport.send(Request(method="GET", url=one.url("/slow")))
        with pytest.raises(NotSentError, match=r"busy for 0\.1 seconds"):
            transport.send(Request(method="GET", url=other.url(), timeout=Timeout(pool=0.1)))
        held.close()
        assert transport.send(Request(method="GET", url=other.url(), timeout=Timeout(pool=0.1))).status == 200
        transport.close()
