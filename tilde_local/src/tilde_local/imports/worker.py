"""The thread that runs the imports of a server, one after the other."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from tilde_local.imports import jobs, running
from tilde_local.services import Services
from tilde_local.store import imports
from tilde_local.store.records import ImportJob

__all__ = ["Worker"]

_log = logging.getLogger("tilde_local")
_STOP_SECONDS = 10


class Worker:
    """A context in which imports run: those that a server before has left unfinished, then what comes in."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._cancel: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._run, name="tilde-local-imports", daemon=True)

    def __enter__(self) -> Worker:
        self._services.imports_waiting.set()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._stopping.set()
            self._cancel()
        self._services.imports_waiting.set()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._services.imports_waiting.wait()
            self._services.imports_waiting.clear()
            try:
                self._run_all()
            except Exception:  # noqa: BLE001 - a full disk, say; what waits is taken up with the next import
                _log.exception("imports are put off: the data directory cannot be used")

    def _run_all(self) -> None:
        while job := self._next():
            try:
                running.run(self._interruptible(job))
            except asyncio.CancelledError:
                return

    def _next(self) -> ImportJob | None:
        """The oldest import that is not finished, unless the server stops."""
        if self._stopping.is_set():
            return None
        with self._services.database.read() as db:
            return imports.next_unfinished(db)

    async def _interruptible(self, job: ImportJob) -> None:
        """Run the import. Raises CancelledError if the server stops: it stays unfinished then."""
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._stopping.is_set():
                return
            self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        try:
            await self._ending(job)
        finally:
            with self._lock:
                self._cancel = lambda: None

    async def _ending(self, job: ImportJob) -> None:
        """Run the import; one that nothing expected to fail so ends all the same, or it would be tried for ever."""
        try:
            await jobs.run(self._services, job)
        except Exception:  # noqa: BLE001 - logged, and told to who asks for the import
            _log.exception("import %s failed", job.id)
            jobs.fail(self._services, job, "the server failed on this import; its log says why")
