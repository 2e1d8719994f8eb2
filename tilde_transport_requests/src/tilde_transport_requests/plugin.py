"""Offers the transport to the SDK. requests itself is imported when the transport is opened."""

from __future__ import annotations

from tilde.plugins import ConfigurationError, Transport, TransportOffer, TransportSettings, hookimpl

__all__ = ["check", "open_transport", "tilde_transport"]


def check(settings: TransportSettings) -> None:
    """Raise `ConfigurationError` for settings that requests cannot follow."""
    if settings.http2:
        raise ConfigurationError(
            'requests speaks HTTP/1.1 only: for http2, choose transport="httpx" (with the package h2 installed)'
        )


def open_transport(settings: TransportSettings) -> Transport:
    """Return an open `RequestsTransport`."""
    from tilde_transport_requests.transport import RequestsTransport

    return RequestsTransport(settings)


@hookimpl
def tilde_transport() -> TransportOffer:
    """Offer requests, behind httpx."""
    return TransportOffer("requests", 50, open_transport, check)
