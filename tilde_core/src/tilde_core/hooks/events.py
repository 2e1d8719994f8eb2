"""What `tilde_event` observers are told. No event holds a token, a query string or a body."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from tilde_core.exceptions import TildeError

__all__ = [
    "CredentialsRefreshed",
    "Event",
    "RequestFinished",
    "RequestStarted",
    "RetryScheduled",
    "TransferProgress",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStarted:
    """An attempt goes out. `url` has no query; `attempt` counts from 1."""

    operation: str
    method: str
    url: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFinished:
    """An attempt ended, with a `status` or with an `error`, after `elapsed` seconds (headers, not the body).

    Status 101 is a WebSocket that was opened. `request_id` is what the service calls the request, if it said so.
    """

    operation: str
    method: str
    url: str
    attempt: int
    elapsed: float
    status: int | None = None
    error: TildeError | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduled:
    """Attempt number `attempt` failed and is repeated after `delay` seconds, because of `reason`."""

    operation: str
    attempt: int
    delay: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferProgress:
    """`transferred` of `total` bytes (`None` if not known) of the object at `path` have gone over the wire."""

    operation: str
    path: str
    transferred: int
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsRefreshed:
    """The source of credentials named `credentials` has fetched a token, be it the first or the next one.

    It is good until `expires_at`. Told on the thread that fetched it, which may be one in the background.
    """

    credentials: str
    expires_at: datetime


Event: TypeAlias = RequestStarted | RequestFinished | RetryScheduled | TransferProgress | CredentialsRefreshed
"""What observers (`tilde_event`) are told."""
