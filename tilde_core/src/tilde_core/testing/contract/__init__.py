"""The contract suites: subclass one in a test file of your own, and pytest runs every rule against your plugin.

    from tilde_core.testing.contract import TransportContract

    class TestMyTransport(TransportContract):
        def open_transport(self, settings):
            return MyTransport(settings)

| suite | you define |
|---|---|
| `TransportContract`, `NetworkContract` | `open_transport(settings)` |
| `CredentialContract` | the fixture `source`, a `CredentialSource` |
| `RetryContract` | `open_policy(settings)` |
| `WebSocketContract` | `open_connector(settings)` |
| `PluginContract` | `plugin()`: the module or object with the hooks |

Whatever else you override needs a reason: `@overrides("why")` above it, or `test_x = left_out("why")`. Without one,
your tests do not begin. Needs pytest, and `NetworkContract` needs trustme. With pytest-timeout, which the extra
`testing` brings too, a test that hangs ends in an error.
"""

from typing import TYPE_CHECKING, Any

import pytest

pytest.register_assert_rewrite(
    "tilde_core.testing.contract.answers",
    "tilde_core.testing.contract.base",
    "tilde_core.testing.contract.connections",
    "tilde_core.testing.contract.credential_failures",
    "tilde_core.testing.contract.credentials",
    "tilde_core.testing.contract.endings",
    "tilde_core.testing.contract.expiry",
    "tilde_core.testing.contract.failures",
    "tilde_core.testing.contract.handshakes",
    "tilde_core.testing.contract.messages",
    "tilde_core.testing.contract.network_base",
    "tilde_core.testing.contract.outgoing",
    "tilde_core.testing.contract.plugin",
    "tilde_core.testing.contract.proxies",
    "tilde_core.testing.contract.retry",
    "tilde_core.testing.contract.secrecy",
    "tilde_core.testing.contract.source",
    "tilde_core.testing.contract.trust",
    "tilde_core.testing.contract.waiting",
    "tilde_core.testing.contract.websocket_base",
)

from tilde_core.testing.contract.credentials import CredentialContract  # noqa: E402
from tilde_core.testing.contract.plugin import PluginContract  # noqa: E402
from tilde_core.testing.contract.retry import RetryContract  # noqa: E402
from tilde_core.testing.contract.rules import left_out, overrides  # noqa: E402
from tilde_core.testing.contract.source import CredentialSource, Grant  # noqa: E402
from tilde_core.testing.contract.transport import TransportContract  # noqa: E402
from tilde_core.testing.contract.websocket import WebSocketContract  # noqa: E402

if TYPE_CHECKING:
    from tilde_core.testing.contract.network import NetworkContract

__all__ = [
    "CredentialContract",
    "CredentialSource",
    "Grant",
    "NetworkContract",
    "PluginContract",
    "RetryContract",
    "TransportContract",
    "WebSocketContract",
    "left_out",
    "overrides",
]


def __getattr__(name: str) -> Any:
    """Import the suite that needs trustme only when it is asked for."""
    if name != "NetworkContract":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tilde_core.testing.contract.network import NetworkContract

    return NetworkContract
