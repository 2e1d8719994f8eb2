"""Ending a sandbox from outside, and who may work in one."""

from __future__ import annotations

import sqlite3

from tilde_local.errors import BadRequest, Conflict, Forbidden
from tilde_local.sandboxes.creation import may_run_as
from tilde_local.sandboxes.reading import active_of
from tilde_local.services import Services
from tilde_local.store import principals, sandboxes, sessions
from tilde_local.store.permissions import Caller
from tilde_local.store.records import Sandbox
from tilde_local.store.sandboxes import Outcome

__all__ = ["BY_OPERATOR", "BY_USER", "cancel", "end", "finish", "require_own", "write"]

BY_USER = "cancelled_by_user"
BY_OPERATOR = "user_initiated_cancel"


def require_own(db: sqlite3.Connection, caller: Caller, sandbox: Sandbox) -> None:
    """Raise Forbidden unless the caller may act as the one whom the sandbox runs as.

    Whoever works in a sandbox has the rights of that one, his secrets and his tokens.
    """
    principal = principals.find_any(db, sandbox.runs_as_type, sandbox.runs_as)
    if principal is None or not may_run_as(caller, principal):
        raise Forbidden(
            f"{caller.principal.type} {caller.principal.name!r} may not work in sandbox {sandbox.id}: it runs as"
            f" {sandbox.runs_as_type} {principal.name if principal else sandbox.runs_as!r}",
            code="missing_permission",
        )


def cancel(services: Services, sandbox: Sandbox, reason: str) -> None:
    """End it, and drop its changes. Raises Conflict if it has ended, or is being committed just now."""
    outcome = Outcome("cancelled", reason)
    if _end_waiting(services, sandbox, outcome):
        return
    active = active_of(services, sandbox)
    if active is None or not active.end(outcome):
        raise Conflict(f"sandbox {sandbox.id} has ended")


def finish(services: Services, sandbox: Sandbox) -> None:
    """End it, and commit its changes. Raises BadRequest if it is not in service mode, Conflict if it has ended."""
    if sandbox.mode != "service":
        raise BadRequest(f"sandbox {sandbox.id} is not in service mode: it ends when its command does")
    active = active_of(services, sandbox)
    if active is None or not active.end(Outcome("done", "", exit_code=0)):
        raise Conflict(f"sandbox {sandbox.id} has ended")


def _end_waiting(services: Services, sandbox: Sandbox, outcome: Outcome) -> bool:
    """End it here and now, if nobody has taken it up yet."""
    with services.database.write() as db:
        found = sandboxes.find_by_id(db, sandbox.id)
        if found is None or found.status_reason != "created":
            return False
        write(services, db, sandbox, outcome)
    services.sandboxes.forget(sandbox.id)
    return True


def end(services: Services, sandbox: Sandbox, outcome: Outcome) -> None:
    """Write down how it ended, roll its session back, and tell who follows it."""
    with services.database.write() as db:
        write(services, db, sandbox, outcome)
    services.sandboxes.forget(sandbox.id)


def write(services: Services, db: sqlite3.Connection, sandbox: Sandbox, outcome: Outcome) -> None:
    """Likewise, as part of a transaction, after which it is to be told."""
    session = sandboxes.session_of(db, sandbox)
    if session is not None:
        sessions.close(db, session, None)
    sandboxes.conclude(db, sandbox, outcome, services.now())
