"""A shell on a fake service, whose commands run for real: over real sockets, in processes of this machine."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from exec_service import ExecService
from sandbox_service import COMMITTED, PLACE, ROOT, SandboxService, status
from tilde import Client
from tilde_core.clock import Clock
from tilde_core.hooks.offers import WebSocketConnector
from tilde_core.resources.shell import Shell
from tilde_core.testing import Behavior, FakeTransport, LoopbackServer, websocket

__all__ = ["EXEC", "RUNNING", "TERMINAL", "Rig"]

EXEC = f"{ROOT}{PLACE}/exec"
TERMINAL = f"{ROOT}{PLACE}/terminal"
RUNNING = status("running")


class HurriedClock:
    """Real time, but for sleeping, which takes none and is counted as if it had."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped

    def sleep(self, seconds: float) -> None:
        self._skipped += seconds


class Rig:
    """The service, its server for commands, and a client. A context manager."""

    def __init__(self, *states: dict[str, Any], connector: WebSocketConnector | None = None) -> None:
        self.service = SandboxService(*(states or (RUNNING, COMMITTED)))
        self.commands = ExecService()
        self.server = LoopbackServer()
        self.server.script(EXEC, websocket(self.commands.serve))
        self.server.script(TERMINAL, websocket(self.commands.serve_terminal))
        self.clock = HurriedClock()
        self.client = Client(
            "tuk-test",
            endpoint_url=self.server.url().rstrip("/"),
            transport=FakeTransport(self.service),
            websocket=connector,
            clock=Clock(self.clock.monotonic, self.clock.sleep),
        )

    def shell(self, **options: Any) -> Shell:
        return self.client.repository("o/r").shell(**options)

    def next(self, *behaviors: Behavior) -> None:
        """What the next commands meet with, instead of being run."""
        self.server.enqueue(*behaviors)

    @property
    def connector(self) -> WebSocketConnector:
        return self.client._runtime.websocket()

    def __enter__(self) -> Rig:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.server.close()
