from __future__ import annotations

import pytest

pytest.importorskip("tilde_transport_requests.plugin")
pytest.importorskip("requests")

from tilde_core.hooks.offers import Transport, TransportSettings
from tilde_core.testing.contract import PluginContract, TransportContract
from tilde_transport_requests import RequestsTransport, plugin


class TestRequestsContract(TransportContract):
    cell = ("contract", "requests")

    def open_transport(self, settings: TransportSettings) -> Transport:
        return RequestsTransport(settings)


class TestRequestsPlugin(PluginContract):
    def plugin(self) -> object:
        return plugin
