"""Removing uploads that never became part of anything. Runs at start, before the first request."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from tilde_local.blobs import Blobs
from tilde_local.clock import stamp
from tilde_local.database import Database

__all__ = ["remove_abandoned"]

_GRACE = timedelta(days=1)

# Uploads that are too old to be finalized any more, or whose session is over, so that what they brought is either
# named by an entry or lost. A finalized one of an open session is kept: finalizing again must answer the same.
_OVER = (
    "created_at < :before AND NOT ({done} AND EXISTS"
    " (SELECT 1 FROM sessions WHERE sessions.id = {table}.session AND sessions.state = 'open'))"
)
_OLD_UPLOADS = _OVER.format(done="finalized = 1", table="uploads")
_OLD_MULTIPART = _OVER.format(done="state = 'completed'", table="multipart")


def remove_abandoned(database: Database, blobs: Blobs, now: datetime) -> int:
    """Delete temporary files, uploads and blobs older than a day that nothing refers to; how many blobs it was."""
    before = now - _GRACE
    blobs.remove_temporary(before.timestamp())
    with database.write() as db:
        doomed = _forget_uploads(db, stamp(before))
    # The rows are gone for good before the files are: a crash in between wastes space and loses nothing.
    for digest in doomed:
        blobs.remove(digest)
    return len(doomed)


def _forget_uploads(db: sqlite3.Connection, before: str) -> list[bytes]:
    names = {"before": before}
    db.execute("CREATE TEMP TABLE candidates (blob BLOB PRIMARY KEY) WITHOUT ROWID")
    db.execute(f"INSERT OR IGNORE INTO candidates SELECT blob FROM uploads WHERE {_OLD_UPLOADS}", names)
    for column in ("multipart.blob", "parts.blob"):
        db.execute(
            f"INSERT OR IGNORE INTO candidates SELECT {column} FROM multipart LEFT JOIN parts ON upload = multipart.id"
            f" WHERE {column} IS NOT NULL AND {_OLD_MULTIPART.replace('created_at', 'multipart.created_at')}",
            names,
        )
    db.execute(f"DELETE FROM uploads WHERE {_OLD_UPLOADS}", names)
    db.execute(f"DELETE FROM multipart WHERE {_OLD_MULTIPART}", names)
    _spare(db, "live", "history", "staged", "uploads")
    # Only now: parts are spared for the sake of assembled objects that are still there themselves.
    db.execute("DELETE FROM assemblies WHERE blob IN (SELECT blob FROM candidates)")
    _spare(db, "parts")
    db.execute("DELETE FROM candidates WHERE blob IN (SELECT part FROM assemblies)")
    doomed = [bytes(row[0]) for row in db.execute("SELECT blob FROM candidates")]
    db.execute("DROP TABLE candidates")
    return doomed


def _spare(db: sqlite3.Connection, *tables: str) -> None:
    """Take from the candidates whatever one of `tables` refers to. One pass over each table, if there are any."""
    for table in tables:
        if db.execute("SELECT 1 FROM candidates LIMIT 1").fetchone() is not None:
            db.execute(
                f"DELETE FROM candidates WHERE blob IN (SELECT t.blob FROM {table} t"
                " CROSS JOIN candidates c ON c.blob = t.blob)"
            )
