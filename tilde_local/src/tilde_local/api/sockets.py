"""WebSockets of the API: refused over HTTP with the errors of every call, and opened only if there is none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from tilde_local.api.authentication import authenticate
from tilde_local.api.call import Call, Query, origins
from tilde_local.api.endpoint import Endpoint, endpoint
from tilde_local.errors import ApiError, NotFound, UpgradeRequired, error_response
from tilde_local.guard import request_id_of
from tilde_local.routing import raw_path
from tilde_local.services import Services

__all__ = ["ApiSocket", "Socket", "refuse_unknown"]

T = TypeVar("T")


class Socket(Generic[T]):
    """An address for WebSockets. `find` checks a call, and finds what `serve` then works on until it returns.

    `over_http` is the endpoint for those who come without a WebSocket.
    """

    def __init__(
        self,
        operation_id: str,
        summary: str,
        errors: tuple[int, ...],
        find: Callable[[Call], T],
        serve: Callable[[WebSocket, T], Awaitable[None]],
    ) -> None:
        self.find = find
        self.serve = serve
        self.over_http: Endpoint = endpoint(operation_id, {200: None}, errors=(*errors, 426))(_refusing(find, summary))


def _refusing(find: Callable[[Call], object], summary: str) -> Callable[[Call], Response]:
    def refuse(call: Call) -> Response:
        find(call)
        raise UpgradeRequired

    refuse.__doc__ = summary
    return refuse


class ApiSocket(Generic[T]):
    """ASGI: authenticates, checks, and serves one address for WebSockets."""

    def __init__(self, services: Services, socket: Socket[T]) -> None:
        self._services = services
        self._socket = socket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        websocket = WebSocket(scope, receive, send)
        try:
            found = await run_in_threadpool(self._find, websocket)
        except ApiError as error:
            await error_response(error, request_id_of(scope))(scope, receive, send)
            return
        await websocket.accept()
        await self._socket.serve(websocket, found)

    def _find(self, websocket: WebSocket) -> T:
        caller = authenticate(self._services, websocket.headers)
        query = Query(websocket.scope["query_string"], frozenset())
        return self._socket.find(Call(self._services, caller, websocket.path_params, query, b"", *origins(websocket)))


async def refuse_unknown(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI: the answer to WebSockets at any other address."""
    error = NotFound(f"no such path for a WebSocket: {raw_path(scope)}")
    await error_response(error, request_id_of(scope))(scope, receive, send)
