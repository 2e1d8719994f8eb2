"""Pages of sandboxes: which there are, what became of each, what it printed and what it tried to reach."""

from __future__ import annotations

import shlex
import sqlite3
from typing import Any, NamedTuple

import msgspec
from starlette.responses import Response

from tilde_local.clock import parse_stamp
from tilde_local.console.outputs import last_of
from tilde_local.console.places import may, names, repository_path
from tilde_local.console.rendering import ALONE, FRAMING, redirect
from tilde_local.console.visits import Visit
from tilde_local.sandboxes import control
from tilde_local.sandboxes.logs import NETWORK, OUTPUT
from tilde_local.sandboxes.reading import is_kept
from tilde_local.services import Services
from tilde_local.store import principals, sandboxes, sessions, trigger_runs
from tilde_local.store.records import Sandbox, TriggerRun

__all__ = ["cancel", "list_all", "show"]

_SANDBOXES = 50
_ATTEMPTS = 200


class Shown(NamedTuple):
    """A sandbox with what its page says in words."""

    sandbox: Sandbox
    command: str
    runs_as: str
    created_by: str


def _shown(db: sqlite3.Connection, sandbox: Sandbox) -> Shown:
    return Shown(
        sandbox,
        shlex.join(msgspec.json.decode(sandbox.command, type=list[str])),
        principals.name_of(db, sandbox.runs_as_type, sandbox.runs_as),
        principals.name_of(db, sandbox.created_by_type, sandbox.created_by),
    )


def list_all(visit: Visit) -> Response:
    """GET …/sandboxes: the newest first."""
    call, after = visit.call, visit.call.query.text("after")
    with call.services.database.read() as db:
        found = sandboxes.list_of(db, call.repository(db, "ListSandboxes"), after, _SANDBOXES + 1)
        shown = [_shown(db, each) for each in found[:_SANDBOXES]]
    return visit.render("sandboxes", **names(call), found=shown, has_more=len(found) > _SANDBOXES)


def show(visit: Visit) -> Response:
    """GET …/sandboxes/{sandbox_id}: all that is known of it. As long as it is active, a frame follows its output."""
    call = visit.call
    with call.services.database.read() as db:
        found = call.repository(db, "GetSandbox")
        sandbox = sandboxes.find(db, found, call.params["sandbox_id"])
        caller = call.permissions(db, call.own_organization(db))
        shown, run = _shown(db, sandbox), _run_of(db, sandbox)
        review, review_commit = _review_of(db, sandbox)
    may_read = may(caller, "GetSandboxLogs", found)
    return visit.render(
        "sandbox",
        policy=FRAMING if sandbox.is_active else ALONE,
        **names(call),
        **shown._asdict(),
        variables=msgspec.json.decode(sandbox.env_vars, type=dict[str, str]),
        run=run,
        review=review,
        review_commit=review_commit,
        seconds=_seconds(sandbox),
        may_read=may_read,
        is_kept=is_kept(call.services, sandbox),
        may_cancel=sandbox.is_active and may(caller, "CancelSandbox", found),
        may_approve=may(caller, "ApproveSession", found),
        **(_logs(call.services, sandbox) if may_read else {}),
    )


def _run_of(db: sqlite3.Connection, sandbox: Sandbox) -> TriggerRun | None:
    return trigger_runs.find_by_id(db, sandbox.trigger_run_id) if sandbox.trigger_run_id else None


def _review_of(db: sqlite3.Connection, sandbox: Sandbox) -> tuple[str, str | None]:
    """The state of the session if it was submitted for a review, and the commit that it became."""
    return sessions.state_of(db, sandbox.id) if sandbox.status_reason == "awaiting_approval" else ("", None)


def _seconds(sandbox: Sandbox) -> float:
    """How long it took, from its creation on; 0 if it is not over."""
    if sandbox.finished_at is None:
        return 0
    return (parse_stamp(sandbox.finished_at) - parse_stamp(sandbox.created_at)).total_seconds()


def _logs(services: Services, sandbox: Sandbox) -> dict[str, Any]:
    """The last of what it printed, unless that is followed, and of what it tried to reach."""
    output, skipped = ("", 0) if sandbox.is_active else last_of(services, sandbox, OUTPUT)
    lines, not_read = last_of(services, sandbox, NETWORK)
    attempts = [each for line in lines.splitlines() if (each := _attempt(line)) is not None]
    return {
        "output": output,
        "skipped": skipped,
        "attempts": attempts[-_ATTEMPTS:],
        "has_more_attempts": not_read > 0 or len(attempts) > _ATTEMPTS,
    }


def _attempt(line: str) -> dict[str, Any] | None:
    """A line of the network log; None for one that is being written."""
    try:
        found = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None


def cancel(visit: Visit) -> Response:
    """POST …/sandboxes/{sandbox_id}: the button of the page."""
    call = visit.call
    with call.services.database.read() as db:
        sandbox = sandboxes.find(db, call.repository(db, "CancelSandbox"), call.params["sandbox_id"])
    control.cancel(call.services, sandbox, control.BY_USER)
    return redirect(f"{repository_path(call)}/sandboxes/{sandbox.id}?done=cancelled")
