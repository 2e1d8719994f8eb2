"""/organizations/{organization}/repositories/{repository}/sessions and /changes"""

from __future__ import annotations

import sqlite3

import msgspec
from starlette.responses import Response

from tilde_local.api.approvals import ApprovalRequired, CommitSession, CommittedSession, commit_text
from tilde_local.api.call import Call, json_response, no_content
from tilde_local.api.endpoint import AFTER, AMOUNT, PREFIX, SESSION, Page, Uuid, endpoint
from tilde_local.api.entries import RecordJson, changes_page
from tilde_local.policy.grants import Below
from tilde_local.store import committing, reviews, sessions
from tilde_local.store.records import Session

__all__ = ["commit", "create", "list_changes", "rollback"]


class OpenedSession(msgspec.Struct):
    """The answer to opening a session."""

    session_id: Uuid


@endpoint("createSession", {201: OpenedSession}, errors=(403, 404))
def create(call: Call) -> Response:
    """POST /sessions: open a session on the newest commit."""
    with call.services.database.write() as db:
        session = sessions.create(db, call.repository(db, "CreateSession"), call.caller, call.services.now())
    return json_response(OpenedSession(session.id), 201)


@endpoint(
    "commitSession",
    {200: CommittedSession, 202: ApprovalRequired},
    body=CommitSession,
    errors=(400, 403, 404, 409),
)
def commit(call: Call) -> Response:
    """POST /sessions/{session_id}: durable when it answers; 202 if it waits for approval now."""
    body, now = commit_text(call), call.services.now()
    with call.services.landing() as db:
        repository = call.repository(db, "CommitSession")
        session = sessions.find(db, repository, call.params["session_id"])
        if session.state == "pending" or reviews.is_required(repository, call.caller):
            reviews.submit(db, repository, session, call.caller, body.message, body.metadata, now)
            return json_response(ApprovalRequired.of(call), 202)
        commit_id = committing.commit(db, repository, session, call.caller, body.message, body.metadata, now)
    return json_response(CommittedSession(commit_id))


@endpoint("rollbackSession", {204: None}, errors=(403, 404))
def rollback(call: Call) -> Response:
    """DELETE /sessions/{session_id}"""
    with call.services.database.write() as db:
        session = sessions.find(db, call.repository(db, "RollbackSession"), call.params["session_id"])
        sessions.close(db, session, None)
    return no_content()


@endpoint(
    "listUncommittedChanges", {200: Page[RecordJson]}, query=(SESSION, PREFIX, AFTER, AMOUNT), errors=(400, 403, 404)
)
def list_changes(call: Call) -> Response:
    """GET /changes: what the session staged."""
    prefix, session_id = call.query.text("prefix"), call.query.required("session_id")

    def find(db: sqlite3.Connection) -> Session:
        return sessions.find(db, call.repository(db, "ListObjects", path=Below(prefix)), session_id)

    return changes_page(call, find)
