"""One command on one connection. A thread reads what it prints, whoever else waits, writes or does nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from tilde_core.clock import Clock
from tilde_core.exceptions import (
    CommandLostError,
    OutcomeUnknownError,
    SandboxError,
    TildeError,
    TransportError,
)
from tilde_core.hooks.offers import WebSocket
from tilde_core.sandbox_io.command_error import command_error, shown_command
from tilde_core.sandbox_io.frames import Exit, StreamName, end_of_input, input_messages, launch, read_exec
from tilde_core.sandbox_io.output import RunResult
from tilde_core.sandbox_io.recording import Recording

__all__ = ["KILLED", "RunningCommand"]

_SANDBOX_ENDED = "sandbox_ended"  # the reason for the end of a command that did not come to its own
KILLED = 137  # as a shell says it of a command that SIGKILL ended


class RunningCommand:
    """A command that was asked for: what it prints, how it ended, and the way to its standard input.

    `explain` is given the error of a connection that broke, and whether the service has told that the sandbox has ended
    with it. It returns the error to raise: what lies behind it.
    """

    def __init__(
        self,
        websocket: WebSocket,
        command: str | Sequence[str],
        clock: Clock,
        *,
        operation: str,
        explain: Callable[[CommandLostError, bool], TildeError] = lambda error, has_ended: error,
    ) -> None:
        self.operation: str = operation
        self.clock: Clock = clock
        self.recording: Recording = Recording(clock)
        self._websocket = websocket
        self._command = command
        self._explain = explain
        self._lock = threading.Lock()
        self._exit: Exit | None = None
        self._failure: BaseException | None = None  # of the connection
        self._ended_for: BaseException | None = None  # what somebody else gave up with
        self._explained: TildeError | None = None
        self._is_killed = False
        self._began = clock.monotonic()
        self._duration: float | None = None
        self._reader = threading.Thread(target=self._read, name="tilde-exec", daemon=True)

    @property
    def shown(self) -> str:
        """The command, for messages."""
        return shown_command(self._command)

    def launch(self, argv: Sequence[str], env: Mapping[str, str] | None, cwd: str | None) -> None:
        """Start the command. Raises `CommandLostError`."""
        try:
            self._websocket.send(launch(argv, env, cwd))
        except BaseException as error:
            self._websocket.close()
            if isinstance(error, TransportError):
                raise self.lost(error) from error
            raise
        self._reader.start()

    def offer(self, data: bytes | bytearray | memoryview) -> TransportError | None:
        """Write to its standard input; waits as long as it reads nothing. Returns what stood in the way."""
        return self._sent(input_messages(data))

    def end_input(self) -> TransportError | None:
        """Close its standard input. Returns what stood in the way."""
        return self._sent(iter((end_of_input(),)))

    def kill(self) -> None:
        """End it, if it has not ended, by closing the connection."""
        with self._lock:
            self._is_killed = True
        self._websocket.close()
        self._reader.join()

    def fail(self, error: BaseException) -> None:
        """End it because of `error`, which whoever waits gets."""
        with self._lock:
            self._ended_for = self._ended_for or error
        self._websocket.close()

    def events(self, deadline: float | None = None) -> Iterator[tuple[StreamName, bytes]]:
        """Yield what it prints as it comes. Raises `TimeIsOver`, and what `ended` raises."""
        yield from self.recording.events(deadline)
        self.ended()

    def outcome(self, deadline: float | None = None, *, check: bool) -> RunResult:
        """Wait until it has ended. Raises `TimeIsOver`, what `ended` raises, and with `check` `CommandError`."""
        self.recording.wait(deadline)
        self._reader.join()
        ended = self.ended()
        result = self.result(ended)
        if check and ended.exit_code != 0:
            raise command_error(self._command, result, self.operation)
        return result

    def ended(self) -> Exit:
        """Return how it has ended. Raises `CommandLostError`, `SandboxError`, and what it was ended for."""
        if self._exit is None and self._ended_for is not None:
            raise self._ended_for
        if isinstance(self._failure, TransportError):
            raise self.lost(self._failure) from self._failure
        if self._failure is not None:
            raise self._failure
        assert self._exit is not None
        if self._exit.reason == _SANDBOX_ENDED:
            raise self.lost(OutcomeUnknownError(self._exit.text), has_ended=True)
        if self._exit.exit_code is None:
            raise SandboxError(
                f"{self.shown} was not run to its end: {self._exit.text or 'the service gave no reason'}",
                status_reason=self._exit.reason or "",
                operation=self.operation,
            )
        return self._exit

    def result(self, ended: Exit | None = None) -> RunResult:
        """Return what it has done so far, or (with how it `ended`) in all."""
        ended = ended or Exit()
        duration = self.clock.monotonic() - self._began if self._duration is None else self._duration
        return RunResult(
            stdout=self.recording.stdout,
            stderr=self.recording.stderr,
            exit_code=ended.exit_code,
            reason=ended.text,
            duration=duration,
        )

    def lost(self, error: TransportError, *, has_ended: bool = False) -> TildeError:
        """Return what to raise for a connection that broke, maybe since the sandbox `has_ended`."""
        if self._explained is None:
            lost = CommandLostError(
                f"the connection to {self.shown} broke, which ends it: {error.message}",
                method=error.method,
                url=error.url,
                operation=self.operation,
                request_id=error.request_id,
            )
            lost.result = self.result()
            self._explained = self._explain(lost, has_ended)
        return self._explained

    def _sent(self, messages: Iterator[bytes]) -> TransportError | None:
        try:
            for message in messages:
                self._websocket.send(message)
        except TransportError as error:
            return error
        return None

    def _read(self) -> None:
        """Run in the thread: take what comes, until it has ended."""
        try:
            self._exit = self._received()
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            with self._lock:
                if self._is_killed and self._ended_for is None:
                    self._exit = Exit(KILLED)
                else:
                    self._failure = error
        finally:
            self._duration = self.clock.monotonic() - self._began
            try:
                self._websocket.close()
            finally:
                self.recording.end()

    def _received(self) -> Exit:
        while (message := self._websocket.receive()) is not None:
            told = read_exec(message)
            if isinstance(told, Exit):
                return told
            if told is not None:
                self.recording.write(told.stream, told.data)
        raise OutcomeUnknownError("the service closed the connection without telling how the command ended")
