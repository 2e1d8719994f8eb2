"""The end of a sandbox that was successful: its session becomes a commit, or waits for a review."""

from __future__ import annotations

import shlex
import sqlite3

import msgspec

from tilde_local.errors import ApiError, BadRequest, Forbidden
from tilde_local.sandboxes import control
from tilde_local.sandboxes.active import Active
from tilde_local.sandboxes.mount import Mount
from tilde_local.sandboxes.refusals import Failed
from tilde_local.services import Services
from tilde_local.store import committing, reviews
from tilde_local.store.records import Sandbox
from tilde_local.store.sandboxes import Outcome

__all__ = ["conclude"]

_SHOWN = 200


def conclude(services: Services, sandbox: Sandbox, active: Active) -> None:
    """Commit what is staged, if that is how the sandbox ended, and write its end down, both or none.

    Raises Failed if it cannot be committed.
    """
    try:
        with services.landing() as db:
            # From here on nobody can cancel it any more.
            outcome = active.seal()
            if outcome.status == "done":
                outcome = _commit(services, db, sandbox, outcome)
            control.write(services, db, sandbox, outcome)
    except ApiError as error:
        raise Failed("commit_failed", error.message) from error
    services.sandboxes.forget(sandbox.id)


def _commit(services: Services, db: sqlite3.Connection, sandbox: Sandbox, outcome: Outcome) -> Outcome:
    mount = Mount.of(db, sandbox)
    try:
        committing.check(db, mount.session)
    except BadRequest:
        return outcome._replace(reason="no_changes")
    _require_permission(mount)
    text, now = _message(sandbox), services.now()
    metadata = {"sandbox_id": sandbox.id}
    subject = (db, mount.repository, mount.session, mount.caller.principal, text, metadata, now)
    if reviews.is_required(mount.repository, mount.caller.principal):
        reviews.submit(*subject)
        return outcome._replace(reason="awaiting_approval", web_url=_review_url(services, mount))
    return outcome._replace(reason="committed", commit_id=committing.commit(*subject))


def _require_permission(mount: Mount) -> None:
    try:
        mount.caller.require("CommitSession", {"repository": mount.repository.name})
    except Forbidden as error:
        raise Failed("policy_violation", error.message) from error


def _message(sandbox: Sandbox) -> str:
    command = shlex.join(msgspec.json.decode(sandbox.command, type=list[str]))
    command = command or ("shell" if sandbox.mode == "service" else sandbox.mode)  # who reads it knows no modes
    line = " ".join(command.split())
    return f"Sandbox {sandbox.id}: {line if len(line) <= _SHOWN else line[: _SHOWN - 1] + '…'}"


def _review_url(services: Services, mount: Mount) -> str:
    path = reviews.path_of(mount.organization.name, mount.repository.name, mount.session.id)
    return f"{services.sandboxes.endpoint_url}/console{path}"
