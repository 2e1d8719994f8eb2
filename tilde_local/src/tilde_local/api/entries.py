"""Entries as JSON, and which state of a repository a read means."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Annotated

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, page_of
from tilde_local.api.endpoint import StoredMap, Time, Uuid
from tilde_local.errors import BadRequest
from tilde_local.objects import unquoted
from tilde_local.store import commits, sessions
from tilde_local.store.diffs import Difference
from tilde_local.store.listing import Listed, start_of
from tilde_local.store.paths import prefix_end
from tilde_local.store.records import Entry, Repository, Session, View

__all__ = ["ListingJson", "RecordJson", "changes_page", "render_difference", "render_listed", "view_of"]

_ABSENT = msgspec.UNSET
EntryType = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["object", "prefix"]})]
Status = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["added", "modified", "removed"]})]


class SourceJson(msgspec.Struct):
    """Where an imported object came from."""

    connector_id: str | msgspec.UnsetType = _ABSENT
    connector_type: str | msgspec.UnsetType = _ABSENT
    source_path: str | msgspec.UnsetType = _ABSENT
    version_id: str | msgspec.UnsetType = _ABSENT
    source_etag: str | msgspec.UnsetType = _ABSENT
    import_time: Time | msgspec.UnsetType = _ABSENT
    import_job_id: Uuid | msgspec.UnsetType = _ABSENT


# It is stored as what it is answered as.
_StoredSource = Annotated[
    msgspec.Raw, msgspec.Meta(extra_json_schema=msgspec.json.schema_components([SourceJson])[1]["SourceJson"])
]


class EntryJson(msgspec.Struct):
    """What a path holds."""

    last_modified: Time
    size: int
    e_tag: str
    content_type: str
    metadata: StoredMap | msgspec.UnsetType = _ABSENT
    source_metadata: _StoredSource | msgspec.UnsetType = _ABSENT


class RecordJson(msgspec.Struct):
    """A staged change."""

    path: str
    entry: EntryJson | msgspec.UnsetType = _ABSENT


class ListingJson(msgspec.Struct):
    """A result of a listing or a diff."""

    path: str
    type: EntryType
    entry: EntryJson | msgspec.UnsetType = _ABSENT
    status: Status | msgspec.UnsetType = _ABSENT


def _render(entry: Entry | None) -> EntryJson | msgspec.UnsetType:
    if entry is None:
        return _ABSENT
    etag = unquoted(entry.etag)
    return EntryJson(entry.modified, entry.size, etag, entry.content_type, _raw(entry.metadata), _raw(entry.source))


def _raw(text: str) -> msgspec.Raw | msgspec.UnsetType:
    return msgspec.Raw(text.encode()) if text else _ABSENT


def _render_record(change: tuple[str, Entry | None]) -> RecordJson:
    """A staged change as an EntryRecord."""
    return RecordJson(change[0], _render(change[1]))


def changes_page(call: Call, find: Callable[[sqlite3.Connection], Session]) -> Response:
    """A page of what a session staged, by the parameters `prefix`, `after` and `amount`; a removal has no `entry`."""
    amount, prefix = call.query.amount(), call.query.text("prefix")
    low = start_of(prefix, call.query.text("after"), "")
    with call.services.database.read() as db:
        found = list(sessions.staged(db, find(db), low, prefix_end(prefix), amount + 1))
    return page_of(found, amount, _render_record, lambda change: change[0])


def render_listed(listed: Listed) -> ListingJson:
    """A result of a listing as a ListingEntry."""
    return ListingJson(listed.path, "prefix" if listed.entry is None else "object", _render(listed.entry))


def render_difference(found: Difference) -> ListingJson:
    """A result of a diff as a ListingEntry."""
    kind = "prefix" if found.entry is None else "object"
    return ListingJson(found.path, kind, _render(found.entry), found.status)


def view_of(call: Call, db: sqlite3.Connection, repository: Repository) -> View:
    """What `session_id` or `ref` names, by default the newest commit. Raises BadRequest if both are given."""
    session_id, ref = call.query.optional("session_id"), call.query.optional("ref")
    if session_id is not None and ref is not None:
        raise BadRequest("session_id and ref exclude each other: give one of them")
    if session_id is not None:
        return sessions.view_of(sessions.find(db, repository, session_id), repository)
    seq = repository.head if ref is None else commits.require(db, repository, ref, call.services.clock()).seq
    return View(repository.key, seq, repository.head)
