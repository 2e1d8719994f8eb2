"""Offers the transport to the SDK. requests itself is imported when the transport is opened."""

from __future__ import annotations

from tilde.plugins import Transport, TransportOffer, TransportSettings, hookimpl

__all__ = ["open_transport", "tilde_transport"]


def open_transport(settings: TransportSettings) -> Transport:
    """Return an open `RequestsTransport`."""
    from tilde_transport_requests.transport import RequestsTransport

    return RequestsTransport(settings)


@hookimpl
def tilde_transport() -> TransportOffer:
    """Offer requests, behind httpx."""
    return TransportOffer("requests", 50, open_transport)
