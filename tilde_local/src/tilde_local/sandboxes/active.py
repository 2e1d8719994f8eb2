"""A sandbox that has not come to its end, as the parts of the server share it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tilde_local.runner.base import CommandNotStarted, Container
from tilde_local.sandboxes.logs import NETWORK, OUTPUT, Log, Logs
from tilde_local.sandboxes.terminal import Terminal
from tilde_local.store.sandboxes import Outcome

__all__ = ["Active"]

T = TypeVar("T")

_NETWORK_BYTES = 64 << 20
_STARTERS = 4


class Active:
    """The logs of a sandbox, the container while there is one, and how it shall end.

    `variables` are what commands get beside the container's own, `fixed` those that nobody can replace.
    """

    def __init__(self, sandbox_id: str, logs: Logs, output_bytes: int) -> None:
        self.id = sandbox_id
        self.output = Log(logs.path(sandbox_id, OUTPUT), output_bytes)
        self.network = Log(logs.path(sandbox_id, NETWORK), _NETWORK_BYTES)
        self.variables: Mapping[str, str] = {}
        self.fixed: Mapping[str, str] = {}
        self.terminal: Terminal | None = None
        self._starters = ThreadPoolExecutor(_STARTERS, thread_name_prefix="tilde-local-starter")
        self._container: Container | None = None
        self._condition = threading.Condition()
        self._outcome: Outcome | None = None
        self._is_sealed = False

    @property
    def container(self) -> Container | None:
        """Where commands can be run; None before and after that."""
        with self._condition:
            return None if self._outcome is not None else self._container

    @property
    def is_over(self) -> bool:
        """Whether it takes no commands any more."""
        with self._condition:
            return self._outcome is not None

    def open(self, container: Container) -> None:
        """Commands can be run from here on."""
        with self._condition:
            self._container = container

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Start a command by `work` in a thread of the sandbox's own. Raises CommandNotStarted if it has ended.

        What runs inside can keep a command from ever starting, and must not hold up the threads that all share.
        """
        try:
            return self._starters.submit(work)
        except RuntimeError as error:
            raise CommandNotStarted("container_gone", "the sandbox is gone") from error

    def environment(self, container: Container, more: Mapping[str, str]) -> dict[str, str]:
        """All variables of a command."""
        return {**container.environment, **self.variables, **more, **self.fixed}

    def end(self, outcome: Outcome) -> bool:
        """Let it end so; `done` is what its changes are committed after. False if it is too late for that.

        The first end counts, except that cancelling still prevents a commit.
        """
        with self._condition:
            replaceable = self._outcome is None or (self._outcome.status == "done" and outcome.status == "cancelled")
            if self._is_sealed or not replaceable:
                return False
            self._outcome = outcome
            self._condition.notify_all()
        return True

    def wait(self, seconds: float | None = None) -> Outcome | None:
        """How it shall end, as soon as that is known; None if it is not after `seconds`."""
        with self._condition:
            self._condition.wait_for(lambda: self._outcome is not None, seconds)
            return self._outcome

    def seal(self) -> Outcome:
        """How it ends, for good."""
        with self._condition:
            assert self._outcome is not None
            self._is_sealed = True
            return self._outcome

    def close(self) -> None:
        """Its end is written down: readers of its logs come to theirs."""
        self.output.end()
        self.network.end()
        self._starters.shutdown(wait=False)
