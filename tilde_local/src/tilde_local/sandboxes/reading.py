"""The logs of a sandbox for who may read them, whether it has ended or not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from tilde_local.clock import stamp
from tilde_local.errors import Gone
from tilde_local.sandboxes.active import Active
from tilde_local.sandboxes.logs import OUTPUT, follow, stored
from tilde_local.services import Services
from tilde_local.store import sandboxes
from tilde_local.store.records import Sandbox

__all__ = ["LOG_DAYS", "active_of", "is_kept", "log_of", "remove_old_logs"]

LOG_DAYS = 14


def active_of(services: Services, sandbox: Sandbox) -> Active | None:
    """What is shared about the sandbox; None if it has ended."""
    if not sandbox.is_active:
        return None
    active = services.sandboxes.active_of(sandbox.id)
    # Only now: whoever ends it, first says so in the database, and then to all who hold `active`.
    with services.database.read() as db:
        found = sandboxes.find_by_id(db, sandbox.id)
    if found is not None and found.is_active:
        return active
    services.sandboxes.forget(sandbox.id)
    return None


def log_of(services: Services, sandbox: Sandbox, name: str) -> AsyncIterator[bytes]:
    """The log of that name (OUTPUT, NETWORK) from its beginning; follows it until the sandbox has ended.

    Raises Gone if it is not kept any more.
    """
    active = active_of(services, sandbox)
    if active is not None:
        return follow(active.output if name == OUTPUT else active.network)
    if not is_kept(services, sandbox):
        raise Gone(f"the logs of sandbox {sandbox.id} are not kept any more: it ended more than {LOG_DAYS} days ago")
    return stored(services.sandboxes.logs.path(sandbox.id, name))


def is_kept(services: Services, sandbox: Sandbox) -> bool:
    """Whether its logs are kept."""
    return sandbox.finished_at is None or sandbox.finished_at >= _oldest(services.clock())


def _oldest(now: datetime) -> str:
    return stamp(now - timedelta(days=LOG_DAYS))


def remove_old_logs(services: Services) -> None:
    """Delete the logs that are not kept any more."""
    with services.database.read() as db:
        ended = sandboxes.ended_before(db, _oldest(services.clock()))
    services.sandboxes.logs.remove(ended)
