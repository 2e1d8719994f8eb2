"""/organizations/{organization}/repositories/{repository}/object, /object/copy, /objects and /objects/delete"""

from __future__ import annotations

import sqlite3

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response, no_content, page_of
from tilde_local.api.endpoint import (
    AFTER,
    AMOUNT,
    DELIMITER,
    OBJECT_PATH,
    PREFIX,
    SESSION,
    Answer,
    Page,
    Parameter,
    Uuid,
    endpoint,
)
from tilde_local.api.entries import ListingJson, render_listed, view_of
from tilde_local.errors import BadRequest, NotFound
from tilde_local.object_store import download_url
from tilde_local.objects import entry_headers
from tilde_local.policy.grants import Below
from tilde_local.store import entries, sessions
from tilde_local.store.listing import list_page
from tilde_local.store.paths import check_path
from tilde_local.store.records import Entry, Repository, Session, View

__all__ = ["copy", "delete", "delete_many", "get", "head", "list_all", "session_of"]

MAX_DELETES = 1000


class DeleteObjects(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /objects/delete."""

    paths: list[str]


def session_of(call: Call, db: sqlite3.Connection, action: str, *paths: str) -> tuple[Repository, Session]:
    """The open session that the query names, with its repository, if the caller may do `action` to all `paths`."""
    repository = call.repository_for(db, action, ({"path": path} for path in paths))
    return repository, sessions.find_open(db, repository, call.query.required("session_id"))


def _require(db: sqlite3.Connection, view: View, path: str) -> Entry:
    found = entries.find(db, view, path)
    if found is None:
        raise NotFound(f"no object {path!r} {'in this session' if view.session is not None else 'at this commit'}")
    return found


def _read(call: Call) -> tuple[Entry, bool]:
    """The entry asked for, and whether it was committed: then the same request gives the same bytes again."""
    path = check_path(call.query.required("path"))
    with call.services.database.read() as db:
        view = view_of(call, db, call.repository(db, "GetObject", path=path))
        return _require(db, view, path), view.session is None


_STATE = (
    Parameter("session_id", "read what this session sees", Uuid),
    Parameter("ref", "read this commit; the newest if neither is given"),
)
_OBJECT_HEADERS = ("ETag", "Content-Length", "Last-Modified", "X-Tilde-Reproducible")


class Deleted(msgspec.Struct):
    """How many paths were accepted."""

    deleted: int


class Copied(msgspec.Struct):
    """What was copied where."""

    source_path: str
    destination_path: str


@endpoint(
    "getObject",
    {307: Answer(None, ("Location",))},
    query=(OBJECT_PATH, *_STATE),
    errors=(400, 403, 404, 410),
)
def get(call: Call) -> Response:
    """GET /object: 307 to where the bytes are."""
    entry, committed = _read(call)
    location = call.origin + download_url(call.services.signer, entry, committed)
    return Response(status_code=307, headers={"Location": location, "Cache-Control": "no-store"})


@endpoint("headObject", {200: Answer(None, _OBJECT_HEADERS)}, query=(OBJECT_PATH, *_STATE), errors=(400, 403, 404, 410))
def head(call: Call) -> Response:
    """HEAD /object: the headers that the download would have."""
    entry, committed = _read(call)
    return Response(headers=entry_headers(entry, committed))


@endpoint("deleteObject", {204: None}, query=(SESSION, OBJECT_PATH), errors=(400, 403, 404, 409))
def delete(call: Call) -> Response:
    """DELETE /object: fine also if there is nothing to delete."""
    path = check_path(call.query.required("path"))
    with call.services.database.write() as db:
        repository, session = session_of(call, db, "DeleteObject", path)
        sessions.stage_deletes(db, session, repository, [path])
    return no_content()


@endpoint("deleteObjects", {200: Deleted}, query=(SESSION,), body=DeleteObjects, errors=(400, 403, 404, 409))
def delete_many(call: Call) -> Response:
    """POST /objects/delete: `deleted` counts the distinct paths, so that a repeated call answers the same."""
    paths = call.json(DeleteObjects).paths
    if not 1 <= len(paths) <= MAX_DELETES:
        raise BadRequest(f"paths: expected 1 to {MAX_DELETES} paths, got {len(paths)}")
    distinct = list({check_path(path, f"paths[{index}]"): None for index, path in enumerate(paths)})
    with call.services.database.write() as db:
        repository, session = session_of(call, db, "DeleteObject", *distinct)
        sessions.stage_deletes(db, session, repository, distinct)
    return json_response(Deleted(len(distinct)))


@endpoint(
    "copyObject",
    {201: Copied},
    query=(
        SESSION,
        Parameter("source_path", "what to copy", required=True),
        Parameter("destination_path", "where to", required=True),
    ),
    errors=(400, 403, 404, 409),
)
def copy(call: Call) -> Response:
    """POST /object/copy: the copy names the same bytes."""
    source, target = (check_path(call.query.required(name), name) for name in ("source_path", "destination_path"))
    with call.services.database.write() as db:
        call.repository(db, "GetObject", path=source)
        repository, session = session_of(call, db, "PutObject", target)
        entry = _require(db, sessions.view_of(session, repository), source)
        sessions.stage(db, session, [(target, entry._replace(modified=call.services.now()))])
    return json_response(Copied(source, target), 201)


@endpoint(
    "listObjects",
    {200: Page[ListingJson]},
    query=(*_STATE, PREFIX, AFTER, AMOUNT, DELIMITER),
    errors=(400, 403, 404, 410),
)
def list_all(call: Call) -> Response:
    """GET /objects"""
    amount, query = call.query.amount(), call.query
    with call.services.database.read() as db:
        view = view_of(call, db, call.repository(db, "ListObjects", path=Below(query.text("prefix"))))
        found = list_page(db, view, query.text("prefix"), query.text("after"), amount + 1, query.text("delimiter"))
    return page_of(found, amount, render_listed, lambda listed: listed.path)
