"""The pages. Each asks for the same actions as the calls of the API that show or do the same."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call
from tilde_local.console.contents import Change, changes_of
from tilde_local.console.places import may, names, repository_path
from tilde_local.console.rendering import redirect
from tilde_local.console.visits import Visit
from tilde_local.errors import BadRequest, Conflict, NotFound
from tilde_local.policy.grants import Below
from tilde_local.store import commits, diffs, organizations, repositories, reviews
from tilde_local.store.diffs import Comparison
from tilde_local.store.permissions import Caller
from tilde_local.store.records import Organization, Repository, Review

__all__ = ["commit", "decide", "home", "none", "repository", "review", "set_approval"]

_COMMITS = 50
_CHANGES = 50


class Summary(NamedTuple):
    """A repository in a list; `waiting` is how many sessions wait for the visitor's review."""

    repository: Repository
    waiting: int


def home(visit: Visit) -> Response:
    """GET /console: the repositories of all the visitor's organizations that he may list."""
    call = visit.call
    with call.services.database.read() as db:
        found = [
            (each, list(_listed(db, each, call.permissions(db, each))))
            for each in organizations.list_of(db, call.caller)
        ]
    return visit.render("home", organizations=found)


def _listed(db: sqlite3.Connection, organization: Organization, caller: Caller) -> list[Summary]:
    return [
        Summary(each, len(reviews.list_pending(db, each)) if may(caller, "ApproveSession", each) else 0)
        for each in repositories.list_in(db, organization)
        if may(caller, "ListRepositories", each)
    ]


def none(visit: Visit) -> Response:
    """GET /console/…: every other path."""
    raise NotFound("there is no such page")


def repository(visit: Visit) -> Response:
    """GET /console/organizations/{organization}/repositories/{repository}: its timeline and what waits."""
    call, after = visit.call, visit.call.query.optional("after")
    with call.services.database.read() as db:
        found = call.repository(db, "GetRepository")
        caller = call.permissions(db, call.own_organization(db))
        newest = found.head if after is None else commits.find(db, found, after).seq - 1
        may_log, may_approve = may(caller, "LogCommits", found), may(caller, "ApproveSession", found)
        timeline = commits.log(db, found, newest, "", None, _COMMITS + 1) if may_log else []
        pending = reviews.list_pending(db, found) if may_approve else []
    return visit.render(
        "repository",
        **names(call),
        repository=found,
        may_log=may_log,
        may_change=may(caller, "UpdateRepository", found),
        commits=timeline[:_COMMITS],
        has_more=len(timeline) > _COMMITS,
        pending=pending,
    )


def set_approval(visit: Visit) -> Response:
    """POST /console/organizations/{organization}/repositories/{repository}: the switch of the page."""
    call = visit.call
    with call.services.database.write() as db:
        found = call.repository(db, "UpdateRepository")
        repositories.require_approval(db, found, visit.form.get("requires_approval") == "on")
    return redirect(f"{repository_path(call)}?done=saved")


def commit(visit: Visit) -> Response:
    """GET …/commits/{commit_id}: what a commit changed."""
    call = visit.call
    with call.services.database.read() as db:
        found = call.repository(db, "LogCommits")
        shown = commits.find(db, found, call.params["commit_id"])
        call.repository(db, "DiffCommits", path=Below(""))
        commits.refuse_stale(shown, found, call.services.clock())
        changes, next_path = _changes(call, db, found, diffs.compare_commits(db, found, shown.seq - 1, shown.seq))
    return visit.render(
        "commit",
        **names(call),
        commit=shown,
        metadata=msgspec.json.decode(shown.metadata or "{}"),
        changes=changes,
        next_path=next_path,
    )


def _changes(call: Call, db: sqlite3.Connection, found: Repository, sides: Comparison) -> tuple[list[Change], str]:
    """A page of changes, and the path that the next page begins after; empty if there is none."""
    differences = diffs.diff_page(sides, "", call.query.text("after"), _CHANGES + 1, "")
    caller = call.permissions(db, call.own_organization(db))
    shown = changes_of(call.services, db, found, caller, sides, differences[:_CHANGES])
    return shown, shown[-1].path if len(differences) > _CHANGES else ""


def review(visit: Visit, error: str = "", message: str | None = None, status: int = 200) -> Response:
    """GET …/sessions/{session_id}/approve: what was submitted, for who may approve it."""
    call = visit.call
    with call.services.database.read() as db:
        found = call.repository(db, "ApproveSession")
        waiting = reviews.find(db, found, call.params["session_id"])
        changes, next_path = _changes(call, db, found, diffs.compare_session(db, found, waiting.session))
    return visit.render(
        "review",
        status,
        **names(call),
        review=waiting,
        message=waiting.message if message is None else message,
        changes=changes,
        next_path=next_path,
        error=error,
    )


def decide(visit: Visit) -> Response:
    """POST …/sessions/{session_id}/approve: what the buttons do."""
    # Browsers send every end of a line as two characters.
    message = visit.form.get("message", "").replace("\r\n", "\n").strip()
    decision = visit.form.get("decision")
    if decision not in ("approve", "roll back"):
        raise BadRequest(f"decision: expected approve or roll back, got {decision!r}")
    if decision == "approve" and not message:
        return review(visit, "A commit has a message: write one.", message, 400)
    try:
        return redirect(_approve(visit.call, message) if decision == "approve" else _roll_back(visit.call))
    except Conflict as error:
        return review(visit, f"It cannot be committed: {error.message}", message, 409)


def _waiting(call: Call, db: sqlite3.Connection) -> tuple[Repository, Review]:
    found = call.repository(db, "ApproveSession")
    return found, reviews.find(db, found, call.params["session_id"])


def _approve(call: Call, message: str) -> str:
    """Approve it; the page of the commit."""
    with call.services.landing() as db:
        commit_id = reviews.approve(db, *_waiting(call, db), call.caller, message, {}, call.services.now())
    return f"{repository_path(call)}/commits/{commit_id}?done=approved"


def _roll_back(call: Call) -> str:
    """Roll it back; the page of the repository."""
    with call.services.database.write() as db:
        reviews.roll_back(db, _waiting(call, db)[1], call.caller, call.services.now())
    return f"{repository_path(call)}?done=rolled-back"
