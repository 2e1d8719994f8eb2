"""What is true of this transport, beyond what the contracts ask."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest
import urllib3.exceptions

import tilde_transport_urllib3_example
from tilde import Client
from tilde.exceptions import ConfigurationError, NotSentError, OutcomeUnknownError
from tilde.plugins import Request, TransportSettings
from tilde_core.testing import LoopbackServer, behaviors
from tilde_transport_urllib3_example import Urllib3Transport, plugin
from tilde_transport_urllib3_example.errors import ERRORS

REQUEST = Request(method="PUT", url="https://store.example:1/o?sig=s3cret", operation="objects.put")
ERROR_CLASSES = [
    value
    for value in vars(urllib3.exceptions).values()
    if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == "urllib3.exceptions"
]
ERROR_CLASSES = [value for value in ERROR_CLASSES if not issubclass(value, Warning)]


def test_entry_point_leads_to_the_plugin() -> None:
    (found,) = entry_points(group="tilde", name="urllib3-example")
    assert found.load() is plugin


def test_client_uses_it_when_it_is_chosen() -> None:
    """And does not when it is not: its priority is low."""
    with LoopbackServer() as server:
        server.script("/api/v1/organizations/my-team", behaviors.answer(200, b'{"id": "1", "name": "my-team"}'))
        with Client("key", endpoint_url=server.url("").rstrip("/"), transport="urllib3-example") as client:
            assert client.organizations.get("my-team").name == "my-team"
        assert server.requests[0].header("Authorization") == ["Bearer key"]


def test_http2_is_refused_when_the_client_is_made() -> None:
    with pytest.raises(ConfigurationError, match='choose transport="httpx"'):
        Client("key", transport="urllib3-example", http2=True)
    with pytest.raises(ConfigurationError, match='choose transport="httpx"'):
        Urllib3Transport(TransportSettings(http2=True))


@pytest.mark.parametrize("error", ERROR_CLASSES)
def test_every_error_of_urllib3_becomes_one_of_the_sdk(error: type[Exception]) -> None:
    """Also one that a later release adds: all of them derive from one that has a row."""
    with pytest.raises((NotSentError, OutcomeUnknownError), match=r"objects\.put: .") as caught, ERRORS.guard(REQUEST):
        raise error.__new__(error)
    assert "s3cret" not in str(caught.value)


def test_interim_status_is_not_taken_for_the_answer() -> None:
    with LoopbackServer() as server:
        server.enqueue(
            behaviors.garbage(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        )
        transport = Urllib3Transport()
        with pytest.raises(OutcomeUnknownError, match="interim status 103"):
            transport.send(Request(method="GET", url=server.url()))
        assert transport.send(Request(method="GET", url=server.url())).status == 200
        transport.close()


def test_repr_names_the_settings() -> None:
    transport = Urllib3Transport(TransportSettings(max_connections=3))
    assert repr(transport).startswith("Urllib3Transport(TransportSettings(max_connections=3")
    transport.close()


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = tilde_transport_urllib3_example.Nothing
