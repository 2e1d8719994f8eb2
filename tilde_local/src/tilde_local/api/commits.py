"""/organizations/{organization}/repositories/{repository}/commits, /log and /diff"""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec
from starlette.responses import Response

from tilde_local.api.call import MAX_AMOUNT, Call, json_response, page_of
from tilde_local.api.entries import render_difference
from tilde_local.errors import BadRequest
from tilde_local.store import commits, committing, diffs, sessions
from tilde_local.store.paths import check_path
from tilde_local.store.records import Commit, Repository

__all__ = ["diff", "get", "log", "revert"]


class RevertCommit(msgspec.Struct):
    """The body of POST /commits/{commit_id}/revert, which may be left out."""

    message: str = ""
    metadata: dict[str, str] = {}


def _render(call: Call, repository: Repository, commit: Commit) -> dict[str, Any]:
    shown = {
        "id": commit.id,
        "committer": commit.committer,
        "committer_type": "user",
        "committer_id": commit.committer_id,
        "message": commit.message,
        "creation_date": commit.created_at,
        "parents": [commit.parent] if commit.parent else [],
        "is_stale": commits.is_stale(commit, repository, call.services.clock()),
    }
    return shown | {"metadata": msgspec.Raw(commit.metadata.encode())} if commit.metadata else shown


def get(call: Call) -> Response:
    """GET /commits/{commit_id}: an abbreviated id will do."""
    with call.services.database.read() as db:
        repository = call.repository(db)
        commit = commits.find(db, repository, call.params["commit_id"])
    return json_response(_render(call, repository, commit))


def revert(call: Call) -> Response:
    """POST /commits/{commit_id}/revert"""
    body = call.json(RevertCommit) if call.body else RevertCommit()
    with call.services.database.write() as db:
        repository = call.repository(db)
        target = commits.require(db, repository, call.params["commit_id"], call.services.clock())
        message = body.message or f'Revert "{target.message}"'
        commit_id = committing.revert(db, repository, target, call.user, message, body.metadata, call.services.now())
    return json_response({"commit_id": commit_id}, 201)


def log(call: Call) -> Response:
    """GET /log: newest first, from `ref` back, after the commit `after`."""
    amount, query = call.query.amount(), call.query
    ref, after, path = (query.optional(name) for name in ("ref", "after", "object"))
    if path is not None:
        check_path(path, "object")
    with call.services.database.read() as db:
        repository = call.repository(db)
        newest = repository.head if ref is None else commits.find(db, repository, ref).seq
        if after is not None:
            newest = min(newest, commits.find(db, repository, after).seq - 1)
        found = commits.log(db, repository, newest, query.text("prefix"), path, amount + 1)
    return page_of(found, amount, lambda commit: _render(call, repository, commit), lambda commit: commit.id)


def diff(call: Call) -> Response:
    """GET /diff: `left` against `right`, or a session against the commit it sees."""
    query, amount = call.query, call.query.amount(MAX_AMOUNT)
    with call.services.database.read() as db:
        sides = _sides(call, db, call.repository(db))
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
