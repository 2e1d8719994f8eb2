"""What all parts of the server share about sandboxes: the runner, those that are active, and news of them."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tilde_local.clock import Clock
from tilde_local.errors import Unavailable
from tilde_local.runner.base import Runner
from tilde_local.runner.trees import Trees
from tilde_local.sandboxes.active import Active
from tilde_local.sandboxes.logs import Logs
from tilde_local.sandboxes.settings import Settings
from tilde_local.sandboxes.tokens import Tokens

__all__ = ["Engine", "Registry", "RunnerUnavailable"]


class RunnerUnavailable(Exception):
    """There is no runner on this machine; the message says why, and what to do."""


class Engine(NamedTuple):
    """What runs sandboxes, the files for them, and the directory that is the runner's own."""

    runner: Runner
    trees: Trees
    scratch: Path

    def close(self) -> None:
        """Close both, and leave nothing behind."""
        self.runner.close()
        self.trees.close()
        shutil.rmtree(self.scratch, ignore_errors=True)


class Registry:
    """`open_engine` is called when the first sandbox is asked for, and may raise RunnerUnavailable."""

    def __init__(self, directory: Path, clock: Clock, settings: Settings, open_engine: Callable[[], Engine]) -> None:
        self.settings = settings
        self.logs = Logs(directory)
        self.tokens = Tokens(clock, settings.token_seconds)
        self.waiting = threading.Event()
        self.endpoint_url = ""
        self._open_engine = open_engine
        self._engine: Engine | RunnerUnavailable | None = None
        self._opening = threading.Lock()
        self._is_stopping = False
        self._active: dict[str, Active] = {}
        self._changes = 0
        self._condition = threading.Condition()

    def engine(self) -> Engine:
        """What is in force. Raises RunnerUnavailable."""
        with self._opening:
            if self._engine is None:
                try:
                    self._engine = self._open_engine()
                except RunnerUnavailable as error:
                    self._engine = error
            if isinstance(self._engine, RunnerUnavailable):
                raise self._engine
            return self._engine

    def require_runner(self) -> None:
        """Raise Unavailable unless sandboxes can be run now."""
        if self._is_stopping:
            raise Unavailable("the server is stopping: no more sandboxes are started")
        try:
            self.engine()
        except RunnerUnavailable as error:
            raise Unavailable(str(error), code="sandboxes_unavailable") from error

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
        self.announce()
        if active is not None:
            active.close()

    def announce(self) -> None:
        """The state of a sandbox has changed in the database."""
        with self._condition:
            self._changes += 1
            self._condition.notify_all()

    def wait_until(self, predicate: Callable[[], bool], seconds: float) -> bool:
        """Wait for what the database says to meet `predicate`, which is asked after each change; False if in vain."""
        deadline = time.monotonic() + seconds
        while True:
            seen = self._changes
            if predicate():
                return True
            with self._condition:
                if not self._condition.wait_for(lambda: self._changes != seen, deadline - time.monotonic()):  # noqa: B023
                    return False

    def stop(self) -> None:
        """Take no more sandboxes."""
        self._is_stopping = True

    def close(self) -> None:
        """Close the runner, if there is one. All sandboxes have ended."""
        with self._opening:
            engine, self._engine = self._engine, RunnerUnavailable("the server has stopped")
        if isinstance(engine, Engine):
            engine.close()
