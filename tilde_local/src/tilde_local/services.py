"""What every request handler needs, made once a server."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tilde_local.blobs import Blobs
from tilde_local.clock import Clock, stamp
from tilde_local.database import Database
from tilde_local.encryption import Encryption
from tilde_local.sandboxes.registry import Registry
from tilde_local.signing import Signer

__all__ = ["Services"]


class Services(NamedTuple):
    """The open parts of one data directory, the clock they go by, and what writes policies.

    `imports_waiting` is set when there is something to import, `commits_landed` when triggers may have to fire.
    """

    database: Database
    blobs: Blobs
    signer: Signer
    encryption: Encryption
    clock: Clock
    policy_generator: Callable[[str], str]
    imports_waiting: threading.Event
    commits_landed: threading.Event
    sandboxes: Registry

    def now(self) -> str:
        """The current time as it is stored."""
        return stamp(self.clock())

    @contextmanager
    def landing(self) -> Iterator[sqlite3.Connection]:
        """`database.write()` for a commit: once it is durable, the triggers fire, in the background."""
        with self.database.write() as db:
            yield db
        self.commits_landed.set()
