from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

pytest.importorskip("requests")
pytest.importorskip("tilde_transport_requests")

import tilde_transport_requests
from tilde.plugins import Transport, TransportSettings
from tilde_transport_requests import plugin


def test_entry_point_leads_to_the_plugin() -> None:
    found = [entry for entry in entry_points(group="tilde") if entry.name == "requests"]
    assert found[0].load() is plugin


def test_offer() -> None:
    offer = plugin.tilde_transport()
    assert (offer.name, offer.priority) == ("requests", 50)
    transport = offer.open(TransportSettings())
    assert isinstance(transport, Transport)
    assert isinstance(transport, tilde_transport_requests.RequestsTransport)
    transport.close()


def test_settings_can_be_left_out() -> None:
    tilde_transport_requests.RequestsTransport().close()


def test_plugin_costs_no_import_of_the_backend() -> None:
    program = (
        "import sys, tilde_transport_requests.plugin as p; p.tilde_transport(); sys.exit('requests' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = tilde_transport_requests.Nothing
