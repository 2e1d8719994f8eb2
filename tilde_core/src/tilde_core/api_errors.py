"""An error status of the service as an exception."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from tilde_core.exceptions import APIError, RateLimitError, error_for_status
from tilde_core.http import Response, redact_url
from tilde_core.operation import Operation
from tilde_core.retry_after import retry_after

__all__ = ["api_error"]


class _ErrorBody(msgspec.Struct):
    message: str | None = None
    code: str | None = None
    request_id: str | None = None


def api_error(operation: Operation, response: Response) -> APIError:
    """Return the exception for `response`, whose body must have been read."""
    body = _error_body(response)
    error = error_for_status(response.status)(
        body.message or _default_message(operation, response),
        status_code=response.status,
        code=body.code or "",
        method=operation.method,
        url=redact_url(operation.url) or operation.path,
        operation=operation.name,
        request_id=body.request_id or response.headers.get("X-Request-Id", ""),
    )
    if isinstance(error, RateLimitError):
        error.retry_after = retry_after(response.headers)
    return error


def _error_body(response: Response) -> _ErrorBody:
    try:
        return msgspec.json.decode(response.read(), type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _ErrorBody()  # a HEAD, a proxy's page, an object store's XML


def _default_message(operation: Operation, response: Response) -> str:
    """Not the body's text: an object store repeats the signed request in it."""
    if 300 <= response.status < 400:
        target = redact_url(response.headers.get("Location", "")) or "nowhere"
        return f"the service answered with a redirect to {target}; check the endpoint URL"
    who = "the object store" if operation.url else "the service"
    try:
        return f"{who} answered {response.status} {HTTPStatus(response.status).phrase}"
    except ValueError:
        return f"{who} answered {response.status}"
