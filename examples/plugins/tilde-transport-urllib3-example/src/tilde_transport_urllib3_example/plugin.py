"""What the entry point leads to. urllib3 is imported when the transport is opened, and not before."""

from __future__ import annotations

from tilde.plugins import ConfigurationError, Transport, TransportOffer, TransportSettings, hookimpl

__all__ = ["check", "open_transport", "tilde_transport"]


def check(settings: TransportSettings) -> None:
    """Raise `ConfigurationError` for settings that urllib3 cannot follow."""
    if settings.http2:
        raise ConfigurationError('urllib3 speaks HTTP/1.1 only: for http2, choose transport="httpx"')


def open_transport(settings: TransportSettings) -> Transport:
    """Return an open transport."""
    from tilde_transport_urllib3_example.transport import Urllib3Transport

    return Urllib3Transport(settings)


@hookimpl
def tilde_transport() -> TransportOffer:
    """Offer urllib3, behind the transports that come with the SDK: it is used when it is chosen."""
    return TransportOffer("urllib3-example", 10, open_transport, check)
