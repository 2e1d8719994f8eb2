"""The thread that takes sandboxes up, and the threads that run them."""

from __future__ import annotations

import contextlib
import logging
import threading

from tilde_local.errors import ApiError, Conflict
from tilde_local.sandboxes import control
from tilde_local.sandboxes.lifecycle import Lifecycle
from tilde_local.sandboxes.reading import remove_old_logs
from tilde_local.services import Services
from tilde_local.serving import Serving
from tilde_local.store import sandboxes
from tilde_local.store.records import Sandbox
from tilde_local.store.sandboxes import Outcome

__all__ = ["Supervisor", "recover"]

_log = logging.getLogger("tilde_local")
_STOP_SECONDS = 30
_LOST = Outcome("failed", "sandbox_lost", "the server ended while this sandbox was active")


def recover(services: Services) -> None:
    """Write down that what was active is lost, since a server before has not ended it, and tidy up."""
    with services.database.read() as db:
        lost = sandboxes.list_active(db)
    for sandbox in lost:
        control.end(services, sandbox, _LOST)
    remove_old_logs(services)


class Supervisor:
    """A context in which sandboxes run, as many at once as the settings say. They are cancelled at its end."""

    def __init__(self, services: Services, serving: Serving) -> None:
        self._services = services
        self._serving = serving
        self._registry = services.sandboxes
        self._stopping = threading.Event()
        self._slots = threading.Semaphore(services.sandboxes.settings.at_once)
        self._running: set[threading.Thread] = set()
        self._thread = threading.Thread(target=self._run, name="tilde-local-sandboxes", daemon=True)

    def __enter__(self) -> Supervisor:
        self._registry.wake()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._registry.stop()
        self._stopping.set()
        self._registry.wake()
        self._cancel_all()
        self._thread.join(_STOP_SECONDS)
        for thread in list(self._running):
            thread.join(_STOP_SECONDS)
        self._registry.close()

    def _cancel_all(self) -> None:
        # A transaction that writes comes behind those which are creating a sandbox just now.
        with self._services.database.write() as db:
            active = sandboxes.list_active(db)
        for sandbox in active:
            with contextlib.suppress(Conflict):  # it ends by itself
                control.cancel(self._services, sandbox, control.BY_OPERATOR)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._registry.waiting.wait()
            self._registry.waiting.clear()
            try:
                self._take_up_all()
            except Exception:  # noqa: BLE001 - a full disk, say; what waits is taken up with the next sandbox
                _log.exception("sandboxes are put off: the data directory cannot be used")

    def _take_up_all(self) -> None:
        while not self._stopping.is_set() and self._slots.acquire(blocking=False):
            sandbox = None
            try:
                sandbox = self._take_up()
            finally:
                if sandbox is None:
                    self._slots.release()
            if sandbox is None:
                return
            thread = threading.Thread(target=self._live, args=(sandbox,), name=f"tilde-local-sandbox-{sandbox.id}")
            self._running.add(thread)
            thread.start()

    def _take_up(self) -> Sandbox | None:
        """The oldest sandbox that waits, from here on in our hands."""
        with self._services.database.read() as db:
            if sandboxes.next_waiting(db) is None:
                return None
        name = self._registry.engine().runner.name
        with self._services.database.write() as db:
            sandbox = sandboxes.next_waiting(db)
            if sandbox is not None:
                sandboxes.begin(db, sandbox, name, self._services.now())
        self._registry.announce()
        return sandbox

    def _live(self, sandbox: Sandbox) -> None:
        try:
            Lifecycle(self._services, self._serving, sandbox).run()
        except (ApiError, OSError):
            _log.exception("sandbox %s: its end cannot be written down", sandbox.id)
        finally:
            self._running.discard(threading.current_thread())
            self._slots.release()
            self._registry.wake()
