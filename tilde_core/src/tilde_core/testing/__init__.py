"""For plugin authors: a fake transport and clock, a server that misbehaves on demand, proxies, and (in `contract`) the
suites to subclass.

Nothing here needs pytest but `tilde_core.testing.contract`, nor trustme but `tilde_core.testing.certificates`.
"""

from tilde_core.testing import behaviors
from tilde_core.testing.clock import FakeClock
from tilde_core.testing.exchange import Behavior, Exchange, RecordedRequest
from tilde_core.testing.fake import FakeTransport
from tilde_core.testing.loopback import LoopbackServer
from tilde_core.testing.proxies import ProxyServer, SocksServer
from tilde_core.testing.websockets import Frame, ServerWebSocket, websocket

__all__ = [
    "Behavior",
    "Exchange",
    "FakeClock",
    "FakeTransport",
    "Frame",
    "LoopbackServer",
    "ProxyServer",
    "RecordedRequest",
    "ServerWebSocket",
    "SocksServer",
    "behaviors",
    "websocket",
]
