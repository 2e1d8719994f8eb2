"""The transport of a third party, held against ours: its contracts are cells of the matrix. More tests are with it."""

from __future__ import annotations

import pytest

pytest.importorskip("tilde_transport_urllib3_example.plugin")
pytest.importorskip("urllib3")

from tilde.plugins import Transport, TransportSettings
from tilde_core.testing.contract import NetworkContract, TransportContract
from tilde_transport_urllib3_example import Urllib3Transport


class TestUrllib3Contract(TransportContract):
    cell = ("contract", "urllib3-example")

    def open_transport(self, settings: TransportSettings) -> Transport:
        return Urllib3Transport(settings)


class TestUrllib3Network(NetworkContract):
    cell = ("network", "urllib3-example")

    def open_transport(self, settings: TransportSettings) -> Transport:
        return Urllib3Transport(settings)
