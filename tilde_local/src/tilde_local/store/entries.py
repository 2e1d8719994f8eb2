"""Reading entries: one path, several paths, or an ordered walk, at any commit and with a session's changes on top."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from tilde_local.schema import ENTRY_COLUMNS
from tilde_local.store.paths import END, Bound
from tilde_local.store.records import Entry, View

__all__ = ["find", "find_many", "walk"]


def find(db: sqlite3.Connection, view: View, path: str) -> Entry | None:
    """What `path` holds, or None."""
    if view.session is not None:
        row = db.execute(
            f"SELECT {ENTRY_COLUMNS} FROM staged WHERE session = ? AND path = ?", (view.session, path)
        ).fetchone()
        if row is not None:
            return None if row[0] is None else Entry(*row)
    row = db.execute(
        f"SELECT {ENTRY_COLUMNS} FROM live WHERE repository = ? AND path = ? AND since <= ?",
        (view.repository, path, view.seq),
    ).fetchone()
    return Entry(*row) if row is not None else _find_replaced(db, view, path)


def _find_replaced(db: sqlite3.Connection, view: View, path: str) -> Entry | None:
    # Of the rows that end after this commit, only the first can have begun before it.
    row = db.execute(
        f"SELECT since, {ENTRY_COLUMNS} FROM history WHERE repository = ? AND path = ? AND until > ?"
        " ORDER BY until LIMIT 1",
        (view.repository, path, view.seq),
    ).fetchone()
    return Entry(*row[1:]) if row is not None and row[0] <= view.seq else None


def find_many(db: sqlite3.Connection, view: View, paths: Sequence[str]) -> dict[str, Entry]:
    """What each of `paths` holds at the view's commit (its session is not looked at); absent ones are left out."""
    rows = db.execute(
        "WITH wanted (name) AS (SELECT value FROM json_each(:paths))"
        f" SELECT path, {ENTRY_COLUMNS} FROM wanted CROSS JOIN live"
        "  ON repository = :repository AND path = name WHERE since <= :seq"
        f" UNION ALL SELECT path, {ENTRY_COLUMNS} FROM wanted CROSS JOIN history"
        "  ON repository = :repository AND path = name WHERE until > :seq AND since <= :seq",
        {"paths": msgspec.json.encode(paths).decode(), "repository": view.repository, "seq": view.seq},
    )
    return {row[0]: Entry(*row[1:]) for row in rows}


def walk(
    db: sqlite3.Connection, view: View, low: str, high: Bound = END, limit: int = -1
) -> Iterator[tuple[str, Entry]]:
    """The entries with `low <= path < high` in order, at most `limit`. Rows are read as they are asked for."""
    cursor = db.execute(
        walk_sql(view),
        {
            "repository": view.repository,
            "seq": view.seq,
            "session": view.session,
            "low": low,
            "high": high,
            "limit": limit,
        },
    )
    return ((row[0], Entry(*row[1:])) for row in cursor)


def walk_sql(view: View) -> str:
    """The query of `walk`: up to three index walks that SQLite merges, without sorting."""
    columns = f"SELECT path, {ENTRY_COLUMNS}"
    span = "path >= :low AND path < :high"
    not_staged = "NOT EXISTS (SELECT 1 FROM staged WHERE session = :session AND staged.path = {table}.path)"
    parts = []
    for table in ("live", "history"):
        conditions = ["repository = :repository", span]
        if view.seq < view.head:
            conditions.append("since <= :seq")
        if table == "history":
            conditions.append("until > :seq")
        if view.session is not None:
            conditions.append(not_staged.format(table=table))
        # At the newest commit nothing in `history` can be visible.
        if table == "live" or view.seq < view.head:
            parts.append(f"{columns} FROM {table} WHERE {' AND '.join(conditions)}")
    if view.session is not None:
        parts.append(f"{columns} FROM staged WHERE session = :session AND {span} AND blob IS NOT NULL")
    return f"{' UNION ALL '.join(parts)} ORDER BY path LIMIT :limit"
