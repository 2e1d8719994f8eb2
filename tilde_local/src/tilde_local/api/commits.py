"""/organizations/{organization}/repositories/{repository}/commits, /log and /diff"""

from __future__ import annotations

import sqlite3

import msgspec
from starlette.responses import Response

from tilde_local.api.call import MAX_AMOUNT, Call, json_response, page_of
from tilde_local.api.endpoint import (
    AFTER,
    AMOUNT,
    DELIMITER,
    PREFIX,
    Page,
    Parameter,
    PrincipalType,
    StoredMap,
    Time,
    Uuid,
    endpoint,
)
from tilde_local.api.entries import ListingJson, render_difference
from tilde_local.errors import BadRequest
from tilde_local.policy.grants import Below
from tilde_local.store import commits, committing, diffs, reviews, sessions
from tilde_local.store.paths import check_path
from tilde_local.store.records import Commit, Repository

__all__ = ["diff", "get", "log", "revert"]


class RevertCommit(msgspec.Struct):
    """The body of POST /commits/{commit_id}/revert, which may be left out."""

    message: str = ""
    metadata: dict[str, str] = {}


class CommitAnswer(msgspec.Struct):
    """A commit."""

    id: str
    committer: str
    committer_type: PrincipalType
    committer_id: Uuid
    message: str
    creation_date: Time
    parents: list[str]
    is_stale: bool
    metadata: StoredMap | msgspec.UnsetType = msgspec.UNSET


class Reverted(msgspec.Struct):
    """The commit that undoes another."""

    commit_id: str


def _render(call: Call, repository: Repository, commit: Commit) -> CommitAnswer:
    return CommitAnswer(
        commit.id,
        commit.committer,
        commit.committer_type,
        commit.committer_id,
        commit.message,
        commit.created_at,
        [commit.parent] if commit.parent else [],
        commits.is_stale(commit, repository, call.services.clock()),
        msgspec.Raw(commit.metadata.encode()) if commit.metadata else msgspec.UNSET,
    )


@endpoint("getCommit", {200: CommitAnswer}, errors=(400, 403, 404))
def get(call: Call) -> Response:
    """GET /commits/{commit_id}: an abbreviated id will do."""
    with call.services.database.read() as db:
        repository = call.repository(db, "LogCommits")
        commit = commits.find(db, repository, call.params["commit_id"])
    return json_response(_render(call, repository, commit))


@endpoint("revertCommit", {201: Reverted}, body=RevertCommit, body_required=False, errors=(400, 403, 404, 409, 410))
def revert(call: Call) -> Response:
    """POST /commits/{commit_id}/revert"""
    body = call.json(RevertCommit) if call.body else RevertCommit()
    with call.services.landing() as db:
        repository = call.repository(db, "RevertCommit")
        reviews.refuse_unreviewed(repository, call.caller)
        target = commits.require(db, repository, call.params["commit_id"], call.services.clock())
        message = body.message or f'Revert "{target.message}"'
        commit_id = committing.revert(db, repository, target, call.caller, message, body.metadata, call.services.now())
    return json_response(Reverted(commit_id), 201)


@endpoint(
    "getLog",
    {200: Page[CommitAnswer]},
    query=(
        Parameter("ref", "the commit to begin with; the newest if left out"),
        AFTER,
        AMOUNT,
        Parameter("prefix", "only commits that changed something whose path begins with this"),
        Parameter("object", "only commits that changed this path"),
    ),
    errors=(400, 403, 404),
)
def log(call: Call) -> Response:
    """GET /log: newest first, from `ref` back, after the commit `after`."""
    amount, query = call.query.amount(), call.query
    ref, after, path = (query.optional(name) for name in ("ref", "after", "object"))
    if path is not None:
        check_path(path, "object")
    with call.services.database.read() as db:
        repository = call.repository(db, "LogCommits")
        newest = repository.head if ref is None else commits.find(db, repository, ref).seq
        if after is not None:
            newest = min(newest, commits.find(db, repository, after).seq - 1)
        found = commits.log(db, repository, newest, query.text("prefix"), path, amount + 1)
    return page_of(found, amount, lambda commit: _render(call, repository, commit), lambda commit: commit.id)


@endpoint(
    "diffRefs",
    {200: Page[ListingJson]},
    query=(
        Parameter("left", "the older commit; nothing if left out"),
        Parameter("right", "the newer commit; required without `session_id`"),
        Parameter("session_id", "instead: what this session staged, against the commit it sees", Uuid),
        PREFIX,
        AFTER,
        AMOUNT,
        DELIMITER,
    ),
    errors=(400, 403, 404, 410),
)
def diff(call: Call) -> Response:
    """GET /diff: `left` against `right`, or a session against the commit it sees."""
    query, amount = call.query, call.query.amount(MAX_AMOUNT)
    with call.services.database.read() as db:
        sides = _sides(call, db, call.repository(db, "DiffCommits", path=Below(query.text("prefix"))))
        found = diffs.diff_page(sides, query.text("prefix"), query.text("after"), amount + 1, query.text("delimiter"))
    return page_of(found, amount, render_difference, lambda difference: difference.path)


def _sides(call: Call, db: sqlite3.Connection, repository: Repository) -> diffs.Comparison:
    session_id, left, right = (call.query.optional(name) for name in ("session_id", "left", "right"))
    if session_id is not None:
        if left is not None or right is not None:
            raise BadRequest("session_id excludes left and right: give one or the other")
        return diffs.compare_session(db, repository, sessions.find(db, repository, session_id))
    if right is None:
        raise BadRequest("right: required unless session_id is given")
    # Without `left` the comparison is with nothing: so a first commit shows everything it added. A stale `left` is
    # fine, because every commit's own diff needs its parent.
    newer = commits.require(db, repository, right, call.services.clock()).seq
    older = 0 if left is None else commits.find(db, repository, left).seq
    return diffs.compare_commits(db, repository, older, newer)
