"""Creating a sandbox so that none is left running unnoticed, and waiting until commands can be run in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from tilde_core.exceptions import OutcomeUnknownError, SandboxError, SerializationError, ServerError, TildeError
from tilde_core.logs import logger
from tilde_core.models.sandboxes import SandboxStatus
from tilde_core.operation import Operation
from tilde_core.resources.sandbox import Sandbox

if TYPE_CHECKING:
    from tilde_core.resources.sandboxes import Sandboxes

__all__ = ["cancelled_on_error", "created", "longest_wait", "sandbox_error", "started"]


_MAY_RUN = "it is not known whether the sandbox was created: repo.sandboxes.list() tells, and sandbox.cancel() ends it"
_NOT_AVAILABLE = 503
_GRACE = 10.0  # seconds that the service has to end what takes too long, before it is cancelled from here


class _Created(msgspec.Struct):
    sandbox_id: str


def created(sandboxes: Sandboxes, request: dict[str, Any]) -> Sandbox:
    """Create a sandbox, and return a handle that has only the id.

    It is never asked for a second time, but where nothing was sent: two would run. An error that leaves open whether
    it runs says so, and how to find out. `request` is what `sandbox_request` has made.
    """
    operation = Operation(name="sandboxes.create", method="POST", path=sandboxes._path("sandboxes"), body=request)
    try:
        return sandboxes._sandbox(sandboxes._fetch(operation, _Created).sandbox_id)
    except (OutcomeUnknownError, SerializationError, ServerError) as error:
        if not isinstance(error, ServerError) or error.status_code != _NOT_AVAILABLE:
            error.message = f"{error.message}; {_MAY_RUN}"
        raise
    except TildeError:
        raise
    except BaseException:  # Ctrl-C
        logger.warning("interrupted: %s", _MAY_RUN)
        raise


@contextmanager
def cancelled_on_error(sandbox: Sandbox) -> Iterator[None]:
    """Cancel the sandbox if the block is left by an exception, Ctrl-C too; that exception is the one that is raised.

    That it could not be cancelled goes to the log.
    """
    try:
        yield
    except BaseException:
        try:
            sandbox.cancel()
        except TildeError as failure:
            logger.warning("sandbox %s was not cancelled and may still run: %s", sandbox.id, failure)
        raise


def longest_wait(request: dict[str, Any]) -> float | None:
    """Return how long to wait for what the service should end by itself, in seconds; `None` is without end."""
    seconds = request.get("timeout_seconds")
    return None if seconds is None else seconds + _GRACE


def started(sandboxes: Sandboxes, request: dict[str, Any], *, operation: str = "sandboxes.start") -> Sandbox:
    """Create a sandbox and wait until it runs. If anything comes in between, it is cancelled.

    Raises `SandboxError` if it has ended before anybody could use it, `WaitTimeoutError` if it still starts when it
    should have ended, and what `created` raises.
    """
    sandbox = created(sandboxes, request)
    with cancelled_on_error(sandbox):
        status = sandbox._wait(
            lambda status: status.state == "running" or status.is_terminal,
            longest_wait(request),
            None,
            f"sandbox {sandbox.id} to start",
            operation=operation,
        )
    if status.is_terminal:
        raise sandbox_error(sandbox.id, status, operation)
    return sandbox


def sandbox_error(sandbox_id: str, status: SandboxStatus, operation: str) -> SandboxError:
    """Return the error for a sandbox that ended otherwise than it should."""
    told = f": {status.error_message}" if status.error_message else ""
    return SandboxError(
        f"sandbox {sandbox_id} ended as {status}{told}",
        sandbox_id=sandbox_id,
        state=status.state,
        status_reason=status.status_reason,
        operation=operation,
    )
