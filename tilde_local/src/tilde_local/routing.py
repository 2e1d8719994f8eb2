"""Routes that take a path apart before they decode it, and those that answer in a thread."""

from __future__ import annotations

from abc import ABC, abstractmethod
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from tilde_local.errors import ApiError, BodyTooLarge

__all__ = ["MAX_BODY_BYTES", "SegmentRoute", "SegmentSocket", "ThreadedRoute", "raw_path"]

MAX_BODY_BYTES = 16 * 1024 * 1024


def raw_path(scope: Scope) -> str:
    """The path as the client sent it, still percent-encoded."""
    return str(scope["raw_path"].decode("latin-1"))


class SegmentRoute(Route):
    """Clients encode a path segment by segment. Decoded as a whole, as Starlette gets it, `a%2Fb` would be two."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the raw path; the parameters are decoded one by one."""
        match, found = super().matches({**scope, "path": raw_path(scope)})
        return match, _decoded(match, found)


class SegmentSocket(WebSocketRoute):
    """Likewise, for WebSockets."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the raw path; the parameters are decoded one by one."""
        match, found = super().matches({**scope, "path": raw_path(scope)})
        return match, _decoded(match, found)


def _decoded(match: Match, found: Scope) -> Scope:
    if match is not Match.NONE:
        found["path_params"] = {name: unquote(value) for name, value in found["path_params"].items()}
    return found


class ThreadedRoute(ABC):
    """ASGI: reads a request whole, and answers it in a thread, where waiting for the disk holds up nobody else."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        try:
            body = await _read(request)
            response = await run_in_threadpool(self.answer, request, body)
        except ClientDisconnect:
            return
        except ApiError as error:
            response = self.refuse(error, scope)
        await response(scope, receive, send)

    @abstractmethod
    def answer(self, request: Request, body: bytes) -> Response:
        """The answer. Raises ApiError."""

    @abstractmethod
    def refuse(self, error: ApiError, scope: Scope) -> Response:
        """The answer to what was raised."""


async def _read(request: Request) -> bytes:
    """The body, if it is not too large; if it is, it is read to the end all the same so that the client is heard."""
    body, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            body += chunk
        elif size > 4 * MAX_BODY_BYTES:
            break
    if size > MAX_BODY_BYTES:
        raise BodyTooLarge(f"the body of an API call has at most {MAX_BODY_BYTES} bytes; objects go to upload URLs")
    return bytes(body)
