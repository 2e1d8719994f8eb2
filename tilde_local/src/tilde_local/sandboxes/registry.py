"""What all parts of the server share about sandboxes: the runner, those that are active, and news of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from tilde_local.clock import Clock
from tilde_local.errors import Unavailable
from tilde_local.runner.base import Runner
from tilde_local.sandboxes.active import Active
from tilde_local.sandboxes.logs import Logs
from tilde_local.sandboxes.settings import Settings
from tilde_local.sandboxes.tokens import Tokens

__all__ = ["Registry", "RunnerUnavailable"]


class RunnerUnavailable(Exception):
    """There is no runner on this machine; the message says why, and what to do."""


class Registry:
    """`open_runner` is called when the first sandbox is asked for, and may raise RunnerUnavailable."""

    def __init__(self, directory: Path, clock: Clock, settings: Settings, open_runner: Callable[[], Runner]) -> None:
        self.settings = settings
        self.logs = Logs(directory)
        self.tokens = Tokens(clock, settings.token_seconds)
        self.waiting = threading.Event()
        self.endpoint_url = ""
        self._open_runner = open_runner
        self._runner: Runner | RunnerUnavailable | None = None
        self._opening = threading.Lock()
        self._is_stopping = False
        self._active: dict[str, Active] = {}
        self._condition = threading.Condition()

    def find_runner(self) -> Runner:
        """The runner that is in force. Raises RunnerUnavailable."""
        with self._opening:
            if self._runner is None:
                try:
                    self._runner = self._open_runner()
                except RunnerUnavailable as error:
                    self._runner = error
            if isinstance(self._runner, RunnerUnavailable):
                raise self._runner
            return self._runner

    def require_runner(self) -> None:
        """Raise Unavailable unless sandboxes can be run now."""
        if self._is_stopping:
            raise Unavailable("the server is stopping: no more sandboxes are started")
        try:
            self.find_runner()
        except RunnerUnavailable as error:
            raise Unavailable(f"no sandboxes here: {error}", code="sandboxes_unavailable") from error

    def wake(self) -> None:
        """There is a new sandbox in the database, committed."""
        self.waiting.set()

    def active_of(self, sandbox_id: str) -> Active:
        """What is shared about a sandbox that is active. If the database says that it is not, `forget()` it."""
        with self._condition:
            if sandbox_id not in self._active:
                self._active[sandbox_id] = Active(sandbox_id, self.logs, self.settings.output_bytes)
            return self._active[sandbox_id]

    def forget(self, sandbox_id: str) -> None:
        """It has come to its end, and the database says so: whoever follows it is told."""
        with self._condition:
            active = self._active.pop(sandbox_id, None)
            self._condition.notify_all()
        if active is not None:
            active.close()

    def announce(self) -> None:
        """The state of a sandbox has changed in the database."""
        with self._condition:
            self._condition.notify_all()

    def wait_until(self, predicate: Callable[[], bool], seconds: float) -> bool:
        """Wait for what the database says to meet `predicate`, which is asked after each change; False if in vain."""
        with self._condition:
            return self._condition.wait_for(predicate, seconds)

    def stop(self) -> None:
        """Take no more sandboxes."""
        self._is_stopping = True

    def close(self) -> None:
        """Close the runner, if there is one. All sandboxes have ended."""
        with self._opening:
            runner, self._runner = self._runner, RunnerUnavailable("the server has stopped")
        if runner is not None and not isinstance(runner, RunnerUnavailable):
            runner.close()
