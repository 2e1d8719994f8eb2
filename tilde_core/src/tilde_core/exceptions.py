"""Every error that leaves the SDK.

    TildeError
    ├── ConfigurationError        no API key, no transport, a setting that cannot be used
    │   └── PluginError           a plugin is broken, missing or answered something unusable
    ├── APIError                  the service answered with an error status
    │   ├── BadRequestError 400 · AuthenticationError 401 · ForbiddenError 403 · NotFoundError 404
    │   ├── ConflictError 409 · GoneError 410 · PreconditionFailedError 412 · LockedError 423
    │   ├── RateLimitError 429
    │   └── ServerError 5xx
    ├── TransportError            the network failed
    │   ├── NotSentError          nothing left this machine: always safe to repeat
    │   └── OutcomeUnknownError   it may have happened
    │       └── CommandLostError  the connection to a command broke while it ran
    ├── CredentialsError          no valid token could be had from what issues them
    ├── SerializationError        an answer that is not the JSON it should be
    ├── IntegrityError            bytes that are not the bytes they should be
    ├── SessionClosedError        the session was committed or rolled back before this call
    ├── WaitTimeoutError          what was waited for did not happen in time; a built-in TimeoutError too
    ├── ImportFailedError         an import that was waited for failed or was canceled
    ├── SandboxError              a sandbox failed on the side of the service, or was cancelled
    │   └── CommandTimeoutError   a command took too long and was ended; a WaitTimeoutError too
    └── CommandError              a command ended with a non-zero exit code

Bad arguments are `ValueError` or `TypeError`, raised before anything is sent. All of these errors pickle, and none
shows a token or the query of a URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tilde_core.sandbox_io.output import RunResult

__all__ = [
    "APIError",
    "AuthenticationError",
    "BadRequestError",
    "CommandError",
    "CommandLostError",
    "CommandTimeoutError",
    "ConfigurationError",
    "ConflictError",
    "CredentialsError",
    "ForbiddenError",
    "GoneError",
    "ImportFailedError",
    "IntegrityError",
    "LockedError",
    "NotFoundError",
    "NotSentError",
    "OutcomeUnknownError",
    "PluginError",
    "PreconditionFailedError",
    "RateLimitError",
    "SandboxError",
    "SerializationError",
    "ServerError",
    "SessionClosedError",
    "TildeError",
    "TransportError",
    "WaitTimeoutError",
    "error_for_status",
]


class TildeError(Exception):
    """Root of every error that leaves the SDK.

    `message` says what happened, `operation` names the SDK call (such as `"repositories.get"`, or `""`), and
    `request_id` identifies the request to the service's support (`""` where there was no answer). `gave_up` says why
    the call was not repeated (again), where that needs saying.
    """

    gave_up: str = ""

    def __init__(self, message: str = "", *, operation: str = "", request_id: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation
        self.request_id = request_id

    def __str__(self) -> str:
        text = f"{self.operation}: {self.message}" if self.operation else self.message
        details = ", ".join(self._details())
        return f"{text} ({details})" if details else text

    def _details(self) -> list[str]:
        request_id = f"request id {self.request_id}" if self.request_id else ""
        return [detail for detail in (request_id, self.gave_up) if detail]


class ConfigurationError(TildeError):
    """It cannot work as it is configured: no API key, no transport, a setting, URL or header that cannot be used."""


class PluginError(ConfigurationError):
    """A plugin is broken, missing, there twice, or answered something that cannot be used."""


class APIError(TildeError):
    """The service answered with an error status.

    `status_code` is the HTTP status, `code` the service's own code (may be `""`), `method` and `url` the request (the
    URL without its query).
    """

    def __init__(
        self,
        message: str = "",
        *,
        status_code: int = 0,
        code: str = "",
        method: str = "",
        url: str = "",
        operation: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(message, operation=operation, request_id=request_id)
        self.status_code = status_code
        self.code = code
        self.method = method
        self.url = url

    def _details(self) -> list[str]:
        status = f"HTTP {self.status_code}" + (f" {self.code}" if self.code else "")
        return [status, *super()._details()]


class BadRequestError(APIError):
    """400: invalid input."""


class AuthenticationError(APIError):
    """401: the API key is invalid or missing."""


class ForbiddenError(APIError):
    """403: the caller lacks a permission."""


class NotFoundError(APIError):
    """404: no such resource, or none that the caller may see."""


class ConflictError(APIError):
    """409: a duplicate, or a change that collides with another."""


class GoneError(APIError):
    """410: the resource was there once and is not any more."""


class PreconditionFailedError(APIError):
    """412: the source object changed."""


class LockedError(APIError):
    """423: the resource is disabled."""


class RateLimitError(APIError):
    """429: too many requests. `retry_after` is what the service asked to wait, in seconds, or `None`."""

    retry_after: float | None = None


class ServerError(APIError):
    """5xx: the service failed."""


class TransportError(TildeError):
    """The network failed: name lookup, connection, proxy, TLS, time-out, a broken answer.

    `method` and `url` say which request it was (the URL without its query). `is_permanent` tells that it would only
    fail again until somebody changes something: a certificate that nobody trusts, a password that a proxy refused.
    """

    is_permanent: bool = False

    def __init__(
        self, message: str = "", *, method: str = "", url: str = "", operation: str = "", request_id: str = ""
    ) -> None:
        super().__init__(message, operation=operation, request_id=request_id)
        self.method = method
        self.url = url

    def _details(self) -> list[str]:
        return [*([f"{self.method} {self.url}"] if self.url else []), *super()._details()]


class NotSentError(TransportError):
    """Nothing of the request left this machine. It is always safe to repeat it."""


class OutcomeUnknownError(TransportError):
    """The request, or part of it, was sent and no whole answer came: it may or may not have happened."""


class CredentialsError(TildeError):
    """No valid token could be had: what issues them did not answer, refused, or gave something unusable.

    The request that needed the token was not sent.
    """


class CommandLostError(OutcomeUnknownError):
    """The connection to a command broke while it ran, and with that it is ended. `result` has what it had printed."""

    # Mostly there, but it may be `None`: type checkers know what it is, and ask nobody to prove that it is there.
    result: RunResult | Any = None


class SerializationError(TildeError):
    """The service answered with something that is not the JSON it should be."""


class IntegrityError(TildeError):
    """Bytes were lost or changed on the way, or the object is not the one that was being read."""


class SessionClosedError(TildeError):
    """The session was already committed, submitted for approval or rolled back."""


class WaitTimeoutError(TildeError, TimeoutError):
    """What was waited for did not happen in time; it may be waited for again. `timeout` is how long, in seconds."""

    timeout: float = 0.0


class ImportFailedError(TildeError):
    """An import ended without a commit: `status` is `"failed"` or `"canceled"`, `reason` what the service says of it,
    and `job_id` which import it was."""

    def __init__(
        self,
        message: str = "",
        *,
        job_id: str = "",
        status: str = "",
        reason: str = "",
        operation: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(message, operation=operation, request_id=request_id)
        self.job_id = job_id
        self.status = status
        self.reason = reason


class SandboxError(TildeError):
    """A sandbox failed on the side of the service, or was cancelled; `state` and `status_reason` say how.

    `sandbox_id` says which: `repo.sandboxes.get(error.sandbox_id)` has its log. `result` has what a
    command had printed, if one ran.
    """

    result: RunResult | Any = None

    def __init__(
        self,
        message: str = "",
        *,
        sandbox_id: str = "",
        state: str = "",
        status_reason: str = "",
        operation: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(message, operation=operation, request_id=request_id)
        self.sandbox_id = sandbox_id
        self.state = state
        self.status_reason = status_reason


class CommandTimeoutError(SandboxError, WaitTimeoutError):
    """A command took longer than its time-out, `timeout` seconds, and was ended.

    `result` has what it had printed by then, `None` if that is not known.
    """


class CommandError(TildeError):
    """A command ended with a non-zero exit code. `exit_code` has it; `result` has what the command printed."""

    def __init__(
        self,
        message: str = "",
        *,
        exit_code: int | None = None,
        result: RunResult | None = None,
        operation: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(message, operation=operation, request_id=request_id)
        self.exit_code = exit_code
        self.result: RunResult | Any = result


_BY_STATUS: dict[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    412: PreconditionFailedError,
    423: LockedError,
    429: RateLimitError,
}


def error_for_status(status: int) -> type[APIError]:
    """Return the class for an HTTP status of 400 and above: the page's table, `ServerError` for 5xx, else
    `APIError`."""
    return _BY_STATUS.get(status, ServerError if status >= 500 else APIError)
