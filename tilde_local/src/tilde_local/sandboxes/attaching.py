"""The WebSocket to the terminal of an interactive sandbox.

What it prints is read from its log, so that any number may look on, and one who looks away holds up nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated

import msgspec
from starlette.websockets import WebSocket

from tilde_local.sandboxes import frames
from tilde_local.sandboxes.active import Active
from tilde_local.sandboxes.logs import follow
from tilde_local.sandboxes.pipes import Input
from tilde_local.sandboxes.terminal import Terminal, resize

__all__ = ["serve"]

_STDIN, _OUTPUT, _RESIZE, _EXIT = range(4)
# How much of what was printed before somebody looks is shown to him.
_SEEN_BYTES = 64 * 1024
_Cells = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class _Size(msgspec.Struct):
    cols: _Cells
    rows: _Cells


class _Exit(msgspec.Struct):
    exited: bool
    exit_code: int | None


async def serve(websocket: WebSocket, active: Active, terminal: Terminal) -> None:
    """Serve one who looks on and types, until he leaves or the terminal's command ends."""
    descriptor = terminal.attach()
    if descriptor is None:
        await _exit(websocket, terminal)
        return
    keyboard = Input(descriptor)
    tasks = {asyncio.ensure_future(_show(websocket, active, terminal))}
    tasks.add(asyncio.ensure_future(_type(websocket, keyboard, descriptor)))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        with contextlib.suppress(frames.Disconnected):
            for task in done:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        keyboard.close()


async def _show(websocket: WebSocket, active: Active, terminal: Terminal) -> None:
    start = max(0, active.output.size - _SEEN_BYTES)
    async for data in follow(active.output, start, lambda: terminal.exit_code is not None):
        await frames.send(websocket, _OUTPUT, data)
    await _exit(websocket, terminal)


async def _exit(websocket: WebSocket, terminal: Terminal) -> None:
    await frames.send_json(websocket, _EXIT, _Exit(True, terminal.exit_code))
    await frames.close(websocket)


async def _type(websocket: WebSocket, keyboard: Input, descriptor: int) -> None:
    """Take what is typed, until he leaves. What makes no sense is ignored."""
    while True:
        kind, data = await frames.receive(websocket)
        if kind == _STDIN:
            await keyboard.write(data)
        elif kind == _RESIZE:
            with contextlib.suppress(ValueError):
                size = frames.decode(data, _Size)
                resize(descriptor, size.cols, size.rows)
