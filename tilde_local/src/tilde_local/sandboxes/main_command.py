"""The command that a sandbox is for, and the log that takes what it prints."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from tilde_local.runner.base import CommandNotStarted, Container, Process
from tilde_local.sandboxes.active import Active
from tilde_local.sandboxes.pipes import make_pipe
from tilde_local.sandboxes.reader import Reader
from tilde_local.sandboxes.terminal import Terminal
from tilde_local.store.sandboxes import Outcome

__all__ = ["MainCommand"]

_COLUMNS, _ROWS = 80, 24
_TERM = {"TERM": "xterm-256color"}


class MainCommand:
    """Started at once. When it exits, the sandbox ends; `finish()` it then, once its container was killed."""

    def __init__(self, active: Active, container: Container, argv: Sequence[str], *, in_terminal: bool) -> None:
        self._active = active
        self._container = container
        self._argv = argv
        self._process: Process | None = None
        self._reader: Reader | None = None
        self._output = -1
        try:
            self._process = self._start_in_terminal() if in_terminal else self._start()
        except CommandNotStarted as error:
            self._keep(f"{error.message}\n".encode())
            active.end(Outcome("errored", "exit_non_zero", error.message, exit_code=error.exit_code))
        else:
            self._process.on_exit(self._exited)

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return {**more, **self._active.environment(self._container, {})}

    def _start(self) -> Process:
        """Both of its streams go to one pipe, so that what it prints stays in order. Its standard input is empty."""
        output, theirs = make_pipe()
        nothing, ours = os.pipe()
        os.close(ours)
        try:
            process = self._container.run(
                self._argv,
                env=self._environment({}),
                cwd=self._container.mountpoint,
                stdin=nothing,
                stdout=theirs,
                stderr=theirs,
            )
        except BaseException:
            os.close(output)
            raise
        finally:
            os.close(theirs)
            os.close(nothing)
        self._read(output)
        return process

    def _start_in_terminal(self) -> Process:
        process, master = self._container.run_in_terminal(
            self._argv,
            env=self._environment(_TERM),
            cwd=self._container.mountpoint,
            columns=_COLUMNS,
            rows=_ROWS,
        )
        self._read(os.dup(master))
        self._active.terminal = Terminal(master)
        return process

    def _read(self, output: int) -> None:
        self._output, self._reader = output, Reader(output, self._keep)

    def _keep(self, data: bytes) -> None:
        try:
            fits = self._active.output.append(data)
        except OSError as error:
            self._active.end(Outcome("failed", "internal_error", f"cannot keep what it prints: {error.strerror}"))
            return
        if not fits:
            limit = self._active.output.limit
            self._active.end(
                Outcome("failed", "policy_violation", f"it printed more than {limit} bytes, which is all a log takes")
            )

    def _exited(self, code: int) -> None:
        if code == 0:
            self._active.end(Outcome("done", "", exit_code=0))
        else:
            message = f"the command exited with {code}"
            self._active.end(Outcome("errored", "exit_non_zero", message, exit_code=code))

    def finish(self) -> None:
        """Wait until all that it printed is in the log."""
        if self._process is None or self._reader is None:
            return
        exit_code = self._process.wait()
        self._reader.finish()
        os.close(self._output)
        terminal = self._active.terminal
        if terminal is not None:
            terminal.exit_code = exit_code
            self._active.output.wake()
            terminal.close()
