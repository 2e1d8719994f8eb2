"""Shells: one sandbox, and as many commands in it as one likes."""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType

from tilde_core.arguments import check_callback, checked_text
from tilde_core.completion import PublicNames
from tilde_core.exceptions import APIError, CommandLostError, SessionClosedError, TildeError
from tilde_core.logs import logger
from tilde_core.models.sandboxes import SandboxStatus
from tilde_core.operation import Operation
from tilde_core.resources.sandbox import Sandbox
from tilde_core.resources.sandbox_request import Command, checked_command, checked_env
from tilde_core.resources.sandbox_start import cancelled_on_error, sandbox_error
from tilde_core.sandbox_io.exec import RunningCommand
from tilde_core.sandbox_io.feeding import Stdin, checked_stdin
from tilde_core.sandbox_io.output import RunResult
from tilde_core.sandbox_io.process import Process
from tilde_core.sandbox_io.run import OnOutput, run_to_end
from tilde_core.waiting import checked_timeout

__all__ = ["Shell"]


_TO_TELL = 1.0  # seconds that a sandbox whose connections break has, to say that it has ended
_TO_END = 30.0  # and those that one has which said so on the connection: its end is written down behind that


class Shell(PublicNames):
    """A sandbox for several commands, from `repo.shell()`: a context manager. Threads may share it.

    The sandbox is started at the beginning of the block. At the end it is closed and what the commands changed is
    committed, and waited for; `result` then tells how that went. After an exception, what they changed is dropped.
    """

    def __init__(self, start: Callable[[], Sandbox]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._is_started = False
        self._sandbox: Sandbox | None = None
        self._has_ended = False
        self._result: SandboxStatus | None = None
        self._running: weakref.WeakSet[RunningCommand] = weakref.WeakSet()

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox. Raises `TildeError` before the beginning of the block."""
        if self._sandbox is None:
            raise TildeError("the shell is not open yet: use it as `with repo.shell() as sh:`")
        return self._sandbox

    @property
    def result(self) -> SandboxStatus:
        """How it ended: `is_committed` with the `commit_id`, `has_no_changes`, or `is_awaiting_approval` with the
        `web_url`. Raises `TildeError` before the end of the block, and after an exception in it."""
        if self._result is None:
            why = "what its commands changed was dropped" if self._has_ended else "it commits at the end of the block"
            raise TildeError(f"the shell has no result: {why}")
        return self._result

    def run(
        self,
        command: Command,
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: Stdin | None = None,
        check: bool = False,
        timeout: float | None = None,
        on_stdout: OnOutput | None = None,
        on_stderr: OnOutput | None = None,
    ) -> RunResult:
        """Run a command, and return what it printed and its exit code.

        Whatever is raised meanwhile, Ctrl-C too, ends the command.

        Args:
            command: a str for the shell (`sh -c`), or a list with the program and its arguments.
            env: more environment variables, for this command alone.
            cwd: the directory to run it in; where the files of the repository are if left out.
            stdin: what it reads: bytes, a binary file (from where it stands), an iterable of bytes, or the output of
                another command, of any size. It is taken in a thread of its own. Without it the input is closed at
                once.
            check: whether another exit code than 0 is an error.
            timeout: how many seconds it may run; `None` without end.
            on_stdout: called with the bytes that it prints, as they come, in the thread that called `run`.
            on_stderr: likewise for what it prints as errors.

        Raises:
            CommandError: with `check`, another exit code than 0; `error.result` has the whole result.
            CommandTimeoutError: it took too long. It is ended; `error.result` has what it had printed. The sandbox
                goes on.
            CommandLostError: the connection broke, which ends the command; likewise with `error.result`.
            SandboxError: the sandbox has failed, or could not run it, whatever `check` says.
            SessionClosedError: the shell has ended.
        """
        check_callback("on_stdout", on_stdout)
        check_callback("on_stderr", on_stderr)
        source = checked_stdin(stdin)
        seconds = None if timeout is None else checked_timeout(timeout)
        running = self._launched(command, env, cwd, "shell.run")
        return run_to_end(running, stdin=source, check=check, timeout=seconds, on_stdout=on_stdout, on_stderr=on_stderr)

    def start(self, command: Command, *, env: Mapping[str, str] | None = None, cwd: str | None = None) -> Process:
        """Start a command and return it while it runs: read, write, wait, kill. The arguments are those of `run`.

        What still runs at the end of the block is ended. Raises `CommandLostError`, `SandboxError`,
        `SessionClosedError`.
        """
        return Process(self._launched(command, env, cwd, "shell.start"))

    def _launched(
        self, command: Command, env: Mapping[str, str] | None, cwd: str | None, operation: str
    ) -> RunningCommand:
        argv = checked_command(command)
        variables = None if env is None else checked_env(env)
        directory = None if cwd is None else checked_text("cwd", cwd)
        pipeline = self._open_sandbox(operation)._client.pipeline
        try:
            websocket = pipeline.connect(self._exec_operation(operation))
        except APIError as error:
            explained = self._explained(error)
            if explained is error:
                raise
            raise explained from error
        running = RunningCommand(websocket, command, pipeline.clock, operation=operation, explain=self._explained)
        running.launch(argv, variables, directory)
        self._running.add(running)
        return running

    def _exec_operation(self, name: str) -> Operation:
        return Operation(name=name, method="GET", path=self.sandbox._path("sandboxes", self.sandbox.id, "exec"))

    def _open_sandbox(self, operation: str) -> Sandbox:
        if self._has_ended:
            raise SessionClosedError("the shell has ended; open another with repo.shell()", operation=operation)
        return self.sandbox

    def _explained(self, error: APIError | CommandLostError, has_ended: bool = False) -> TildeError:
        """What lies behind a connection that broke or was refused: the end of the sandbox, if it has ended."""
        if isinstance(error, APIError) and error.status_code < 404:
            return error
        with suppress(TildeError):
            status = self.sandbox.wait(_TO_END if has_ended else _TO_TELL)
            failure = sandbox_error(self.sandbox.id, status, error.operation)
            failure.result = getattr(error, "result", None)
            return failure
        return error

    def __enter__(self) -> Shell:
        with self._lock:
            was_started, self._is_started = self._is_started, True
        if was_started:
            raise SessionClosedError("a shell can be used once; open another with repo.shell()")
        self._sandbox = self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._has_ended = True
        with cancelled_on_error(self.sandbox):  # Ctrl-C may come while they end
            for running in list(self._running):
                running.kill()
        if error is not None:
            self._roll_back(error)
            return
        status = self._committed()
        self._result = status
        if status.is_awaiting_approval:
            warnings.warn(f"Approval required - review and approve at: {status.web_url}", UserWarning, stacklevel=2)
        elif status.state != "done":
            raise sandbox_error(self.sandbox.id, status, "shell.close")

    def _committed(self) -> SandboxStatus:
        """Close the sandbox, and wait until its changes are committed."""
        sandbox = self.sandbox
        with cancelled_on_error(sandbox):
            sandbox.finish()
        try:
            return sandbox.wait()
        except TildeError as error:
            error.message = (
                f"sandbox {sandbox.id} was told to commit, but it is not known how that went; "
                f"repo.sandboxes.get({sandbox.id!r}) tells: {error.message}"
            )
            raise

    def _roll_back(self, error: BaseException) -> None:
        """Drop all changes. The user's own exception is what counts: what goes wrong here is only noted on it."""
        sandbox = self.sandbox
        try:
            sandbox.cancel()
        except TildeError as failure:
            note = f"sandbox {sandbox.id} was not cancelled and may still run: {failure}"
            logger.warning("%s", note)
            if hasattr(error, "add_note"):  # Python 3.11
                error.add_note(note)

    def __repr__(self) -> str:
        if self._sandbox is None:
            return "Shell(not open yet)"
        return f"Shell({self._sandbox.id!r}, {self._result or ('ended' if self._has_ended else 'open')})"
