"""/organizations/{organization}/repositories/{repository}/sessions and /changes"""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response, no_content, page_of
from tilde_local.api.endpoint import AFTER, AMOUNT, PREFIX, SESSION, Page, Uuid, endpoint
from tilde_local.api.entries import RecordJson, render_record
from tilde_local.errors import BadRequest, NotFound
from tilde_local.policy.grants import Below
from tilde_local.store import committing, sessions
from tilde_local.store.listing import start_of
from tilde_local.store.paths import prefix_end

__all__ = ["check_approval", "commit", "create", "list_changes", "rollback"]


class CommitSession(msgspec.Struct):
    """The body of POST /sessions/{session_id}."""

    message: str
    metadata: dict[str, str] = {}


class OpenedSession(msgspec.Struct):
    """The answer to opening a session."""

    session_id: Uuid


class CommittedSession(msgspec.Struct):
    """The answer to a commit."""

    commit_id: str


@endpoint("createSession", {201: OpenedSession}, errors=(403, 404))
def create(call: Call) -> Response:
    """POST /sessions: open a session on the newest commit."""
    with call.services.database.write() as db:
        session = sessions.create(db, call.repository(db, "CreateSession"), call.caller, call.services.now())
    return json_response(OpenedSession(session.id), 201)


@endpoint("commitSession", {200: CommittedSession}, body=CommitSession, errors=(400, 403, 404, 409))
def commit(call: Call) -> Response:
    """POST /sessions/{session_id}: durable when it answers."""
    body = call.json(CommitSession)
    if not body.message.strip():
        raise BadRequest("message: cannot be empty")
    with call.services.database.write() as db:
        repository = call.repository(db, "CommitSession")
        session = sessions.find(db, repository, call.params["session_id"])
        commit_id = committing.commit(
            db, repository, session, call.caller, body.message, body.metadata, call.services.now()
        )
    return json_response(CommittedSession(commit_id))


@endpoint("rollbackSession", {204: None}, errors=(403, 404))
def rollback(call: Call) -> Response:
    """DELETE /sessions/{session_id}"""
    with call.services.database.write() as db:
        session = sessions.find(db, call.repository(db, "RollbackSession"), call.params["session_id"])
        sessions.close(db, session, None)
    return no_content()


@endpoint("headSessionApproval", {200: None}, errors=(403, 404))
def check_approval(call: Call) -> Response:
    """HEAD /sessions/{session_id}/approve: this server never asks for approval, so nothing is ever pending."""
    with call.services.database.read() as db:
        call.repository(db, "CommitSession")
    raise NotFound(f"session {call.params['session_id']!r} is not pending approval")


@endpoint(
    "listUncommittedChanges", {200: Page[RecordJson]}, query=(SESSION, PREFIX, AFTER, AMOUNT), errors=(400, 403, 404)
)
def list_changes(call: Call) -> Response:
    """GET /changes: what the session staged; a removal has no `entry`."""
    amount, prefix = call.query.amount(), call.query.text("prefix")
    low = start_of(prefix, call.query.text("after"), "")
    with call.services.database.read() as db:
        session = sessions.find(
            db, call.repository(db, "ListObjects", path=Below(prefix)), call.query.required("session_id")
        )
        found = list(sessions.staged(db, session, low, prefix_end(prefix), amount + 1))
    return page_of(found, amount, render_record, lambda change: change[0])
