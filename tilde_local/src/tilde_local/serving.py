"""uvicorn in a thread: how it begins to listen, and how it comes to an end."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto import events

from tilde_local.app import build_app
from tilde_local.errors import StartError
from tilde_local.sandboxes.frames import PEER_IS_GONE
from tilde_local.services import Services

__all__ = ["HOST", "Serving", "listen"]

T = TypeVar("T")

HOST = "127.0.0.1"
_BACKLOG = 2048
_START_SECONDS = 30
_GRACE_SECONDS = 3.0


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; there is no way to ask for another interface. Raises OSError."""
    # The protocol is spelled out because asyncio switches off Nagle's delays only on sockets that say TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        # Not left to uvicorn: until somebody listens, SO_REUSEADDR lets a second server bind the same port.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on port {port} of {HOST}: {error.strerror}") from error
    return listener


class _Protocol(H11Protocol):
    """HTTP without an access log: presigned URLs are credentials. Switched off here, because uvicorn's own setting
    would silence every other uvicorn server of the process as well."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.access_log = False

    def shutdown(self) -> None:
        """The server stops: hang up on a client that is still sending, for how long is up to him."""
        super().shutdown()
        if self.cycle is not None and self.cycle.more_body:
            self.transport.close()

    def hang_up(self) -> None:
        """Drop the client, unless his answer is still being worked out: then it is not him who is waited for."""
        if self.cycle is None or self.cycle.more_body or self.cycle.response_started:
            self.transport.abort()


class _LimitedProtocol(_Protocol):
    """Hangs up at once unless `admits` says that there is room."""

    def __init__(self, admits: Callable[[asyncio.BaseTransport], bool], **named: Any) -> None:
        super().__init__(**named)
        self._admits = admits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody has connected."""
        super().connection_made(transport)
        if not self._admits(transport):
            transport.abort()


class _Room:
    """For so many connections at once."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken: set[asyncio.BaseTransport] = set()

    def admits(self, transport: asyncio.BaseTransport) -> bool:
        """Whether there was room for one more."""
        if len(self._taken) >= self._size:
            self._taken = {each for each in self._taken if not each.is_closing()}
        if len(self._taken) >= self._size:
            return False
        self._taken.add(transport)
        return True


class _WebSocketProtocol(WSProtocol):
    """A WebSocket whose endpoint can ask whether the client is still there, also while it takes nothing from him."""

    def handle_connect(self, event: events.Request) -> None:
        """Hand the question to the endpoint, as an extension."""
        super().handle_connect(event)
        self.scope["extensions"] = {**(self.scope["extensions"] or {}), PEER_IS_GONE: self._is_gone}  # type: ignore[dict-item]

    def _is_gone(self) -> bool:
        descriptor = self.transport.get_extra_info("socket").fileno()
        if descriptor < 0 or self.transport.is_closing():
            return True
        if not hasattr(select, "POLLRDHUP"):
            return False
        poll = select.poll()
        poll.register(descriptor, select.POLLRDHUP)
        return bool(poll.poll(0))

    def hang_up(self) -> None:
        """Drop the client."""
        self.transport.abort()


def _configured(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        lifespan="off",
        ws=_WebSocketProtocol,
        # Output is sent as it comes, at the speed of the machine. What the client is not asked is whether he lives:
        # one that is busy does not answer, and on loopback it is known when he is gone.
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )


class Serving(uvicorn.Server):
    """A context in which uvicorn serves in a thread. `app` is what it serves."""

    def __init__(self, services: Services, listener: socket.socket) -> None:
        self.app = build_app(services)
        super().__init__(_configured(self.app))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._settled = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run_here, args=(listener,), name="tilde-local", daemon=True)

    def _run_here(self, listener: socket.socket) -> None:
        try:
            self.run(sockets=[listener])
        except OSError as error:
            self._failure = error
        finally:
            self._settled.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the starting thread that requests are answered from here on."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._settled.set()

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Have the serving thread do something, from any other one; what comes of it."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def open(self, listener: socket.socket, app: ASGIApp, connections: int) -> asyncio.Server:
        """Serve `app` on another socket too, until what is returned is closed. To be awaited in the serving thread.

        Whoever comes while there are so many `connections` already is hung up on.
        """
        config, room = _configured(app), _Room(connections)
        config.load()

        def protocol() -> _Protocol:
            return _LimitedProtocol(room.admits, config=config, server_state=self.server_state, app_state={})

        return await asyncio.get_running_loop().create_server(protocol, sock=listener)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what was asked. uvicorn's own time limit is not used: it cancels the tasks, and logs a traceback of
        each. A client that is gone ends them in silence."""
        impatience = asyncio.create_task(self._hang_up())
        try:
            await super().shutdown(sockets)
        finally:
            impatience.cancel()

    async def _hang_up(self) -> None:
        while True:
            await asyncio.sleep(_GRACE_SECONDS)
            for connection in list(self.server_state.connections):
                if isinstance(connection, _Protocol | _WebSocketProtocol):
                    connection.hang_up()

    def __enter__(self) -> Serving:
        self._thread.start()
        if not self._settled.wait(_START_SECONDS) or not self.started:
            self.__exit__()
            reason = self._failure or "its log says why"
            raise StartError(f"the HTTP server did not start: {reason}") from self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self.should_exit = True
        self._thread.join()
