"""What the errors of commands say: which it was, and the last that it printed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from tilde_core.exceptions import CommandError
from tilde_core.sandbox_io.output import OutputStream, RunResult

__all__ = ["command_error", "shown_command", "with_last_lines"]

_LINES, _BYTES = 20, 4096
_COMMAND = 200  # characters


def command_error(command: str | Sequence[str], result: RunResult, operation: str) -> CommandError:
    """Return the error for a command that ended with another exit code than 0."""
    code = "unknown" if result.exit_code is None else result.exit_code
    why = f" ({result.reason})" if result.reason else ""
    return CommandError(
        with_last_lines(f"exit code {code} of {shown_command(command)}{why}", result),
        exit_code=result.exit_code,
        result=result,
        operation=operation,
    )


def shown_command(command: str | Sequence[str]) -> str:
    """Return the command as one types it, cut where it is long."""
    text = command if isinstance(command, str) else shlex.join(command)
    return repr(text if len(text) <= _COMMAND else text[: _COMMAND - 1] + "…")


def with_last_lines(message: str, result: RunResult) -> str:
    """Return the message and, below it, the last lines of `stderr`, or of `stdout` if there are none: at most 20
    lines and 4 KiB."""
    said = _last_lines(result.stderr) or _last_lines(result.stdout)
    return f"{message}; its last output was:\n{said}" if said else f"{message}; it printed nothing"


def _last_lines(stream: OutputStream) -> str:
    text = stream.tail(_BYTES).decode("utf-8", "replace").rstrip()
    return "\n".join(text.split("\n")[-_LINES:])
