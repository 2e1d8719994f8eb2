"""Which endpoint answers what, and the steps around each: read the body, authenticate, map errors."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tilde_local.api import accounts, commits, objects, organizations, repositories, sessions, uploads
from tilde_local.api.call import Call, Endpoint, Query
from tilde_local.errors import ApiError, BodyTooLarge, MethodNotAllowed, NotFound, Unauthorized, error_response
from tilde_local.guard import request_id_of
from tilde_local.routing import raw_path
from tilde_local.services import Services
from tilde_local.store import users
from tilde_local.store.records import User

__all__ = ["API_ROOT", "MAX_BODY_BYTES", "ROUTES", "ApiRoute"]

API_ROOT = "/api/v1"
MAX_BODY_BYTES = 16 * 1024 * 1024

_REPOSITORY = "/organizations/{organization}/repositories/{repository}"

ROUTES: Mapping[str, Mapping[str, Endpoint]] = {
    "/auth/me": {"GET": accounts.me},
    "/organizations": {"GET": organizations.list_all, "POST": organizations.create},
    "/organizations/check-name": {"GET": organizations.check_name},
    "/organizations/{organization}": {"GET": organizations.get, "DELETE": organizations.delete},
    "/organizations/{organization}/members": {"GET": organizations.list_members},
    "/organizations/{organization}/repositories": {
        "GET": repositories.list_in_organization,
        "POST": repositories.create,
    },
    "/repositories": {"GET": repositories.list_all},
    _REPOSITORY: {"GET": repositories.get, "PUT": repositories.update, "DELETE": repositories.delete},
    f"{_REPOSITORY}/sessions": {"POST": sessions.create},
    f"{_REPOSITORY}/sessions/{{session_id}}": {"POST": sessions.commit, "DELETE": sessions.rollback},
    f"{_REPOSITORY}/sessions/{{session_id}}/approve": {"HEAD": sessions.check_approval},
    f"{_REPOSITORY}/changes": {"GET": sessions.list_changes},
    f"{_REPOSITORY}/commits/{{commit_id}}": {"GET": commits.get},
    f"{_REPOSITORY}/commits/{{commit_id}}/revert": {"POST": commits.revert},
    f"{_REPOSITORY}/log": {"GET": commits.log},
    f"{_REPOSITORY}/diff": {"GET": commits.diff},
    f"{_REPOSITORY}/object": {
        "GET": objects.get,
        "HEAD": objects.head,
        "PUT": uploads.begin,
        "DELETE": objects.delete,
    },
    f"{_REPOSITORY}/object/copy": {"POST": objects.copy},
    f"{_REPOSITORY}/object/finalize": {"POST": uploads.finalize},
    f"{_REPOSITORY}/object/multipart": {"POST": uploads.begin_multipart, "DELETE": uploads.abort_multipart},
    f"{_REPOSITORY}/object/multipart/part": {"GET": uploads.get_part_url},
    f"{_REPOSITORY}/object/multipart/complete": {"POST": uploads.complete_multipart},
    f"{_REPOSITORY}/objects": {"GET": objects.list_all},
    f"{_REPOSITORY}/objects/delete": {"POST": objects.delete_many},
}


class ApiRoute:
    """ASGI: one path of the API with its methods. Without methods it is the answer for unknown paths."""

    def __init__(self, services: Services, methods: Mapping[str, Endpoint]) -> None:
        self._services = services
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        try:
            body = await _read_body(request)
            response = await run_in_threadpool(self._answer, request, body)
        except ClientDisconnect:
            return
        except ApiError as error:
            response = error_response(error, request_id_of(scope))
        await response(scope, receive, send)

    def _answer(self, request: Request, body: bytes) -> Response:
        # Before anything else: what exists here is not for strangers to find out.
        user = _authenticate(self._services, request)
        endpoint = self._endpoint(request)
        query = Query(request.scope["query_string"])
        origin = f"http://{request.headers['host']}"
        return endpoint(Call(self._services, user, request.path_params, query, body, origin))

    def _endpoint(self, request: Request) -> Endpoint:
        if not self._methods:
            raise NotFound(f"no such path: {raw_path(request.scope)}")
        if request.method not in self._methods:
            allowed = ", ".join(sorted(self._methods))
            raise MethodNotAllowed(
                f"{request.method} is not possible on {raw_path(request.scope)}, only {allowed}",
                headers={"Allow": allowed},
            )
        return self._methods[request.method]


def _authenticate(services: Services, request: Request) -> User:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthorized("an API key is required: Authorization: Bearer tuk-…")
    with services.database.read() as db:
        user = users.find_by_key(db, key.strip())
    if user is None:
        raise Unauthorized("this API key was not issued by this server: use the TILDE_API_KEY that it printed")
    return user


async def _read_body(request: Request) -> bytes:
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
