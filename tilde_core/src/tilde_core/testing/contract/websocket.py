"""The whole contract of a connector of WebSockets."""

from __future__ import annotations

from tilde_core.testing.contract.endings import EndingRules
from tilde_core.testing.contract.handshakes import HandshakeRules
from tilde_core.testing.contract.messages import MessageRules

__all__ = ["WebSocketContract"]


class WebSocketContract(HandshakeRules, MessageRules, EndingRules):
    """Every rule for a connector. A subclass defines `open_connector(settings)`, as its offer's `open` does."""
