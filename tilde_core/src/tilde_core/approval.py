"""Waiting for somebody to review a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tilde_core.exceptions import NotFoundError
from tilde_core.operation import Operation

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["wait_until_reviewed"]

_POLL_INTERVAL = 2.0


def wait_until_reviewed(client: Client, path: str) -> None:
    """Ask every 2 seconds, without end, until the session at the API path `path` is approved or rolled back."""
    while True:
        try:
            client.pipeline.execute(Operation(name="sessions.approval", method="HEAD", path=path))
        except NotFoundError:  # how the service says that it is no longer pending
            return
        client.pipeline.clock.sleep(_POLL_INTERVAL)
