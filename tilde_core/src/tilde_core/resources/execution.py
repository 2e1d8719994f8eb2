"""One command in a sandbox of its own, from its creation to its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tilde_core.exceptions import TildeError
from tilde_core.models.sandboxes import SandboxStatus
from tilde_core.resources.sandbox import Sandbox
from tilde_core.resources.sandbox_request import Command
from tilde_core.resources.sandbox_start import cancelled_on_error, created, sandbox_error
from tilde_core.sandbox_io.command_error import command_error, shown_command
from tilde_core.sandbox_io.output import OutputStream, OutputWriter, RunResult

if TYPE_CHECKING:
    from tilde_core.resources.sandboxes import Sandboxes

__all__ = ["executed"]

_OPERATION = "repositories.execute"
_GRACE = 10.0  # seconds that the service has to end what takes too long, before it is cancelled from here


def executed(sandboxes: Sandboxes, request: dict[str, Any], command: Command, *, check: bool) -> RunResult:
    """Run `command`, for which `request` asks, and return what came of it. See `Repository.execute` for what is
    raised."""
    clock = sandboxes._client.pipeline.clock
    began = clock.monotonic()
    sandbox = created(sandboxes, request)
    status = _ended(sandbox, request.get("timeout_seconds"), command)
    duration = clock.monotonic() - began
    if status.state not in ("done", "errored"):
        raise sandbox_error(sandbox.id, status, _OPERATION)
    result = RunResult(
        stdout=_output(sandbox, status),
        exit_code=_exit_code(status),
        commit_id=status.commit_id,
        status=status,
        duration=duration,
    )
    if check and result.exit_code != 0:
        raise command_error(command, result, _OPERATION)
    return result


def _ended(sandbox: Sandbox, timeout: int | None, command: Command) -> SandboxStatus:
    with cancelled_on_error(sandbox):
        return sandbox._wait(
            lambda status: status.is_terminal,
            None if timeout is None else timeout + _GRACE,
            None,
            f"{shown_command(command)} in sandbox {sandbox.id} to end; it is being cancelled",
            operation=_OPERATION,
        )


def _exit_code(status: SandboxStatus) -> int | None:
    """A command that is done has ended with 0, whether the service says so or not."""
    return 0 if status.exit_code is None and status.state == "done" else status.exit_code


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
