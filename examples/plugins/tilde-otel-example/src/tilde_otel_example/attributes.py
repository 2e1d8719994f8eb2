"""What spans and metrics say of a request, by the semantic conventions for HTTP clients.

They are in a package that is not stable yet, so the names are written out.
"""

from __future__ import annotations

from typing import TypeAlias
from urllib.parse import urlsplit

__all__ = ["Attributes", "attributes_of_attempt", "attributes_of_outcome", "attributes_of_server"]

Attributes: TypeAlias = dict[str, str | int]

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def attributes_of_server(method: str, url: str) -> Attributes:
    """Return what is the same for many requests, and so may be on metrics too."""
    parts = urlsplit(url)
    found: Attributes = {
        "http.request.method": method,
        "server.address": parts.hostname or "",
        "url.scheme": parts.scheme,
    }
    port = parts.port or _PORTS.get(parts.scheme)
    return found if port is None else {**found, "server.port": port}


def attributes_of_attempt(operation: str, method: str, safe_url: str, attempt: int) -> Attributes:
    """Return what a span begins with. `safe_url` has no query, which may be a signature."""
    found = {**attributes_of_server(method, safe_url), "url.full": safe_url, "tilde.operation": operation}
    return {**found, "http.request.resend_count": attempt - 1} if attempt > 1 else found


def attributes_of_outcome(status: int | None, error: BaseException | None) -> Attributes:
    """Return what is known at the end: the status, and the kind of the error if it was one."""
    found: Attributes = {} if status is None else {"http.response.status_code": status}
    if error is not None:
        return {**found, "error.type": type(error).__name__}
    return {**found, "error.type": str(status)} if status is not None and status >= 400 else found
