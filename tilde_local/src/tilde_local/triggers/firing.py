"""One trigger and one commit: whether they match, and the sandbox that comes of it."""

from __future__ import annotations

import logging
import sqlite3

import msgspec

from tilde_local.errors import ApiError, NotFound
from tilde_local.sandboxes import creation
from tilde_local.sandboxes.creation import RunAs
from tilde_local.services import Services
from tilde_local.store import organizations, principals, repositories, trigger_runs, triggers
from tilde_local.store.permissions import Caller
from tilde_local.store.records import Organization, Principal, Repository, Trigger, TriggerRun
from tilde_local.store.trigger_runs import Candidate
from tilde_local.triggers.conditions import Condition, matched_paths
from tilde_local.triggers.config import SandboxConfig

__all__ = ["fire", "match"]

_log = logging.getLogger("tilde_local")


def match(services: Services, candidate: Candidate) -> None:
    """Look at what the commit changed: if it meets a condition of the trigger, there is a run that waits."""
    with services.database.read() as db:
        matched = _matched(db, candidate)
    with services.database.write() as db:
        if trigger_runs.drop(db, candidate) and matched:
            trigger_runs.record(db, candidate, matched, services.now())


def _matched(db: sqlite3.Connection, candidate: Candidate) -> list[str]:
    trigger = triggers.find_by_id(db, candidate.trigger_id)
    repository = _repository(db, candidate.repository)
    if trigger is None or repository is None:
        return []
    conditions = msgspec.json.decode(trigger.conditions, type=list[Condition])
    return matched_paths(db, repository, candidate.seq, conditions)


def _repository(db: sqlite3.Connection, key: int) -> Repository | None:
    try:
        return repositories.find_by_key(db, key)
    except NotFound:
        return None


def fire(services: Services, run: TriggerRun) -> None:
    """Start the sandbox of a run that waits, or write down why there is none. Raises sqlite3.Error."""
    try:
        with services.database.write() as db:
            _start(services, db, run)
    except sqlite3.Error:
        raise
    except ApiError as error:
        _fail(services, run, error.code, error.message)
    except Exception:  # noqa: BLE001 - logged, and told to who asks for the run; it would be tried for ever otherwise
        _log.exception("run %s of trigger %s failed", run.id, run.trigger_id)
        _fail(services, run, "internal_error", "the server failed on this run; its log says why")


def _fail(services: Services, run: TriggerRun, reason: str, message: str) -> None:
    with services.database.write() as db:
        trigger_runs.mark_ended(db, run, "failed", reason, message, services.now())


def _start(services: Services, db: sqlite3.Connection, run: TriggerRun) -> None:
    """Start the sandbox, unless that is not wanted any more. Raises ApiError."""
    trigger, repository, now = triggers.find_by_id(db, run.trigger_id), _repository(db, run.repository), services.now()
    if trigger is None:
        return  # deleted meanwhile, and the run with it
    if repository is None:
        message = "the repository was deleted before the sandbox could start"
        trigger_runs.mark_ended(db, run, "skipped", "repository_deleted", message, now)
    elif not trigger.enabled:
        message = "the trigger was disabled before the sandbox could start"
        trigger_runs.mark_ended(db, run, "skipped", "trigger_disabled", message, now)
    else:
        trigger_runs.mark_created(db, run, create_sandbox(services, db, repository, trigger, run), now)


def create_sandbox(
    services: Services, db: sqlite3.Connection, repository: Repository, trigger: Trigger, run: TriggerRun
) -> str:
    """Write down a sandbox that is to start, if the trigger's creator may have one; its id. Raises ApiError."""
    organization = organizations.find_by_id(db, repository.organization_id)
    creator = _found(db, organization, trigger.created_by_type, trigger.created_by)
    caller, run_as = Caller.of(db, creator, organization), None
    caller.require("CreateSandbox", {"repository": repository.name})
    if trigger.run_as_type and trigger.run_as_id:
        run_as = RunAs(*_found(db, organization, trigger.run_as_type, trigger.run_as_id)[:2])
    principal = creation.principal_of(db, organization, caller, run_as)
    config = msgspec.json.decode(trigger.sandbox_config, type=SandboxConfig)
    return creation.create(services, db, repository, creator, principal, config.request(), run.id).id


def _found(db: sqlite3.Connection, organization: Organization, kind: str, principal_id: str) -> Principal:
    found = principals.find_by_id(db, kind, principal_id, organization)
    if found is None:
        message = f"the {kind} that the trigger's sandboxes run as, or who created it, is not in the organization"
        raise NotFound(message, code="principal_not_found")
    return found
