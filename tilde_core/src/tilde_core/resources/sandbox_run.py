"""One command in a sandbox of its own, from its creation to its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tilde_core.exceptions import CommandTimeoutError, SandboxError, TildeError, WaitTimeoutError
from tilde_core.models.sandboxes import SandboxStatus
from tilde_core.resources.sandbox import Sandbox
from tilde_core.resources.sandbox_request import Command
from tilde_core.resources.sandbox_start import cancelled_on_error, created, longest_wait, sandbox_error
from tilde_core.sandbox_io.command_error import command_error, shown_command, with_last_lines
from tilde_core.sandbox_io.output import OutputStream, OutputWriter, RunResult

if TYPE_CHECKING:
    from tilde_core.resources.sandboxes import Sandboxes

__all__ = ["SandboxRun"]

_OPERATION = "repositories.execute"


class SandboxRun:
    """Runs `command`, for which `request` asks. `timeout` is the caller's, in seconds.

    See `Repository.execute` for what is raised.
    """

    def __init__(self, sandboxes: Sandboxes, request: dict[str, Any], command: Command, timeout: float | None) -> None:
        self._sandboxes = sandboxes
        self._request = request
        self._command = command
        self._timeout = timeout

    def result(self, *, check: bool) -> RunResult:
        """Wait until it has ended, and return what came of it."""
        clock = self._sandboxes._client.pipeline.clock
        began = clock.monotonic()
        sandbox = created(self._sandboxes, self._request)
        status = self._ended(sandbox)
        duration = clock.monotonic() - began
        if status.state not in ("done", "errored"):
            raise self._failure(sandbox, status, duration)
        result = _result(sandbox, status, duration)
        if check and result.exit_code != 0:
            raise command_error(self._command, result, _OPERATION)
        return result

    def _ended(self, sandbox: Sandbox) -> SandboxStatus:
        limit = longest_wait(self._request)
        try:
            with cancelled_on_error(sandbox):
                return sandbox._wait(
                    lambda status: status.is_terminal, limit, None, f"sandbox {sandbox.id}", operation=_OPERATION
                )
        except WaitTimeoutError as error:
            raise self._timed_out(sandbox, "", None) from error

    def _failure(self, sandbox: Sandbox, status: SandboxStatus, duration: float) -> SandboxError:
        try:
            result = _result(sandbox, status, duration)
        except TildeError:  # that it failed matters more than what it had printed
            result = None
        if status.status_reason == "timeout":
            return self._timed_out(sandbox, status.status_reason, result)
        error = sandbox_error(sandbox.id, status, _OPERATION)
        error.result = result
        return error

    def _timed_out(self, sandbox: Sandbox, reason: str, result: RunResult | None) -> CommandTimeoutError:
        limit = "the service allows" if self._timeout is None else f"{self._timeout:g} seconds"
        message = f"{shown_command(self._command)} took longer than {limit}, and sandbox {sandbox.id} was ended"
        error = CommandTimeoutError(
            with_last_lines(message, result) if result is not None else message,
            sandbox_id=sandbox.id,
            state="failed" if reason else "",
            status_reason=reason,
            operation=_OPERATION,
        )
        error.timeout = self._timeout or 0.0
        error.result = result
        return error


def _result(sandbox: Sandbox, status: SandboxStatus, duration: float) -> RunResult:
    # A command that is done has ended with 0, whether the service says so or not.
    exit_code = 0 if status.exit_code is None and status.state == "done" else status.exit_code
    return RunResult(
        stdout=_output(sandbox, status),
        exit_code=exit_code,
        commit_id=status.commit_id,
        status=status,
        duration=duration,
    )


def _output(sandbox: Sandbox, status: SandboxStatus) -> OutputStream:
    """Fetch what was printed. If that fails, the error tells how the command ended, which nobody else would."""
    writer = OutputWriter()
    try:
        with sandbox._log("stdout", has_ended=True) as log:
            for data in log.iter_bytes():
                writer.write(data)
    except TildeError as error:
        commit = f", with commit {status.commit_id}" if status.commit_id else ""
        review = f", to be reviewed at {status.web_url}" if status.is_awaiting_approval else ""
        error.message = (
            f"sandbox {sandbox.id} ended as {status}{commit}{review}, but its output could not be fetched: "
            f"{error.message}"
        )
        raise
    return writer.stream
