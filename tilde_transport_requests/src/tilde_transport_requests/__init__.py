"""Sends the Tilde SDK's requests with requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tilde_transport_requests.transport import RequestsTransport

__all__ = ["RequestsTransport"]


def __getattr__(name: str) -> Any:
    """Import the adapter, and requests with it, only when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tilde_transport_requests.transport import RequestsTransport

    return RequestsTransport
