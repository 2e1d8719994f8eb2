"""/organizations/{organization}/repositories/{repository}/sandboxes"""

from __future__ import annotations

import sqlite3
from typing import Annotated

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response, page_of
from tilde_local.api.endpoint import AFTER, AMOUNT, Page, PrincipalType, StoredMap, Time, Uuid, endpoint
from tilde_local.sandboxes import control
from tilde_local.sandboxes.creation import RunAs, create_as, principal_of
from tilde_local.sandboxes.requests import DEFAULT_MOUNTPOINT, MODES, NewSandbox
from tilde_local.store import sandboxes
from tilde_local.store.records import Sandbox

__all__ = ["cancel", "create", "finish", "get", "list_all", "status"]

_ABSENT = msgspec.UNSET
Mode = Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(MODES)})]
Seconds = Annotated[int, msgspec.Meta(ge=1)]
State = Annotated[
    str,
    msgspec.Meta(extra_json_schema={"enum": ["starting", "running", "done", "errored", "failed", "cancelled"]}),
]
StoredList = Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "array", "items": {"type": "string"}})]


class RunAsBody(msgspec.Struct):
    """An agent or a role."""

    type: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["agent", "role"]})]
    id: Uuid


class CreateSandbox(msgspec.Struct):
    """The body of POST /sandboxes."""

    image: str
    command: list[str] = []
    mountpoint: str = DEFAULT_MOUNTPOINT
    path_prefix: str = ""
    timeout_seconds: Seconds | msgspec.UnsetType = _ABSENT
    env_vars: dict[str, str] = {}
    run_as: RunAsBody | msgspec.UnsetType = _ABSENT
    mode: Mode = MODES[0]

    def request(self) -> NewSandbox:
        """What is asked for, unchecked."""
        return NewSandbox(
            image=self.image,
            command=self.command,
            # A slash at the end says nothing more.
            mountpoint=self.mountpoint.rstrip("/") or self.mountpoint,
            path_prefix=self.path_prefix,
            timeout_seconds=None if self.timeout_seconds is _ABSENT else self.timeout_seconds,
            mode=self.mode,
            env_vars=self.env_vars,
        )


class CreatedSandbox(msgspec.Struct):
    """The id of the sandbox."""

    sandbox_id: Uuid


class SandboxAnswer(msgspec.Struct):
    """A sandbox. `isolation` is the runner's name; `run_as` is whom it runs as, if not who created it."""

    id: Uuid
    repository_id: Uuid
    image: str
    command: StoredList
    mountpoint: str
    path_prefix: str
    timeout_seconds: int | None
    mode: Mode
    env_vars: StoredMap
    status: State
    status_reason: str
    error_message: str
    exit_code: int | None
    commit_id: str
    web_url: str
    isolation: str
    created_by_type: PrincipalType
    created_by: Uuid
    created_at: Time
    updated_at: Time
    finished_at: Time | None
    run_as: RunAsBody | msgspec.UnsetType = _ABSENT

    @classmethod
    def of(cls, s: Sandbox) -> SandboxAnswer:
        """The answer for a sandbox."""
        is_delegated = (s.runs_as_type, s.runs_as) != (s.created_by_type, s.created_by)
        return cls(
            s.id,
            s.repository_id,
            s.image,
            msgspec.Raw(s.command),
            s.mountpoint,
            s.path_prefix,
            s.timeout_seconds,
            s.mode,
            msgspec.Raw(s.env_vars),
            s.status,
            s.status_reason,
            s.error_message,
            s.exit_code,
            s.commit_id,
            s.web_url,
            s.isolation,
            s.created_by_type,
            s.created_by,
            s.created_at,
            s.updated_at,
            s.finished_at,
            RunAsBody(s.runs_as_type, s.runs_as) if is_delegated else _ABSENT,
        )


class SandboxStatus(msgspec.Struct):
    """How far a sandbox is."""

    status: State
    status_reason: str
    exit_code: int | None
    commit_id: str
    web_url: str
    error_message: str

    @classmethod
    def of(cls, s: Sandbox) -> SandboxStatus:
        """The answer for a sandbox."""
        return cls(s.status, s.status_reason, s.exit_code, s.commit_id, s.web_url, s.error_message)


class Accepted(msgspec.Struct):
    """It will be done."""

    message: str


@endpoint("createSandbox", {201: CreatedSandbox}, body=CreateSandbox, errors=(400, 403, 404, 503))
def create(call: Call) -> Response:
    """POST /sandboxes: answers at once; `GET /sandboxes/{sandbox_id}/status` tells how far it is."""
    body = call.json(CreateSandbox)
    run_as = None if body.run_as is _ABSENT else RunAs(body.run_as.type, body.run_as.id)
    with call.services.database.write() as db:
        organization = call.own_organization(db)
        principal = principal_of(db, organization, call.permissions(db, organization), run_as)
        repository = call.repository(db, "CreateSandbox")
        sandbox = create_as(call.services, db, repository, call.caller, principal, body.request())
    call.services.sandboxes.wake()
    return json_response(CreatedSandbox(sandbox.id), 201)


@endpoint("listSandboxes", {200: Page[SandboxAnswer]}, query=(AFTER, AMOUNT), errors=(400, 403, 404))
def list_all(call: Call) -> Response:
    """GET /sandboxes: the newest first."""
    amount, after = call.query.amount(), call.query.text("after")
    with call.services.database.read() as db:
        found = sandboxes.list_of(db, call.repository(db, "ListSandboxes"), after, amount + 1)
    return page_of(found, amount, SandboxAnswer.of, lambda sandbox: sandbox.id)


def _find(call: Call, db: sqlite3.Connection, action: str) -> Sandbox:
    return sandboxes.find(db, call.repository(db, action), call.params["sandbox_id"])


@endpoint("getSandbox", {200: SandboxAnswer}, errors=(403, 404))
def get(call: Call) -> Response:
    """GET /sandboxes/{sandbox_id}"""
    with call.services.database.read() as db:
        return json_response(SandboxAnswer.of(_find(call, db, "GetSandbox")))


@endpoint("getSandboxStatus", {200: SandboxStatus}, errors=(403, 404))
def status(call: Call) -> Response:
    """GET /sandboxes/{sandbox_id}/status"""
    with call.services.database.read() as db:
        return json_response(SandboxStatus.of(_find(call, db, "GetSandbox")))


@endpoint("cancelSandbox", {202: Accepted}, errors=(403, 404, 409))
def cancel(call: Call) -> Response:
    """DELETE /sandboxes/{sandbox_id}: its changes are dropped."""
    with call.services.database.read() as db:
        sandbox = _find(call, db, "CancelSandbox")
    control.cancel(call.services, sandbox, control.BY_USER)
    return json_response(Accepted("the sandbox is being cancelled"), 202)


@endpoint("finishSandbox", {202: Accepted}, errors=(400, 403, 404, 409))
def finish(call: Call) -> Response:
    """POST /sandboxes/{sandbox_id}/finish: its changes are committed, if it is in service mode."""
    with call.services.database.read() as db:
        repository = call.repository(db, "FinishSandbox")
        sandbox = sandboxes.find(db, repository, call.params["sandbox_id"])
        control.require_own(db, call.permissions(db, call.own_organization(db)), sandbox)
    control.finish(call.services, sandbox)
    return json_response(Accepted("the sandbox is being finished"), 202)
