"""The contracts that the SDK asks of every transport, and of every plugin."""

from __future__ import annotations

from tilde.plugins import Transport, TransportSettings
from tilde_core.testing.contract import NetworkContract, PluginContract, TransportContract
from tilde_transport_urllib3_example import plugin


class TestTransport(TransportContract):
    def open_transport(self, settings: TransportSettings) -> Transport:
        return plugin.open_transport(settings)


class TestNetwork(NetworkContract):
    def open_transport(self, settings: TransportSettings) -> Transport:
        return plugin.open_transport(settings)


class TestPlugin(PluginContract):
    def plugin(self) -> object:
        return plugin
