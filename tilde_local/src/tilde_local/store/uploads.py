"""What was uploaded but is not an object yet, and how it becomes one."""

from __future__ import annotations

import hashlib
import sqlite3
import uuid
from collections.abc import Sequence
from typing import NamedTuple

from tilde_local.blobs import StoredBlob
from tilde_local.errors import BadRequest, NotFound

__all__ = [
    "MAX_PARTS",
    "MIN_PART_BYTES",
    "Assembled",
    "abort",
    "assemble",
    "begin_multipart",
    "check_part",
    "completed",
    "find_upload",
    "mark_finalized",
    "record_part",
    "record_upload",
    "segments",
]

MIN_PART_BYTES = 5 * 1024 * 1024
MAX_PARTS = 10_000


class Assembled(NamedTuple):
    """The object that parts make up. `etag` has its double quotes."""

    blob: bytes
    size: int
    etag: str


def record_upload(db: sqlite3.Connection, upload_id: str, session_id: str, stored: StoredBlob, now: str) -> None:
    """Remember the bytes put at an upload URL; a second PUT before the upload is finalized replaces the first."""
    # Every blob stays on record under some id, or it would never be cleaned up: what is replaced, and what is too late.
    db.execute("UPDATE uploads SET id = ? WHERE id = ? AND finalized = 0", (str(uuid.uuid4()), upload_id))
    if db.execute("SELECT 1 FROM uploads WHERE id = ?", (upload_id,)).fetchone() is not None:
        upload_id = str(uuid.uuid4())
    db.execute(
        "INSERT INTO uploads (id, session, blob, size, md5, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (upload_id, session_id, *stored, now),
    )


def find_upload(db: sqlite3.Connection, upload_id: str) -> tuple[StoredBlob, bool]:
    """What was put, and whether it was finalized already. Raises BadRequest if nothing was."""
    row = db.execute("SELECT blob, size, md5, finalized FROM uploads WHERE id = ?", (upload_id,)).fetchone()
    if row is None:
        raise BadRequest(
            "upload_token: nothing was uploaded yet; PUT the bytes to upload_url first", code="not_uploaded"
        )
    return StoredBlob(*row[:3]), bool(row[3])


def mark_finalized(db: sqlite3.Connection, upload_id: str) -> None:
    """From now on finalizing again changes nothing."""
    db.execute("UPDATE uploads SET finalized = 1 WHERE id = ?", (upload_id,))


def begin_multipart(db: sqlite3.Connection, session_id: str, path: str, now: str) -> str:
    """The id of a new multipart upload."""
    upload_id = str(uuid.uuid4())
    db.execute(
        "INSERT INTO multipart (id, session, path, state, created_at) VALUES (?, ?, ?, 'open', ?)",
        (upload_id, session_id, path, now),
    )
    return upload_id


def check_part(db: sqlite3.Connection, upload_id: str, number: int) -> None:
    """Raise BadRequest for a part number that is none, NotFound if the upload is not open."""
    if not 1 <= number <= MAX_PARTS:
        raise BadRequest(f"part_number: expected 1 to {MAX_PARTS}, got {number}")
    row = db.execute("SELECT state FROM multipart WHERE id = ?", (upload_id,)).fetchone()
    if row is None or row[0] != "open":
        raise NotFound(f"multipart upload {upload_id} was completed or aborted, or never begun", code="no_such_upload")


def record_part(db: sqlite3.Connection, upload_id: str, number: int, stored: StoredBlob, now: str) -> bool:
    """Remember a part; a second PUT of the same number replaces the first. False if the upload has ended meanwhile."""
    session_id, state = db.execute("SELECT session, state FROM multipart WHERE id = ?", (upload_id,)).fetchone()
    if state != "open":
        record_upload(db, str(uuid.uuid4()), session_id, stored, now)
        return False
    replaced = db.execute("SELECT blob, size, md5 FROM parts WHERE upload = ? AND number = ?", (upload_id, number))
    for row in replaced.fetchall():
        record_upload(db, str(uuid.uuid4()), session_id, StoredBlob(*row), now)
    db.execute("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?)", (upload_id, number, *stored))
    return True


