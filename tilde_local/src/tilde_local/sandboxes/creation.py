"""How a sandbox comes to be: whose rights it gets, and the row that the supervisor takes it from.

Who creates one calls these in turn, in one transaction:

    principal = principal_of(db, organization, caller, run_as)
    sandbox = create_as(services, db, repository, caller.principal, principal, request)

and, once that is committed, `services.sandboxes.wake()`.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec

from tilde_local.errors import BadRequest
from tilde_local.sandboxes.requests import NewSandbox, check
from tilde_local.services import Services
from tilde_local.store import principals, sandboxes, sessions
from tilde_local.store.permissions import Caller
from tilde_local.store.records import Organization, Principal, Repository, Sandbox

__all__ = ["RunAs", "create_as", "may_run_as", "principal_of"]

_ACTIONS = {"agent": "RunAsAgent", "role": "RunAsRole"}


class RunAs(NamedTuple):
    """The agent or role that a sandbox shall run as."""

    type: str
    id: str


def principal_of(db: sqlite3.Connection, organization: Organization, caller: Caller, run_as: RunAs | None) -> Principal:
    """Whose rights the sandbox gets: the caller's own, or those of an agent or role that he may run as.

    Raises BadRequest if there is no such one, Forbidden if he may not.
    """
    if run_as is None:
        return caller.principal
    if run_as.type not in _ACTIONS:
        raise BadRequest(f"run_as.type: one of {', '.join(_ACTIONS)}, got {run_as.type!r}")
    if run_as == caller.principal[:2]:
        return caller.principal
    # Before it is said who there is.
    caller.require_any(_ACTIONS[run_as.type])
    found = principals.find_by_id(db, run_as.type, run_as.id, organization)
    if found is None:
        raise BadRequest(f"run_as.id: no {run_as.type} {run_as.id!r} in organization {organization.name!r}")
    caller.require(_ACTIONS[found.type], {found.type: found.name})
    return found


def may_run_as(caller: Caller, principal: Principal) -> bool:
    """Whether the caller may do what `principal` does, in a sandbox of his."""
    if caller.principal[:2] == principal[:2]:
        return True
    action = _ACTIONS.get(principal.type)
    return action is not None and caller.permissions.allows(action, {principal.type: principal.name})


def create_as(
    services: Services,
    db: sqlite3.Connection,
    repository: Repository,
    requester: Principal,
    principal: Principal,
    request: NewSandbox,
    trigger_run_id: str | None = None,
) -> Sandbox:
    """Write a sandbox down, with a session of `principal` on the newest commit. What they may do was checked before.

    With `trigger_run_id`, or created from a sandbox that has one, its commits fire no triggers. Raises BadRequest that
    names the field, and Unavailable if this server runs none.
    """
    services.sandboxes.require_runner()
    check(request, services.sandboxes.settings.max_seconds)
    now = services.now()
    sandbox = Sandbox(
        id=sessions.create(db, repository, principal, now).id,
        repository=repository.key,
        repository_id=repository.id,
        image=request.image,
        command=msgspec.json.encode(list(request.command)).decode(),
        mountpoint=request.mountpoint,
        path_prefix=request.path_prefix,
        timeout_seconds=request.timeout_seconds,
        mode=request.mode,
        env_vars=msgspec.json.encode(dict(request.env_vars)).decode(),
        runs_as_type=principal.type,
        runs_as=principal.id,
        trigger_run_id=trigger_run_id or requester.trigger_run_id,
        isolation="",
        status="starting",
        status_reason="created",
        error_message="",
        exit_code=None,
        commit_id="",
        web_url="",
        created_by_type=requester.type,
        created_by=requester.id,
        created_at=now,
        updated_at=now,
        finished_at=None,
    )
    sandboxes.add(db, sandbox)
    return sandbox
