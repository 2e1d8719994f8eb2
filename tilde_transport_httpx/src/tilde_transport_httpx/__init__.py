"""Sends the Tilde SDK's requests with httpx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tilde_transport_httpx.transport import HttpxTransport

__all__ = ["HttpxTransport"]


def __getattr__(name: str) -> Any:
    """Import the adapter, and httpx with it, only when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tilde_transport_httpx.transport import HttpxTransport

    return HttpxTransport
