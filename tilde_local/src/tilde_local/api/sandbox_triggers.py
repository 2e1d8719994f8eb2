"""/organizations/{organization}/repositories/{repository}/sandbox-triggers"""

from __future__ import annotations

import sqlite3
from typing import Annotated

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response, no_content, page_of
from tilde_local.api.endpoint import AFTER, AMOUNT, Page, Time, Uuid, endpoint
from tilde_local.errors import BadRequest, Forbidden
from tilde_local.sandboxes import creation, requests
from tilde_local.store import trigger_runs, triggers
from tilde_local.store.records import Repository, Trigger, TriggerRun
from tilde_local.store.triggers import TriggerText
from tilde_local.triggers.conditions import Condition, checked
from tilde_local.triggers.config import SandboxConfig

__all__ = ["create", "delete", "get", "list_all", "list_runs", "toggle", "update"]

_MAX_CONDITIONS = 10
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
DelegateType = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["agent", "role"]})]
Conditions = Annotated[list[Condition], msgspec.Meta(min_length=1, max_length=_MAX_CONDITIONS)]
RunStatus = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["pending", "created", "skipped", "failed"]})]


class RunAs(msgspec.Struct, forbid_unknown_fields=True):
    """The agent or role that the sandboxes run as."""

    type: DelegateType
    id: Uuid


class UpdateTrigger(msgspec.Struct, forbid_unknown_fields=True):
    """The body of PUT /sandbox-triggers/{trigger_id}: what is left out is empty from then on."""

    name: Name
    conditions: Conditions
    sandbox_config: SandboxConfig
    description: str = ""
    run_as: RunAs | None = None


class CreateTrigger(UpdateTrigger, forbid_unknown_fields=True):
    """The body of POST /sandbox-triggers."""

    enabled: bool = True


class ToggleTrigger(msgspec.Struct, forbid_unknown_fields=True):
    """The body of PATCH /sandbox-triggers/{trigger_id}."""

    enabled: bool


class TriggerAnswer(msgspec.Struct):
    """A trigger."""

    id: Uuid
    repository_id: Uuid
    name: str
    description: str
    enabled: bool
    conditions: list[Condition]
    sandbox_config: SandboxConfig
    run_as: RunAs | None
    created_by: Uuid
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, trigger: Trigger) -> TriggerAnswer:
        """The answer for a trigger."""
        return cls(
            trigger.id,
            trigger.repository_id,
            trigger.name,
            trigger.description,
            bool(trigger.enabled),
            msgspec.json.decode(trigger.conditions, type=list[Condition]),
            msgspec.json.decode(trigger.sandbox_config, type=SandboxConfig),
            RunAs(trigger.run_as_type, trigger.run_as_id) if trigger.run_as_type and trigger.run_as_id else None,
            trigger.created_by,
            trigger.created_at,
            trigger.updated_at,
        )


class RunAnswer(msgspec.Struct):
    """A run of a trigger."""

    id: Uuid
    repository_id: Uuid
    trigger_id: Uuid
    commit_id: str
    status: RunStatus
    reason: str
    sandbox_id: Uuid | None
    matched_paths: list[str]
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, run: TriggerRun) -> RunAnswer:
        """The answer for a run."""
        return cls(
            run.id,
            run.repository_id,
            run.trigger_id,
            run.commit_id,
            run.status,
            run.reason,
            run.sandbox_id,
            msgspec.json.decode(run.matched_paths, type=list[str]),
            run.created_at,
            run.updated_at,
        )


def _text(call: Call, body: UpdateTrigger) -> TriggerText:
    """What the body says, as it is stored. Raises BadRequest."""
    if not body.name.strip():
        raise BadRequest("name: cannot be empty")
    requests.check(body.sandbox_config.request(), call.services.sandboxes.settings.max_seconds, "sandbox_config.")
    return TriggerText(
        body.name,
        body.description,
        msgspec.json.encode(checked(body.conditions)).decode(),
        msgspec.json.encode(body.sandbox_config).decode(),
        *((body.run_as.type, body.run_as.id) if body.run_as else (None, None)),
    )


def _check_delegate(call: Call, db: sqlite3.Connection, body: UpdateTrigger) -> None:
    """Raise BadRequest if there is no such agent or role to run as, Forbidden if the caller may not."""
    organization = call.own_organization(db)
    run_as = creation.RunAs(body.run_as.type, body.run_as.id) if body.run_as else None
    creation.principal_of(db, organization, call.permissions(db, organization), run_as)


