"""Exit codes that arrive once and are waited for by many."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Exit"]


class Exit:
    """The exit code of a process, once it is there."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._code: int | None = None
        self._callbacks: list[Callable[[int], None]] = []

    @property
    def known(self) -> bool:
        """Whether the process has ended."""
        return self._code is not None

    def set(self, code: int) -> None:
        """Tell everybody who waits; only the first code counts."""
        with self._changed:
            if self._code is not None:
                return
            self._code = code
            callbacks, self._callbacks = self._callbacks, []
            self._changed.notify_all()
        for callback in callbacks:
            callback(code)

    def wait(self, timeout: float | None = None) -> int:
        """The code. Raises TimeoutError after `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._code is not None, timeout)
            if self._code is None:
                raise TimeoutError(f"the process is still running after {timeout} seconds")
            return self._code

    def on_exit(self, callback: Callable[[int], None]) -> None:
        """Call `callback` with the code once it is there, from whatever thread that is."""
        with self._changed:
            if self._code is None:
                self._callbacks.append(callback)
                return
        callback(self._code)
