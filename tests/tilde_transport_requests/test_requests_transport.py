from __future__ import annotations

import pytest

pytest.importorskip("requests")
pytest.importorskip("tilde_transport_requests")

from tilde.plugins import OutcomeUnknownError, Request
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
