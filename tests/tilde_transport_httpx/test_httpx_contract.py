from __future__ import annotations

import pytest

pytest.importorskip("tilde_transport_httpx.plugin")
pytest.importorskip("httpx")

from tilde_core.hooks.offers import Transport, TransportSettings
from tilde_core.testing.contract import PluginContract, TransportContract
from tilde_transport_httpx import HttpxTransport, plugin


class TestHttpxContract(TransportContract):
    cell = ("contract", "httpx")

    def open_transport(self, settings: TransportSettings) -> Transport:
        return HttpxTransport(settings)


class TestHttpxPlugin(PluginContract):
    def plugin(self) -> object:
        return plugin
