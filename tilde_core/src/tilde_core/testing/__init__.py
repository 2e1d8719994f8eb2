"""For plugin authors: a fake transport, a server that misbehaves on demand, and (in `contract`) the suites to subclass.

Nothing here needs pytest but `tilde_core.testing.contract`.
"""

from tilde_core.testing import behaviors
from tilde_core.testing.exchange import Behavior, Exchange, RecordedRequest
from tilde_core.testing.fake import FakeTransport
from tilde_core.testing.loopback import LoopbackServer
from tilde_core.testing.websockets import Frame, ServerWebSocket, websocket

__all__ = [
    "Behavior",
    "Exchange",
    "FakeTransport",
    "Frame",
    "LoopbackServer",
    "RecordedRequest",
    "ServerWebSocket",
    "behaviors",
    "websocket",
]
