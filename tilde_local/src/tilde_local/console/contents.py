"""What a change looks like: line by line where both sides are small texts, else in a few words."""

from __future__ import annotations

import difflib
import sqlite3
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from tilde_local.blobs import Blobs
from tilde_local.services import Services
from tilde_local.store import uploads
from tilde_local.store.diffs import Comparison, Difference
from tilde_local.store.permissions import Caller
from tilde_local.store.records import Entry, Repository

__all__ = ["MAX_TEXT_BYTES", "Change", "changes_of"]

MAX_TEXT_BYTES = 64 * 1024
_MAX_LINES = 2000
_KINDS = {"+": "added", "-": "removed", "@": "place"}


class Change(NamedTuple):
    """A path that differs: its status and size, lines with their kinds, or a note on why there are none."""

    path: str
    status: str
    size: int
    note: str
    lines: list[tuple[str, str]]


def changes_of(
    services: Services,
    db: sqlite3.Connection,
    repository: Repository,
    caller: Caller,
    sides: Comparison,
    differences: list[Difference],
) -> list[Change]:
    """Each of `differences` as it is shown. Contents are only shown to who may read the object."""
    before = sides.left([each.path for each in differences]) if differences else {}
    return [
        _change(services.blobs, db, each, before.get(each.path), _may_read(caller, repository, each.path))
        for each in differences
    ]


def _may_read(caller: Caller, repository: Repository, path: str) -> bool:
    return caller.permissions.allows("GetObject", {"repository": repository.name, "path": path})


def _change(blobs: Blobs, db: sqlite3.Connection, found: Difference, before: Entry | None, may_read: bool) -> Change:
    assert found.entry is not None, "without a delimiter nothing is folded"
    now = None if found.status == "removed" else found.entry
    shown = Change(found.path, found.status, found.entry.size, "", [])
    sides = [side for side in (before, now) if side is not None]
    if not may_read:
        return shown._replace(note="Your policies do not let you read this object.")
    if before and now and before.blob == now.blob:
        return shown._replace(note="The same bytes: content type or metadata are others.")
    if any(side.size > MAX_TEXT_BYTES for side in sides):
        return shown._replace(note="Too large to be shown here.")
    texts = [_text(blobs, db, side) for side in (before, now)]
    if None in texts:
        return shown._replace(note="Not a text.")
    return _compared(shown, *[_lines(text or "") for text in texts])


def _text(blobs: Blobs, db: sqlite3.Connection, entry: Entry | None) -> str | None:
    """The text of an object, of no object an empty one; None if it is no text."""
    content = b"" if entry is None else b"".join(_read(blobs, db, entry))
    try:
        return None if b"\0" in content else content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _read(blobs: Blobs, db: sqlite3.Connection, entry: Entry) -> Iterator[bytes]:
    for digest, _ in uploads.segments(db, entry.blob, entry.size):
        with blobs.open(digest) as file:
            yield file.read()


def _compared(shown: Change, before: list[str], now: list[str]) -> Change:
    if len(before) > _MAX_LINES or len(now) > _MAX_LINES:
        return shown._replace(note="Too many lines to be shown here.")
    if shown.status == "modified":
        found = difflib.unified_diff(before, now, lineterm="")
        return shown._replace(lines=[_line(line) for line in islice(found, 2, None)])
    kind, lines = ("added", now) if shown.status == "added" else ("removed", before)
    return shown._replace(lines=[(kind, line) for line in lines], note="" if lines else "Empty.")


def _lines(text: str) -> list[str]:
    *lines, last = text.split("\n")
    return [*lines, last, "\\ No newline at the end"] if last else lines


def _line(line: str) -> tuple[str, str]:
    return _KINDS.get(line[:1], "same"), line if line.startswith("@") else line[1:]
