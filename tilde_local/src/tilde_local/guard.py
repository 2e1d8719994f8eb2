"""What is checked before anything else: that the request was meant for this server, and comes from no web page.

A browser lets any page send requests to loopback. Checking `Host` defeats DNS rebinding, refusing foreign origins the
rest.
"""

from __future__ import annotations

import re
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tilde_local.errors import ApiError, Forbidden, error_response

__all__ = ["Guard", "request_id_of"]

_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)


def request_id_of(scope: Scope) -> str:
    """The id that the guard gave to this request."""
    return str(scope["tilde.request_id"])


class Guard:
    """ASGI middleware: gives every request an id, and refuses foreign hosts and origins with a 403.

    WebSockets are checked likewise, before they are opened: browsers let any page open them, and send no preflight.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id = scope["tilde.request_id"] = str(uuid.uuid4())

        async def send_with_id(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            _check(Headers(scope=scope))
        except ApiError as error:
            await error_response(error, request_id)(scope, receive, send_with_id)
        else:
            await self._app(scope, receive, send_with_id)


def _check(headers: Headers) -> None:
    # There is at most one: h11 itself refuses a request with more.
    host = headers.get("host", "")
    if not _LOOPBACK.fullmatch(host):
        raise Forbidden(
            f"this server answers only to localhost and 127.0.0.1, not to Host {host!r}", code="forbidden_host"
        )
    for origin in headers.getlist("origin"):
        if origin.lower() != f"http://{host.lower()}":
            raise Forbidden(f"requests from the origin {origin!r} are refused", code="forbidden_origin")
