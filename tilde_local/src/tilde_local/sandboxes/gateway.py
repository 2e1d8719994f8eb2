"""The side of the server that a sandbox sees: the API and the object store, and an address that hands out tokens.

Each sandbox has its own listener, and whatever comes to it stands in the sandbox's network log.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tilde_local.clock import stamp
from tilde_local.errors import NotFound, error_response
from tilde_local.guard import Guard, request_id_of
from tilde_local.routing import raw_path
from tilde_local.sandboxes.netlog import Entry, NetworkLog
from tilde_local.sandboxes.tokens import AccessToken
from tilde_local.store.records import Principal

__all__ = ["OUTER_ORIGIN", "Gateway"]

OUTER_ORIGIN = "tilde.outer_origin"

_OPEN = ("/api/v1/", "/store/")


class _Credentials(msgspec.Struct):
    """The answer of the address that hands out tokens."""

    access_token: str
    expires_at: str
    principal_type: str
    principal_id: str
    principal_name: str
    organization_id: str
    api_url: str

    def __repr__(self) -> str:
        return f"_Credentials({self.principal_name!r})"


class Gateway:
    """ASGI: passes calls of the API on to `app`, and answers `credentials_path` with what `issue` gives: tokens of
    `principal`, and None if there are no more. The path cannot be guessed: whoever knows it, is in the sandbox.

    `address` is the listener's, host and port; `outer_origin` is that of the server, for the people outside.
    """

    def __init__(
        self,
        app: ASGIApp,
        issue: Callable[[], AccessToken | None],
        principal: Principal,
        organization_id: str,
        log: NetworkLog,
        *,
        outer_origin: str,
        address: str,
    ) -> None:
        self._app = app
        self._issue = issue
        self._principal = principal
        self._organization_id = organization_id
        self._log = log
        self._outer_origin = outer_origin
        self._own = Guard(self._answer)
        self.api_url = f"http://{address}"
        self.credentials_path = f"/credentials/{secrets.token_urlsafe(24)}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and write it down."""
        answered = _Answered()

        async def counted(message: Message) -> None:
            answered.add(message)
            await send(message)

        scope[OUTER_ORIGIN] = self._outer_origin
        path = raw_path(scope)
        try:
            await (self._app if path.startswith(_OPEN) else self._own)(scope, receive, counted)
        finally:
            self._write(scope, path, answered)

    def _write(self, scope: Scope, path: str, answered: _Answered) -> None:
        # Of the path with the tokens, that it was asked is enough.
        shown = "/credentials" if path.startswith("/credentials") else path
        host = self.api_url.removeprefix("http://")
        method = scope.get("method", "GET")
        self._log.write(Entry(method, f"{self.api_url}{shown}", host, "allow", answered.status, answered.size))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = self._credentials(raw_path(scope)) if scope["type"] == "http" and scope["method"] == "GET" else None
        if response is None:
            response = error_response(NotFound("there is nothing at this address"), request_id_of(scope))
        await response(scope, receive, send)

    def _credentials(self, path: str) -> Response | None:
        if not hmac.compare_digest(path.encode(), self.credentials_path.encode()):
            return None
        issued = self._issue()
        if issued is None:
            return None
        kind, principal_id, name = self._principal[:3]
        answer = _Credentials(
            issued.token, stamp(issued.expires_at), kind, principal_id, name, self._organization_id, self.api_url
        )
        headers = {"Cache-Control": "no-store"}
        return Response(msgspec.json.encode(answer), headers=headers, media_type="application/json")


class _Answered:
    """What was answered to one request."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.size = 0

    def add(self, message: Message) -> None:
        """Look at a message to the client."""
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
        elif message["type"] == "websocket.accept":
            self.status = 101
        elif message["type"] == "websocket.send":
            self.size += len(message.get("bytes") or message.get("text") or "")
        else:
            self.size += len(message.get("body", b""))
