"""A handle for a command that runs in a sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType

from tilde_core.completion import PublicNames
from tilde_core.exceptions import CommandError, TransportError, WaitTimeoutError
from tilde_core.sandbox_io.exec import RunningCommand
from tilde_core.sandbox_io.frames import StreamName
from tilde_core.sandbox_io.output import OutputStream, RunResult
from tilde_core.sandbox_io.recording import TimeIsOver
from tilde_core.waiting import checked_timeout

__all__ = ["Process"]

_TO_TELL = 10.0  # seconds that a command which takes nothing more has, to tell how it ended


class Process(PublicNames):
    """A command that runs in a sandbox, started with `shell.start`. Threads may share it.

    Iterate it for its output as it comes, `(stream, data)` with `"stdout"` or `"stderr"`, or read `stdout` and
    `stderr`: in any order, as often as you like, and from the beginning each time. What nobody reads holds up nothing.
    Its standard input stays open until `close_stdin()`.

    As a context manager it closes the input and waits at the end of the block; after an exception it kills.
    """

    def __init__(self, running: RunningCommand) -> None:
        self._running = running
        self._is_input_closed = False

    @property
    def stdout(self) -> OutputStream:
        """What it prints to its standard output. Reading waits for more until it has ended."""
        return self._running.recording.live("stdout", self._running.ended)

    @property
    def stderr(self) -> OutputStream:
        """What it prints to its standard error. Reading waits for more until it has ended."""
        return self._running.recording.live("stderr", self._running.ended)

    def __iter__(self) -> Iterator[tuple[StreamName, bytes]]:
        """Yield what it prints, as it comes. Raises `CommandLostError`, `SandboxError`."""
        return self._running.events()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write to its standard input. Waits as long as it reads nothing.

        Raises:
            CommandError: it has ended, and reads nothing more.
            CommandLostError: the connection broke.
            ValueError: after `close_stdin()`.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"stdin takes bytes, not {type(data).__name__}")
        if self._is_input_closed:
            raise ValueError("the standard input is closed")
        error = self._running.offer(data)
        if error is not None:
            self._raise_unwritten(error)

    def close_stdin(self) -> None:
        """Close its standard input: it reads the end. May be called twice, also when it has ended."""
        if not self._is_input_closed:
            self._is_input_closed = True
            self._running.end_input()  # who waits is told what stood in the way

    def poll(self) -> int | None:
        """Return its exit code, or `None` while it runs. Raises `CommandLostError`, `SandboxError`."""
        return self._running.ended().exit_code if self._running.recording.has_ended else None

    def wait(self, timeout: float | None = None, *, check: bool = False) -> RunResult:
        """Wait until it has ended, and return what it did. `timeout` is in seconds; `None` waits without end.

        Of one that was killed the exit code is 137.

        Raises:
            WaitTimeoutError: it has not ended in time. It runs on.
            CommandError: with `check`, another exit code than 0.
            CommandLostError: the connection broke; it is ended then. `error.result` has what it had printed.
            SandboxError: the sandbox failed, or could not run it.
        """
        deadline = None if timeout is None else self._running.clock.monotonic() + checked_timeout(timeout)
        try:
            return self._running.outcome(deadline, check=check)
        except TimeIsOver:
            message = f"waited {timeout:g} seconds for {self._running.shown}, which still runs"
            error = WaitTimeoutError(message, operation=self._running.operation)
            error.timeout = timeout or 0.0
        raise error

    def kill(self) -> None:
        """End it and all that it has started. Does nothing if it has ended."""
        self._running.kill()

    def _raise_unwritten(self, error: TransportError) -> None:
        running = self._running
        try:
            running.recording.wait(running.clock.monotonic() + _TO_TELL)
        except TimeIsOver:
            raise running.lost(error) from error
        ended = running.ended()
        raise CommandError(
            f"{running.shown} has ended with exit code {ended.exit_code}, and reads nothing more",
            exit_code=ended.exit_code,
            result=running.result(ended),
            operation=running.operation,
        ) from error

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.kill()
            return
        self.close_stdin()
        self.wait()

    def __repr__(self) -> str:
        state = "ended" if self._running.recording.has_ended else "running"
        return f"Process({self._running.shown}, {state})"
