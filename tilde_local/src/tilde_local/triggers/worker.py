"""The thread that fires triggers: it looks at each commit that has landed, and starts the sandboxes."""

from __future__ import annotations

import logging
import threading

from tilde_local.services import Services
from tilde_local.store import trigger_runs
from tilde_local.triggers import firing

__all__ = ["Worker"]

_log = logging.getLogger("tilde_local")
_STOP_SECONDS = 10


class Worker:
    """A context in which triggers fire: for commits that a server before has left, then for those that land."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tilde-local-triggers", daemon=True)

    def __enter__(self) -> Worker:
        self._services.commits_landed.set()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._services.commits_landed.set()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._services.commits_landed.wait()
            self._services.commits_landed.clear()
            try:
                while not self._stopping.is_set() and self._step():
                    pass
            except Exception:  # noqa: BLE001 - a full disk, say; what waits is taken up with the next commit
                _log.exception("triggers are put off: the data directory cannot be used")

    def _step(self) -> bool:
        """Start one sandbox, or look at one commit for one trigger; False if there is nothing to do."""
        with self._services.database.read() as db:
            run = trigger_runs.next_pending(db)
            candidate = trigger_runs.next_candidate(db) if run is None else None
        if run is not None:
            firing.fire(self._services, run)
        elif candidate is not None:
            firing.match(self._services, candidate)
        return (run or candidate) is not None
