"""What makes a sandbox fail, as an exception."""

from __future__ import annotations

from tilde_local.store.sandboxes import Outcome

__all__ = ["Failed"]


class Failed(Exception):
    """The sandbox ends as failed, for one of the reasons of that state."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.outcome = Outcome("failed", reason, message)
