"""The ASGI application: the API, the object store, the console, and the guard in front of all."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from tilde_local.api.routes import API_ROOT, ROUTES, SOCKETS, ApiRoute
from tilde_local.api.sockets import ApiSocket, refuse_unknown
from tilde_local.console.routes import CONSOLE, ConsoleRoute
from tilde_local.errors import ApiError, error_response
from tilde_local.guard import Guard, request_id_of
from tilde_local.routing import SegmentRoute, SegmentSocket
from tilde_local.services import Services
from tilde_local.store_routes import StoreRoute, download, upload, upload_part

__all__ = ["build_app"]


def build_app(services: Services) -> Starlette:
    """The application over `services`; it opens and closes nothing."""
    routes: list[BaseRoute] = [
        SegmentRoute(API_ROOT + path, ApiRoute(services, methods)) for path, methods in ROUTES.items()
    ]
    routes += [SegmentSocket(API_ROOT + path, ApiSocket(services, socket)) for path, socket in SOCKETS.items()]
    routes += [SegmentRoute(path, ConsoleRoute(services, methods)) for path, methods in CONSOLE.items()]
    routes += [
        SegmentRoute("/store/uploads/{upload}", StoreRoute(services, "PUT", upload)),
        SegmentRoute("/store/uploads/{upload}/parts/{number}", StoreRoute(services, "PUT", upload_part)),
        SegmentRoute("/store/objects/{digest}", StoreRoute(services, "GET", download)),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Guard)], exception_handlers={Exception: _answer_bug})
    app.router.redirect_slashes = False
    app.router.default = _Unknown(ApiRoute(services, {}))
    return app


class _Unknown:
    """ASGI: the answer for addresses that do not exist."""

    def __init__(self, over_http: ApiRoute) -> None:
        self._over_http = over_http

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = refuse_unknown if scope["type"] == "websocket" else self._over_http
        await answer(scope, receive, send)


async def _answer_bug(request: Request, error: Exception) -> Response:
    """The answer to an exception that nothing expected; uvicorn writes its traceback to the log."""
    request_id = request_id_of(request.scope)
    response = error_response(ApiError("the server failed on this request; its log says why"), request_id)
    response.headers["X-Request-Id"] = request_id
    return response