def completed(db: sqlite3.Connection, upload_id: str) -> str | None:
    """The ETag of a multipart upload that was completed before, or None. Raises NotFound if it was aborted."""
    row = db.execute("SELECT state, etag FROM multipart WHERE id = ?", (upload_id,)).fetchone()
    if row is None or row[0] == "aborted":
        raise NotFound(f"multipart upload {upload_id} was aborted, or never begun", code="no_such_upload")
    return None if row[1] is None else str(row[1])


def assemble(db: sqlite3.Connection, upload_id: str, listed: Sequence[tuple[int, str]]) -> Assembled:
    """Complete the upload from the listed `(part number, ETag)`: no byte is copied, the object lists its parts.

    Raises BadRequest if the list is not ascending, names a part that was not uploaded, or a part is too small.
    """
    _check_order([number for number, _ in listed])
    rows = db.execute("SELECT number, blob, size, md5 FROM parts WHERE upload = ?", (upload_id,))
    stored = {number: StoredBlob(blob, size, md5) for number, blob, size, md5 in rows}
    parts = [_matching(stored, number, etag) for number, etag in listed]
    for (number, _), part in zip(listed[:-1], parts[:-1], strict=True):
        if part.size < MIN_PART_BYTES:
            raise BadRequest(
                f"parts: part {number} has {part.size} bytes; all but the last need at least {MIN_PART_BYTES}",
                code="part_too_small",
            )
    whole = _whole(parts)
    db.executemany(
        "INSERT OR IGNORE INTO assemblies VALUES (?, ?, ?, ?)",
        ((whole.blob, position, part.digest, part.size) for position, part in enumerate(parts)),
    )
    db.execute(
        "UPDATE multipart SET state = 'completed', blob = ?, etag = ? WHERE id = ?",
        (whole.blob, whole.etag, upload_id),
    )
    return whole


def _check_order(numbers: list[int]) -> None:
    if not numbers:
        raise BadRequest("parts: at least one part is required")
    if numbers != sorted(set(numbers)):
        raise BadRequest("parts: part numbers must be in ascending order, each once", code="part_order")


def _matching(stored: dict[int, StoredBlob], number: int, etag: str) -> StoredBlob:
    part = stored.get(number)
    if part is None:
        raise BadRequest(f"parts: part {number} was not uploaded", code="invalid_part")
    if etag.strip('"') != part.md5:
        raise BadRequest(f'parts: part {number} has the ETag "{part.md5}", not {etag}', code="invalid_part")
    return part


def _whole(parts: list[StoredBlob]) -> Assembled:
    """S3's ETag of a multipart upload: the MD5 of the parts' MD5s, and how many there are."""
    md5 = hashlib.md5(b"".join(bytes.fromhex(part.md5) for part in parts), usedforsecurity=False)
    # Named apart from plain blobs: the hash covers the list of parts, not their bytes.
    blob = hashlib.sha256(b"parts\n" + b"".join(part.digest + part.size.to_bytes(8, "big") for part in parts))
    return Assembled(blob.digest(), sum(part.size for part in parts), f'"{md5.hexdigest()}-{len(parts)}"')


def abort(db: sqlite3.Connection, upload_id: str) -> None:
    """End an open upload; its parts are cleaned up later. Nothing happens to one that is over."""
    db.execute("UPDATE multipart SET state = 'aborted' WHERE id = ? AND state = 'open'", (upload_id,))


def segments(db: sqlite3.Connection, blob: bytes, size: int) -> list[tuple[bytes, int]]:
    """The files, with their sizes, that hold the object's bytes in this order."""
    rows = db.execute("SELECT part, size FROM assemblies WHERE blob = ? ORDER BY position", (blob,)).fetchall()
    return rows or [(blob, size)]
