"""The command that a sandbox is for, and the log that takes what it prints."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence

from tilde_local.runner.base import CommandNotStarted, Container, Process
from tilde_local.sandboxes.active import Active
from tilde_local.sandboxes.pipes import make_pipe
from tilde_local.sandboxes.terminal import Terminal
from tilde_local.store.sandboxes import Outcome

__all__ = ["MainCommand"]

_PIECE = 256 * 1024
_COLUMNS, _ROWS = 80, 24
_TERM = {"TERM": "xterm-256color"}


class MainCommand:
    """Started at once. When it exits, the sandbox ends; `finish()` it then, once its container was killed."""

    def __init__(self, active: Active, container: Container, argv: Sequence[str], *, in_terminal: bool) -> None:
        self._active = active
        self._container = container
        self._argv = argv
        self._process: Process | None = None
        self._reader: threading.Thread | None = None
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
        self._read_in_thread(output)
        return process

    def _start_in_terminal(self) -> Process:
        process, master = self._container.run_in_terminal(
            self._argv,
            env=self._environment(_TERM),
            cwd=self._container.mountpoint,
            columns=_COLUMNS,
            rows=_ROWS,
        )
        terminal = Terminal(master)
        self._reader = threading.Thread(target=terminal.copy, args=(self._keep,), name="tilde-local-terminal")
        self._reader.start()
        self._active.terminal = terminal
        return process

    def _read_in_thread(self, output: int) -> None:
        def copy() -> None:
            while data := os.read(output, _PIECE):
                self._keep(data)
            os.close(output)

        self._reader = threading.Thread(target=copy, name="tilde-local-output")
        self._reader.start()

    def _keep(self, data: bytes) -> None:
        if not self._active.output.append(data):
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
        if self._reader is not None:
            self._reader.join()
        terminal = self._active.terminal
        if terminal is not None and self._process is not None:
            terminal.exit_code = self._process.wait()
            self._active.output.wake()
            terminal.close()
