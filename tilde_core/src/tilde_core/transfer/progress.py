"""Tells observers how far a transfer has come."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tilde_core.hooks.events import TransferProgress

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["Progress"]


class Progress:
    """The bytes of one transfer that have gone over the wire. Used by many threads at once."""

    def __init__(self, client: Client, operation: str, path: str, total: int | None) -> None:
        self._pipeline = client.pipeline
        self._operation = operation
        self._path = path
        self._total = total
        self._transferred = 0
        self._lock = threading.Lock()

    def add(self, size: int) -> None:
        """Take note of `size` more bytes."""
        with self._lock:
            self._transferred += size
            transferred = self._transferred
        self._tell(transferred)

    def reached(self, transferred: int) -> None:
        """Take note that it is `transferred` bytes now, which is fewer than before when an attempt is repeated."""
        with self._lock:
            self._transferred = transferred
        self._tell(transferred)

    def _tell(self, transferred: int) -> None:
        self._pipeline.emit(
            lambda: TransferProgress(
                operation=self._operation, path=self._path, transferred=transferred, total=self._total
            )
        )
