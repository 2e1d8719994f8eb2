"""Bringing a data directory of an older version up to date, in one transaction.

Each step is written out as of its time: it must not change when the server does.
"""

from __future__ import annotations

import sqlite3
import uuid

from tilde_local.schema import (
    PRINCIPAL_TABLES,
    REPOSITORIES_TABLE,
    REVIEWS_TABLE,
    SANDBOXES_TABLE,
    SCHEMA_VERSION,
    TABLES,
    TRIGGER_TABLES,
    check_version,
)

__all__ = ["prepare"]

_KEYS_1 = "SELECT lower(hex(randomblob(16))), digest, 'user', user_id, 'local', '', '', created_at, NULL, NULL"

# Principals of other kinds than users appear: keys and what was created can belong to them.
_FROM_1_TO_2 = f"""
ALTER TABLE api_keys RENAME TO api_keys_1;
ALTER TABLE repositories RENAME TO repositories_1;
DROP INDEX repository_names;
{PRINCIPAL_TABLES}
{REPOSITORIES_TABLE}
{REVIEWS_TABLE}
INSERT INTO api_keys {_KEYS_1} FROM api_keys_1;
INSERT INTO repositories SELECT key, id, organization_id, name, description, retention_days, 'user', created_by,
    created_at, deleted_at, head, 0 FROM repositories_1;
DROP TABLE api_keys_1;
DROP TABLE repositories_1;
ALTER TABLE commits ADD COLUMN committer_type TEXT NOT NULL DEFAULT 'user';
ALTER TABLE sessions ADD COLUMN created_by_type TEXT NOT NULL DEFAULT 'user';
ALTER TABLE live ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE history ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE staged ADD COLUMN source TEXT NOT NULL DEFAULT '';
"""

# Sandboxes appear.
_FROM_2_TO_3 = SANDBOXES_TABLE

# Triggers appear.
_FROM_3_TO_4 = TRIGGER_TABLES


def prepare(connection: sqlite3.Connection) -> None:
    """Create the tables in an empty database, or change those of an older version.

    Raises DataDirectoryError if a newer version wrote it.
    """
    version = check_version(connection)
    if version == SCHEMA_VERSION:
        return
    # A table that others refer to is replaced under its name, which foreign keys would object to in between.
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute("PRAGMA legacy_alter_table=ON")
    try:
        connection.executescript(f"BEGIN IMMEDIATE;{_script(version)}")
        if version == 1:
            _make_members_administrators(connection)
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("PRAGMA legacy_alter_table=OFF")
        connection.execute("PRAGMA foreign_keys=ON")


def _script(version: int) -> str:
    """What makes the tables of today out of those of `version`."""
    return TABLES if version == 0 else "".join((_FROM_1_TO_2, _FROM_2_TO_3, _FROM_3_TO_4)[version - 1 :])


def _make_members_administrators(db: sqlite3.Connection) -> None:
    """In version 1 every member of an organization could do everything in it. The policy's text is not stored."""
    rows = db.execute(
        "SELECT organization_id, user_id, joined_at, created_at FROM members"
        " JOIN organizations ON organizations.id = organization_id"
    ).fetchall()
    for organization, user, joined, created in rows:
        policy = str(uuid.uuid5(uuid.UUID(organization), "Administrator"))
        db.execute(
            "INSERT OR IGNORE INTO policies VALUES (?, ?, 'Administrator', '', '', 1, 'user', ?, ?, ?)",
            (policy, organization, user, created, created),
        )
        db.execute(
            "INSERT INTO attachments VALUES (?, 'user', ?, 'user', ?, ?)",
            (policy, user, user, joined),
        )
