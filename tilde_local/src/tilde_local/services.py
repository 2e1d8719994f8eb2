"""What every request handler needs, made once a server."""

from __future__ import annotations

import threading
from collections.abc import Callable
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

    `imports_waiting` is set when there is something to import.
    """

    database: Database
    blobs: Blobs
    signer: Signer
    encryption: Encryption
    clock: Clock
    policy_generator: Callable[[str], str]
    imports_waiting: threading.Event
    sandboxes: Registry

    def now(self) -> str:
        """The current time as it is stored."""
        return stamp(self.clock())
