"""Objects on the wire and results of object calls."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tilde_core.models.base import Model, OrDefault, plain

# gc=False: entries hold nothing that could lead back to them, and there may be millions of them alive, which the
# garbage collector would otherwise visit over and over.
__all__ = [
    "CopyObjectResult",
    "Entry",
    "EntryRecord",
    "ListingEntry",
    "ObjectMetadata",
    "PutObjectResult",
    "SourceMetadata",
]


class SourceMetadata(Model, frozen=True, kw_only=True, gc=False):
    """Where an imported object came from."""

    connector_id: OrDefault[str] = ""
    connector_type: OrDefault[str] = ""
    source_path: OrDefault[str] = ""
    version_id: OrDefault[str] = ""
    source_etag: OrDefault[str] = ""
    import_time: datetime | None = None
    import_job_id: OrDefault[str] = ""


class Entry(Model, frozen=True, kw_only=True, gc=False):
    """What is known of an object: `size` in bytes, `e_tag`, content type, user metadata."""

    last_modified: datetime | None = None
    size: OrDefault[int] = 0
    e_tag: OrDefault[str] = ""
    metadata: OrDefault[dict[str, str]] = msgspec.field(default_factory=dict)
    content_type: OrDefault[str] = ""
    source_metadata: SourceMetadata | None = None

    def _cells(self) -> dict[str, Any]:
        return {"size": self.size, "content type": self.content_type, "last modified": self.last_modified}


class EntryRecord(Model, frozen=True, kw_only=True, gc=False):
    """A change that is staged in a session. A staged delete has an `entry` without size or ETag."""

    path: str
    entry: OrDefault[Entry] = msgspec.field(default_factory=Entry)

    def _cells(self) -> dict[str, Any]:
        return {"path": self.path, **self.entry._cells()}


class ListingEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of a listing or a diff.

    `type` is `"object"` or, with a delimiter, `"prefix"`; the `entry` of a prefix is empty. In a diff, `status` is
    `"added"`, `"modified"` or `"removed"`; elsewhere it is `None`.
    """

    path: str
    type: str
    entry: OrDefault[Entry] = msgspec.field(default_factory=Entry)
    status: str | None = None

    def __post_init__(self) -> None:
        if self.entry is None:  # written out, unlike that of Model: it runs for every line
            msgspec.structs.force_setattr(self, "entry", Entry())

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values; times stay `datetime`."""
        return plain(self)

    def _cells(self) -> dict[str, Any]:
        if self.status is not None:
            return {"status": self.status, "path": self.path, "size": self.entry.size}
        return {"path": self.path, "type": self.type, **self.entry._cells()}


class ObjectMetadata(Model, frozen=True, kw_only=True):
    """What `head` tells: `etag` (without quotes), `content_type`, `content_length` in bytes, `reproducible`,
    `metadata`."""

    etag: str
    content_type: str
    content_length: int
    reproducible: bool
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


class PutObjectResult(Model, frozen=True, kw_only=True):
    """What `put` returns: the `path` and the `etag` (without quotes) of the staged object."""

    path: str
    etag: str


class CopyObjectResult(Model, frozen=True, kw_only=True):
    """What `copy` returns."""

    source_path: str
    destination_path: str
