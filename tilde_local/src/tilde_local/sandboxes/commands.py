"""The WebSocket that runs one command in a sandbox: what it reads, what it prints, and how it ends.

Nothing is gathered: a client that does not read holds up the command, and a command that does not read its client.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from starlette.websockets import WebSocket

from tilde_local.runner.base import CommandNotStarted, Container, Process
from tilde_local.sandboxes import frames
from tilde_local.sandboxes.active import Active
from tilde_local.sandboxes.pipes import Input, Output, make_pipe

__all__ = ["serve"]

_LAUNCH, _STDIN, _STDIN_END, _STDOUT, _STDERR, _EXIT = range(6)
_LOOK_SECONDS = 0.25


class _Launch(msgspec.Struct):
    cmd: Annotated[list[str], msgspec.Meta(min_length=1)]
    env: dict[str, str] = {}
    cwd: str = ""


class _Exit(msgspec.Struct, omit_defaults=True):
    exit_code: int
    reason: str = ""
    error: str = ""


async def serve(websocket: WebSocket, active: Active, container: Container) -> None:
    """Serve one command, from its launch frame to its exit frame; it is killed if the client leaves."""
    with contextlib.suppress(frames.Disconnected):
        try:
            launch = await _launch(websocket)
            command = await asyncio.wrap_future(active.start(lambda: _Command.start(launch, active, container)))
        except CommandNotStarted as error:
            await _exit(websocket, _Exit(error.exit_code, error.reason, error.message))
            return
        try:
            await _attend(websocket, command)
            await _exit(websocket, _exit_of(command, active))
        finally:
            command.close()


async def _launch(websocket: WebSocket) -> _Launch:
    """What shall be run. Raises CommandNotStarted for a frame that does not say it, Disconnected."""
    kind, data = await frames.receive(websocket)
    try:
        if kind != _LAUNCH:
            raise ValueError("the first frame must be 0x00 and JSON with cmd, env and cwd")
        launch = frames.decode(data, _Launch)
        if any("\x00" in text for text in (*launch.cmd, launch.cwd, *launch.env, *launch.env.values())):
            raise ValueError("cmd, env and cwd cannot hold a null character")
        if any(not name or "=" in name for name in launch.env):
            raise ValueError("env: a variable has a name, and no '=' in it")
    except ValueError as error:
        raise CommandNotStarted("invalid_launch", f"the launch frame is wrong: {error}") from error
    return launch


class _Command:
    """A command that was started, with our ends of its pipes."""

    def __init__(self, process: Process, stdin: int, stdout: int, stderr: int) -> None:
        self.process = process
        self.stdin = Input(stdin)
        self.stdout = Output(stdout)
        self.stderr = Output(stderr)
        self.exit_code: int | None = None

    @classmethod
    def start(cls, launch: _Launch, active: Active, container: Container) -> _Command:
        """Start it. Raises CommandNotStarted."""
        pipes = [make_pipe() for _ in range(3)]
        (stdin, ours_in), (ours_out, stdout), (ours_err, stderr) = pipes
        try:
            process = container.run(
                launch.cmd,
                env=active.environment(container, launch.env),
                cwd=launch.cwd or container.mountpoint,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
            )
        except BaseException:
            for descriptor in (ours_in, ours_out, ours_err):
                os.close(descriptor)
            raise
        finally:
            for descriptor in (stdin, stdout, stderr):
                os.close(descriptor)
        return cls(process, ours_in, ours_out, ours_err)

    def close(self) -> None:
        """Kill what still runs of it."""
        if self.exit_code is None:
            self.process.kill()
        self.stdin.close()
        self.stdout.close()
        self.stderr.close()


async def _attend(websocket: WebSocket, command: _Command) -> None:
    """Pass everything to and fro until the command has ended and all it printed is sent. Raises Disconnected."""
    sending = asyncio.gather(
        _send(websocket, _STDOUT, command.stdout), _send(websocket, _STDERR, command.stderr), _exited(command)
    )
    others = (_feed(websocket, command.stdin), _watch(websocket, command.stdin))
    tasks: list[asyncio.Future[Any]] = [sending, *(asyncio.ensure_future(other) for other in others)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send(websocket: WebSocket, kind: int, output: Output) -> None:
    async for data in output.pieces():
        await frames.send(websocket, kind, data)


async def _exited(command: _Command) -> None:
    """Wait for the command itself. What it printed is in the pipes then; what it left running is not waited for."""
    loop = asyncio.get_running_loop()
    code: asyncio.Future[int] = loop.create_future()

    def note(exit_code: int) -> None:
        if not code.done():
            code.set_result(exit_code)

    def tell(exit_code: int) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(note, exit_code)

    command.process.on_exit(tell)
    command.exit_code = await code
    command.stdout.finish()
    command.stderr.finish()


async def _feed(websocket: WebSocket, stdin: Input) -> None:
    """Hand over what the client sends, as fast as the command reads it. Raises Disconnected."""
    while True:
        kind, data = await frames.receive(websocket)
        if kind == _STDIN:
            await stdin.write(data)
        elif kind == _STDIN_END:
            stdin.close()


async def _watch(websocket: WebSocket, stdin: Input) -> None:
    """While nothing is taken from the client, see whether he is still there. Raises Disconnected."""
    is_gone: Callable[[], bool] = websocket.scope["extensions"][frames.PEER_IS_GONE]
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if stdin.is_waiting and is_gone():
            raise frames.Disconnected(1006)


def _exit_of(command: _Command, active: Active) -> _Exit:
    assert command.exit_code is not None
    if active.is_over:
        return _Exit(command.exit_code, "sandbox_ended", "the sandbox has ended, and the command with it")
    return _Exit(command.exit_code)


async def _exit(websocket: WebSocket, exit_: _Exit) -> None:
    await frames.send_json(websocket, _EXIT, exit_)
    await frames.close(websocket)
