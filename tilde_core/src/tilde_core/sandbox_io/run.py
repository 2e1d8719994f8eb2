"""Running a command from its start to its end, with its input and its output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from tilde_core.exceptions import CommandTimeoutError
from tilde_core.sandbox_io.command_error import with_last_lines
from tilde_core.sandbox_io.exec import RunningCommand
from tilde_core.sandbox_io.feeding import Feeder
from tilde_core.sandbox_io.output import RunResult
from tilde_core.sandbox_io.recording import TimeIsOver

__all__ = ["OnOutput", "run_to_end"]

OnOutput: TypeAlias = Callable[[bytes], object]


def run_to_end(
    running: RunningCommand,
    *,
    stdin: Iterator[Any] | None,
    check: bool,
    timeout: float | None,
    on_stdout: OnOutput | None,
    on_stderr: OnOutput | None,
) -> RunResult:
    """Feed the command, hand on what it prints, and return what it did. Whatever is raised on the way ends it.

    The callbacks run in this thread. Raises `CommandTimeoutError` after `timeout` seconds, what
    `RunningCommand.outcome` raises, and what the callbacks and the source of the input raise.
    """
    deadline = None if timeout is None else running.clock.monotonic() + timeout
    with _killed_on_error(running), _fed(running, stdin):
        try:
            if on_stdout is not None or on_stderr is not None:
                callbacks = {"stdout": on_stdout, "stderr": on_stderr}
                for name, data in running.events(deadline):
                    callback = callbacks[name]
                    if callback is not None:
                        callback(data)
            return running.outcome(deadline, check=check)
        except TimeIsOver:
            running.kill()
    result = running.result()
    error = CommandTimeoutError(
        with_last_lines(f"{running.shown} took longer than {timeout:g} seconds, and was ended", result),
        operation=running.operation,
    )
    error.timeout, error.result = timeout or 0.0, result
    raise error


@contextmanager
def _killed_on_error(running: RunningCommand) -> Iterator[None]:
    try:
        yield
    except BaseException:
        running.kill()
        raise


@contextmanager
def _fed(running: RunningCommand, source: Iterator[Any] | None) -> Iterator[None]:
    """Feed it from `source` while the block runs; without one, close its input at once."""
    if source is None:
        running.end_input()
        yield
        return
    feeder = Feeder(running, source)
    try:
        yield
    except BaseException:
        running.kill()  # so that the thread need not wait until somebody reads
        raise
    finally:
        feeder.stop()
