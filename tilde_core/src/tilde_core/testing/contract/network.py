"""The contract of a transport that follows the settings for proxies and trust."""

from __future__ import annotations

from tilde_core.testing.contract.proxies import ProxyRules
from tilde_core.testing.contract.trust import TrustRules

__all__ = ["NetworkContract"]


class NetworkContract(ProxyRules, TrustRules):
    """Every rule for the settings of networks. A subclass defines `open_transport(settings)`, as with
    `TransportContract`. Needs trustme."""
