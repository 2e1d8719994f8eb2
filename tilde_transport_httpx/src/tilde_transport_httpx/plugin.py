"""Offers the transport to the SDK. httpx itself is imported when the transport is opened."""

from __future__ import annotations

from importlib.util import find_spec

from tilde.plugins import ConfigurationError, Transport, TransportOffer, TransportSettings, hookimpl

__all__ = ["check", "open_transport", "tilde_transport"]


def check(settings: TransportSettings) -> None:
    """Raise `ConfigurationError` for settings that cannot be followed with what is installed."""
    if settings.http2 and find_spec("h2") is None:
        raise ConfigurationError("http2 needs the package h2: pip install 'h2>=4'")


def open_transport(settings: TransportSettings) -> Transport:
    """Return an open `HttpxTransport`."""
    from tilde_transport_httpx.transport import HttpxTransport

    return HttpxTransport(settings)


@hookimpl
def tilde_transport() -> TransportOffer:
    """Offer httpx, ahead of requests."""
    return TransportOffer("httpx", 100, open_transport, check)
