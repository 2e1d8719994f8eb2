"""The error for a command that went wrong: which it was, and the last that it said."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from tilde_core.exceptions import CommandError
from tilde_core.sandbox_io.output import OutputStream, RunResult

__all__ = ["command_error", "last_lines", "shown_command"]

_LINES, _BYTES = 20, 4096
_COMMAND = 200  # characters


def command_error(command: str | Sequence[str], result: RunResult, operation: str) -> CommandError:
    """Return the error for a command that ended with another exit code than 0; its message has the last lines of
    `result.stderr`, or of `result.stdout` if there are none."""
    said = last_lines(result.stderr) or last_lines(result.stdout)
    return CommandError(
        f"exit code {'unknown' if result.exit_code is None else result.exit_code} of {shown_command(command)}"
        + (f"; its last output was:\n{said}" if said else "; it printed nothing"),
        exit_code=result.exit_code,
        result=result,
        operation=operation,
    )


def shown_command(command: str | Sequence[str]) -> str:
    """Return the command as one types it, cut where it is long."""
    text = command if isinstance(command, str) else shlex.join(command)
    return repr(text if len(text) <= _COMMAND else text[: _COMMAND - 1] + "…")


def last_lines(stream: OutputStream) -> str:
    """Return the last lines of an output, at most 20 and 4 KiB."""
    text = stream.tail(_BYTES).decode("utf-8", "replace").rstrip()
    return "\n".join(text.split("\n")[-_LINES:])
