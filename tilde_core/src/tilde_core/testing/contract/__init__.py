"""The contract suites: subclass one in a test file of your own, and pytest runs every rule against your plugin.

    from tilde_core.testing.contract import TransportContract

    class TestMyTransport(TransportContract):
        def open_transport(self, settings):
            return MyTransport(settings)

`WebSocketContract` likewise, with `open_connector(settings)`.

To override a test is to break the contract; whoever does so writes the reason next to it. Needs pytest.
"""

import pytest

pytest.register_assert_rewrite(
    "tilde_core.testing.contract.answers",
    "tilde_core.testing.contract.base",
    "tilde_core.testing.contract.connections",
    "tilde_core.testing.contract.failures",
    "tilde_core.testing.contract.network_base",
    "tilde_core.testing.contract.outgoing",
    "tilde_core.testing.contract.proxies",
    "tilde_core.testing.contract.secrecy",
    "tilde_core.testing.contract.trust",
    "tilde_core.testing.contract.websocket",
)

from tilde_core.testing.contract.transport import TransportContract  # noqa: E402
from tilde_core.testing.contract.websocket import WebSocketContract  # noqa: E402

__all__ = ["TransportContract", "WebSocketContract"]
