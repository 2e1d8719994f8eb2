from __future__ import annotations

import pytest

pytest.importorskip("tilde_transport_requests.plugin")
pytest.importorskip("requests")

from tilde_core.hooks.offers import Transport, TransportSettings
from tilde_core.testing.contract.network import NetworkContract
from tilde_transport_requests import RequestsTransport


class TestRequestsNetwork(NetworkContract):
    cell = ("network", "requests")

    def open_transport(self, settings: TransportSettings) -> Transport:
        return RequestsTransport(settings)
