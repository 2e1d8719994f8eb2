"""What the server refuses, by HTTP status.

ApiError                 500  internal_error
├── BadRequest           400  bad_request, no_changes, invalid_upload_token, …
├── Unauthorized         401  unauthorized
├── Forbidden            403  forbidden, forbidden_host, forbidden_origin, invalid_signature, expired_url
├── NotFound             404  not_found
├── MethodNotAllowed     405  method_not_allowed
├── Conflict             409  conflict
├── Gone                 410  gone, stale_commit, invitation_closed, …
├── PreconditionFailed   412  precondition_failed
├── BodyTooLarge         413  body_too_large
├── RangeNotSatisfiable  416  range_not_satisfiable
├── Locked               423  locked
├── UpgradeRequired      426  upgrade_required
├── BadGateway           502  bad_gateway
└── Unavailable          503  unavailable, sandboxes_unavailable, not_ready
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

__all__ = [
    "ApiError",
    "BadGateway",
    "BadRequest",
    "BodyTooLarge",
    "Conflict",
    "DataDirectoryError",
    "ErrorBody",
    "Forbidden",
    "Gone",
    "Locked",
    "MethodNotAllowed",
    "NotFound",
    "PreconditionFailed",
    "RangeNotSatisfiable",
    "StartError",
    "Unauthorized",
    "Unavailable",
    "UpgradeRequired",
    "error_response",
]


class ApiError(Exception):
    """A request that is answered with an error: `message` for people, `code` for programs."""

    status = 500
    code = "internal_error"

    def __init__(self, message: str, *, code: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.headers = dict(headers or {})


class BadRequest(ApiError):
    """The request itself is wrong; sending it again cannot help."""

    status = 400
    code = "bad_request"


class Unauthorized(ApiError):
    """No API key, or one this server did not issue."""

    status = 401
    code = "unauthorized"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(ApiError):
    """The caller, the page he comes from or the URL he holds is not allowed to do this."""

    status = 403
    code = "forbidden"


class NotFound(ApiError):
    """There is no such thing, or the caller may not know that there is."""

    status = 404
    code = "not_found"


class MethodNotAllowed(ApiError):
    """The path exists, the method does not."""

    status = 405
    code = "method_not_allowed"


class Conflict(ApiError):
    """The state on the server has moved, or the name is taken."""

    status = 409
    code = "conflict"


class Gone(ApiError):
    """It was there once: a commit beyond the retention period, a deleted connector, an invitation that is over."""

    status = 410
    code = "gone"


class PreconditionFailed(ApiError):
    """`If-Match` does not name the object's ETag."""

    status = 412
    code = "precondition_failed"


class BodyTooLarge(ApiError):
    """The body of an API call is larger than the server reads."""

    status = 413
    code = "body_too_large"


class RangeNotSatisfiable(ApiError):
    """The range starts beyond the end of the object."""

    status = 416
    code = "range_not_satisfiable"


class Locked(ApiError):
    """It is there, but switched off: a disabled connector."""

    status = 423
    code = "locked"


class UpgradeRequired(ApiError):
    """The address of a WebSocket was asked for without one."""

    status = 426
    code = "upgrade_required"

    def __init__(self) -> None:
        super().__init__("connect to this address with a WebSocket", headers={"Upgrade": "websocket"})


class BadGateway(ApiError):
    """Something else that the server relies on failed: a generator, the source of a connector."""

    status = 502
    code = "bad_gateway"


class Unavailable(ApiError):
    """The server cannot do this now, or not on this machine; nothing is wrong with the request."""

    status = 503
    code = "unavailable"


class StartError(RuntimeError):
    """The server did not start."""


class DataDirectoryError(StartError):
    """The data directory cannot be used: in use by another server, damaged, or written by a newer version."""


class ErrorBody(msgspec.Struct):
    """What every refusal answers."""

    message: str
    code: str
    request_id: str


def error_response(error: ApiError, request_id: str) -> Response:
    """The JSON answer for `error`."""
    body = ErrorBody(error.message, error.code, request_id)
    return Response(msgspec.json.encode(body), error.status, headers=error.headers, media_type="application/json")
