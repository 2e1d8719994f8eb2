"""An error status of the service as an exception."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from tilde_core.exceptions import APIError, RateLimitError, SerializationError, error_for_status
from tilde_core.http import Response, redact_url
from tilde_core.operation import Operation
from tilde_core.retry_after import retry_after
from tilde_core.serialization import decode_json, decompressed

__all__ = ["api_error"]

_TITLE = re.compile(rb"<title>([^<]{1,200})</title>", re.IGNORECASE)


def api_error(operation: Operation, url: str, response: Response) -> APIError:
    """Return the exception for `response`, whose body must have been read. `url` is without its query."""
    body = _error_body(operation, response)
    error = error_for_status(response.status)(
        _text(body, "message") or _default_message(operation, response),
        status_code=response.status,
        code=_text(body, "code"),
        method=operation.method,
        url=url,
        operation=operation.name,
        request_id=_text(body, "request_id") or response.headers.request_id,
    )
    if isinstance(error, RateLimitError):
        error.retry_after = retry_after(response.headers)
    return error


def _error_body(operation: Operation, response: Response) -> dict[str, Any]:
    try:
        return decode_json(decompressed(response, operation.name), dict[str, Any], operation.name)
    except SerializationError:
        return {}  # a HEAD, a proxy's page, an object store's XML


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return str(value) if isinstance(value, (str, int)) else ""


def _default_message(operation: Operation, response: Response) -> str:
    """Not the text of an object store, which repeats the signed request in it."""
    if 300 <= response.status < 400:
        target = redact_url(response.headers.get("Location", "")) or "nowhere"
        return f"the service answered with a redirect to {target}; check the endpoint URL"
    # A read of bytes ends at the store, and the service itself would have answered JSON.
    if operation.url or operation.stream:
        return f"the object store answered {_in_words(response.status)}"
    return f"the service answered {_in_words(response.status)}{_title(operation, response)}"


def _in_words(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _title(operation: Operation, response: Response) -> str:
    """What stands between here and the service says in the title of a page what it wants, such as a certificate."""
    if not response.headers.get("Content-Type", "").startswith("text/html"):
        return ""
    try:
        found = _TITLE.search(decompressed(response, operation.name).read())
    except SerializationError:
        return ""
    words = " ".join(found[1].decode("utf-8", "replace").split()) if found else ""
    return f", with a page {words!r}" if words else ""
