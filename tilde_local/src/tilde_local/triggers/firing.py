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
from tilde_local.store.records import Organization, Repository, Trigger, TriggerRun
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
        # Not within the transaction: the first time it takes a moment to find out.
        services.sandboxes.require_runner()
        with services.database.write() as db:
            _start(services, db, run)
        services.sandboxes.wake()
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
    creator = principals.find_any(db, trigger.created_by_type, trigger.created_by)
    organization = creator and organizations.find_by_id(db, repository.organization_id, creator)
    if creator is None or organization is None:
        gone = f"the {trigger.created_by_type} who created the trigger is not in the organization any more"
        raise NotFound(gone, code="principal_not_found")
    caller = Caller.of(db, creator, organization)
    caller.require("CreateSandbox", {"repository": repository.name})
    principal = creation.principal_of(db, organization, caller, _delegate(db, organization, trigger))
    request = msgspec.json.decode(trigger.sandbox_config, type=SandboxConfig).request()
    return creation.create_as(services, db, repository, creator, principal, request, run.id).id


def _delegate(db: sqlite3.Connection, organization: Organization, trigger: Trigger) -> RunAs | None:
    if trigger.run_as_type is None or trigger.run_as_id is None:
        return None
    if principals.find_by_id(db, trigger.run_as_type, trigger.run_as_id, organization) is None:
        gone = f"the {trigger.run_as_type} that the trigger's sandboxes run as was deleted"
        raise NotFound(gone, code="principal_not_found")
    return RunAs(trigger.run_as_type, trigger.run_as_id)