@endpoint("createSandboxTrigger", {201: TriggerAnswer}, body=CreateTrigger, errors=(400, 403, 404, 409))
def create(call: Call) -> Response:
    """POST /sandbox-triggers: commits that meet a condition start a sandbox, as `run_as` or else as who creates it."""
    body = call.json(CreateTrigger)
    text = _text(call, body)
    with call.services.database.write() as db:
        repository = call.repository(db, "CreateSandboxTrigger")
        _check_delegate(call, db, body)
        created = triggers.create(db, repository, text, body.enabled, call.caller, call.services.now())
    return json_response(TriggerAnswer.of(created), 201)


@endpoint("listSandboxTriggers", {200: Page[TriggerAnswer]}, query=(AFTER, AMOUNT), errors=(400, 403, 404))
def list_all(call: Call) -> Response:
    """GET /sandbox-triggers: by name."""
    amount = call.query.amount()
    with call.services.database.read() as db:
        repository = call.repository(db, "ListSandboxTriggers")
        found = triggers.list_in(db, repository, call.query.text("after"), amount + 1)
    return page_of(found, amount, TriggerAnswer.of, lambda trigger: trigger.name)


@endpoint("getSandboxTrigger", {200: TriggerAnswer}, errors=(403, 404))
def get(call: Call) -> Response:
    """GET /sandbox-triggers/{trigger_id}"""
    with call.services.database.read() as db:
        return json_response(TriggerAnswer.of(_find(call, db, "GetSandboxTrigger")[1]))


def _find(call: Call, db: sqlite3.Connection, action: str) -> tuple[Repository, Trigger]:
    repository = call.repository(db, action)
    return repository, triggers.find(db, repository, call.params["trigger_id"])


@endpoint("updateSandboxTrigger", {200: TriggerAnswer}, body=UpdateTrigger, errors=(400, 403, 404, 409))
def update(call: Call) -> Response:
    """PUT /sandbox-triggers/{trigger_id}: replaces all of it, except whether it is enabled."""
    body = call.json(UpdateTrigger)
    text = _text(call, body)
    with call.services.database.write() as db:
        repository, trigger = _find(call, db, "UpdateSandboxTrigger")
        _check_delegate(call, db, body)
        _check_author(call, db, trigger, text)
        changed = triggers.replace(db, repository, trigger, text, call.services.now())
    return json_response(TriggerAnswer.of(changed))


def _check_author(call: Call, db: sqlite3.Connection, trigger: Trigger, text: TriggerText) -> None:
    """Raise Forbidden if somebody else would decide what runs in the creator's name, or by his right to run code."""
    if (call.caller.type, call.caller.id) == (trigger.created_by_type, trigger.created_by):
        return
    call.repository(db, "CreateSandbox")
    if text.run_as_id is None:
        raise Forbidden(
            "run_as: without it, what a trigger runs it runs as its creator, who alone may say what that is: name an"
            " agent or a role, or create a trigger of your own"
        )


@endpoint("patchSandboxTrigger", {200: TriggerAnswer}, body=ToggleTrigger, errors=(400, 403, 404))
def toggle(call: Call) -> Response:
    """PATCH /sandbox-triggers/{trigger_id}: let it fire on the commits to come, or no longer."""
    body = call.json(ToggleTrigger)
    with call.services.database.write() as db:
        trigger = _find(call, db, "UpdateSandboxTrigger")[1]
        changed = triggers.enable(db, trigger, body.enabled, call.services.now())
    return json_response(TriggerAnswer.of(changed))


@endpoint("deleteSandboxTrigger", {204: None}, errors=(403, 404))
def delete(call: Call) -> Response:
    """DELETE /sandbox-triggers/{trigger_id}: with its runs; the sandboxes that it started go on."""
    with call.services.database.write() as db:
        triggers.delete(db, _find(call, db, "DeleteSandboxTrigger")[1])
    return no_content()


@endpoint("listSandboxTriggerRuns", {200: Page[RunAnswer]}, query=(AFTER, AMOUNT), errors=(400, 403, 404))
def list_runs(call: Call) -> Response:
    """GET /sandbox-triggers/{trigger_id}/runs: those of the newest commits first."""
    amount, after = call.query.amount(), call.query.optional("after")
    with call.services.database.read() as db:
        trigger = _find(call, db, "ListSandboxTriggerRuns")[1]
        found = trigger_runs.list_of(db, trigger, after, amount + 1)
    return page_of(found, amount, RunAnswer.of, lambda run: run.id)
