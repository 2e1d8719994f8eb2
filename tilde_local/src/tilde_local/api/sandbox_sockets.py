"""/organizations/{organization}/repositories/{repository}/sandboxes/{sandbox_id}/exec and /terminal"""

from __future__ import annotations

from typing import NamedTuple

from starlette.websockets import WebSocket

from tilde_local.api.call import Call
from tilde_local.api.sockets import Socket
from tilde_local.errors import BadRequest, Conflict, Gone, Unavailable
from tilde_local.runner.base import Container
from tilde_local.sandboxes import attaching, commands
from tilde_local.sandboxes.active import Active
from tilde_local.sandboxes.control import require_own
from tilde_local.sandboxes.reading import active_of
from tilde_local.sandboxes.terminal import Terminal
from tilde_local.store import sandboxes
from tilde_local.store.records import Sandbox

__all__ = ["execute", "terminal"]


class _Place(NamedTuple):
    """Where a command can be run."""

    active: Active
    container: Container


class _Screen(NamedTuple):
    """A terminal that can be looked at."""

    active: Active
    terminal: Terminal


def _own(call: Call) -> tuple[Sandbox, Active]:
    """The sandbox, if the caller may work in it and it has not ended. Raises Forbidden, NotFound, Gone."""
    with call.services.database.read() as db:
        sandbox = sandboxes.find(db, call.repository(db, "ExecSandbox"), call.params["sandbox_id"])
        require_own(db, call.permissions(db, call.own_organization(db)), sandbox)
    active = active_of(call.services, sandbox)
    if active is None or active.is_over:
        raise Gone(f"sandbox {sandbox.id} has ended")
    return sandbox, active


def _place(call: Call) -> _Place:
    sandbox, active = _own(call)
    container = active.container
    if container is None:
        raise Unavailable(
            f"sandbox {sandbox.id} is not ready yet: try again when its status is running", code="not_ready"
        )
    return _Place(active, container)


def _screen(call: Call) -> _Screen:
    sandbox, active = _own(call)
    if sandbox.mode != "interactive":
        raise BadRequest(f"sandbox {sandbox.id} is not interactive: it has no terminal")
    if active.terminal is None:
        raise Conflict(f"sandbox {sandbox.id} has no terminal yet: try again when its status is running")
    return _Screen(active, active.terminal)


async def _run(websocket: WebSocket, place: _Place) -> None:
    await commands.serve(websocket, place.active, place.container)


async def _attach(websocket: WebSocket, screen: _Screen) -> None:
    await attaching.serve(websocket, screen.active, screen.terminal)


execute = Socket(
    "getSandboxExec",
    "GET …/exec: a WebSocket that runs one command in the sandbox.",
    (400, 403, 404, 410, 503),
    _place,
    _run,
)
terminal = Socket(
    "getSandboxTerminal",
    "GET …/terminal: a WebSocket to the terminal of an interactive sandbox.",
    (400, 403, 404, 409, 410),
    _screen,
    _attach,
)
