from __future__ import annotations

import pytest

pytest.importorskip("tilde_transport_httpx.plugin")
pytest.importorskip("httpx")

from tilde_core.hooks.offers import Transport, TransportSettings
from tilde_core.testing.contract.network import NetworkContract
from tilde_transport_httpx import HttpxTransport


class TestHttpxNetwork(NetworkContract):
    cell = ("network", "httpx")

    def open_transport(self, settings: TransportSettings) -> Transport:
        return HttpxTransport(settings)
