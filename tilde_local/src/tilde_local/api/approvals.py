"""/organizations/{organization}/repositories/{repository}/sessions/{session_id}/approve"""

from __future__ import annotations

import sqlite3

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response
from tilde_local.api.endpoint import AFTER, AMOUNT, PREFIX, Page, Uuid, endpoint
from tilde_local.api.entries import RecordJson, changes_page
from tilde_local.errors import BadRequest
from tilde_local.store import reviews
from tilde_local.store.records import Session

__all__ = [
    "ApprovalRequired",
    "CommitSession",
    "CommittedSession",
    "approve",
    "check",
    "commit_text",
    "list_changes",
]


class CommitSession(msgspec.Struct):
    """The body of POST /sessions/{session_id} and of its approval."""

    message: str
    metadata: dict[str, str] = {}


class CommittedSession(msgspec.Struct):
    """The answer to a commit."""

    commit_id: str


class ApprovalRequired(msgspec.Struct):
    """The answer to a commit that has to wait for a review."""

    approval_required: bool
    session_id: Uuid
    message: str
    api_url: str
    web_url: str

    @classmethod
    def of(cls, call: Call) -> ApprovalRequired:
        """The answer for the session in the path of `call`."""
        organization, repository, session_id = (
            call.params[name] for name in ("organization", "repository", "session_id")
        )
        path = reviews.path_of(organization, repository, session_id)
        return cls(
            True,
            session_id,
            "agents' commits to this repository wait for approval: somebody who may approve has to look at web_url",
            f"{call.origin}/api/v1{path}",
            f"{call.web_origin}/console{path}",
        )


def commit_text(call: Call) -> CommitSession:
    """The message and metadata in the body. Raises BadRequest."""
    body = call.json(CommitSession)
    if not body.message.strip():
        raise BadRequest("message: cannot be empty")
    return body


@endpoint("headSessionApproval", {200: None}, errors=(403, 404))
def check(call: Call) -> Response:
    """HEAD …/approve: whether the session still waits, for who may commit it."""
    with call.services.database.read() as db:
        reviews.find(db, call.repository(db, "CommitSession"), call.params["session_id"])
    return Response()


@endpoint("getSessionChanges", {200: Page[RecordJson]}, query=(PREFIX, AFTER, AMOUNT), errors=(400, 403, 404))
def list_changes(call: Call) -> Response:
    """GET …/approve: what was submitted."""

    def find(db: sqlite3.Connection) -> Session:
        return reviews.find(db, call.repository(db, "ApproveSession"), call.params["session_id"]).session

    return changes_page(call, find)


@endpoint("approveSession", {200: CommittedSession}, body=CommitSession, errors=(400, 403, 404, 409))
def approve(call: Call) -> Response:
    """POST …/approve: commit what was submitted, in the name of who submitted it."""
    body = commit_text(call)
    with call.services.landing() as db:
        repository = call.repository(db, "ApproveSession")
        review = reviews.find(db, repository, call.params["session_id"])
        commit_id = reviews.approve(
            db, repository, review, call.caller, body.message, body.metadata, call.services.now()
        )
    return json_response(CommittedSession(commit_id))
