"""An example of a third-party plugin: sends the Tilde SDK's requests with urllib3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tilde_transport_urllib3_example.transport import Urllib3Transport

__all__ = ["Urllib3Transport"]


def __getattr__(name: str) -> Any:
    """Import the transport, and urllib3 with it, only when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tilde_transport_urllib3_example.transport import Urllib3Transport

    return Urllib3Transport
