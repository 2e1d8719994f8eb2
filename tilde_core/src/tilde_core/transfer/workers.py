"""Threads for the parts of one upload: there while they are needed, and few at a time."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Cancelled", "Workers"]

T = TypeVar("T")

_GRACE = 5.0  # seconds that cancelled work has to stop; on a dead network it is left to die with the process
_WAKE_UP = 1.0  # seconds; a wait without end cannot be interrupted on Windows


class Cancelled(Exception):
    """Raised inside a task that is to stop; never leaves this package."""


class Workers(Generic[T]):
    """Runs tasks, at most `count` at once. The first that fails cancels the others. Not to be used again afterwards."""

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._results: list[T] = []
        self._threads: set[threading.Thread] = set()

    def wait_for_room(self) -> None:
        """Wait until a task may begin. Raises what a task failed with."""
        while not self._free.acquire(timeout=_WAKE_UP):
            pass
        if self._failure is not None:
            self._free.release()
            raise self._failure

    def start(self, task: Callable[[], T]) -> None:
        """Begin `task`, for which there must be room, in the context (tracing spans and the like) of the caller."""
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(self._run, task), name="tilde-upload", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def results(self) -> list[T]:
        """Wait for all tasks and return what they returned, in no order. Raises what the first that failed raised."""
        for thread in self._running():
            while thread.is_alive():
                thread.join(_WAKE_UP)
        if self._failure is not None:
            raise self._failure
        return self._results

    def cancel(self) -> None:
        """Tell the tasks to stop, and wait until they did, but not for ever."""
        self._cancelled.set()
        end = time.monotonic() + _GRACE
        for thread in self._running():
            thread.join(max(0.0, end - time.monotonic()))

    def check(self, _: object = None) -> None:
        """For tasks to call from time to time. Raises `Cancelled` if they are to stop."""
        if self._cancelled.is_set():
            raise Cancelled

    def _running(self) -> list[threading.Thread]:
        with self._lock:
            return [thread for thread in self._threads if thread.is_alive()]

    def _run(self, task: Callable[[], T]) -> None:
        try:
            result = task()
            with self._lock:
                self._results.append(result)
        except BaseException as error:  # noqa: BLE001 - raised again on the caller's thread
            self._fail(error)
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())
            self._free.release()

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._failure = self._failure or error
        self._cancelled.set()
