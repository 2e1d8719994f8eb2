from __future__ import annotations

import logging

import pytest

pytest.importorskip("httpx")
pytest.importorskip("tilde_transport_httpx")

import httpx

from tilde.plugins import Request
from tilde_core.testing import LoopbackServer, behaviors
from tilde_transport_httpx import HttpxTransport


def test_records_of_other_clients_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "httpcore")
    with LoopbackServer() as server:
        server.script("/", behaviors.answer(headers=[("X-Mark", "shown")]))
        transport = HttpxTransport()
        transport.send(Request(method="GET", url=server.url())).read()
        transport.close()
        assert "shown" not in caplog.text
        with httpx.Client(trust_env=False) as client:
            client.get(server.url())
        assert "shown" in caplog.text
