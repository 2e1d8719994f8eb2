"""Offers the transport to the SDK. httpx itself is imported when the transport is opened."""

from __future__ import annotations

from tilde.plugins import Transport, TransportOffer, TransportSettings, hookimpl

__all__ = ["open_transport", "tilde_transport"]


def open_transport(settings: TransportSettings) -> Transport:
    """Return an open `HttpxTransport`."""
    from tilde_transport_httpx.transport import HttpxTransport

    return HttpxTransport(settings)


@hookimpl
def tilde_transport() -> TransportOffer:
    """Offer httpx, ahead of requests."""
    return TransportOffer("httpx", 100, open_transport)
