"""The tables, and how a data directory of an older version is brought up to date.

`live` holds what the newest commit of every repository shows, one row a path. A commit that replaces or removes a path
moves its row to `history`, where `since <= seq < until` says at which commits it was visible. Both are clustered by
path, so that a listing at any commit is one ordered walk, and a commit writes rows only for the paths it changes.
"""

from __future__ import annotations

import sqlite3

from tilde_local.errors import DataDirectoryError

__all__ = ["ENTRY_COLUMNS", "SCHEMA_VERSION", "check_version", "prepare"]

SCHEMA_VERSION = 1
ENTRY_COLUMNS = "blob, size, etag, content_type, metadata, modified"

# Tombstones in `staged` have no blob. `metadata` is a JSON object as text, or empty. All times are text (see clock.py).
_ENTRY = "size INTEGER, etag TEXT, content_type TEXT, metadata TEXT, modified TEXT"

_TABLES = f"""
CREATE TABLE users (
    id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, email TEXT NOT NULL, full_name TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE TABLE api_keys (
    digest BLOB PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id), created_at TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE organizations (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, display_name TEXT NOT NULL, created_at TEXT NOT NULL, deleted_at TEXT
);
CREATE UNIQUE INDEX organization_names ON organizations (name) WHERE deleted_at IS NULL;
CREATE TABLE members (
    organization_id TEXT NOT NULL REFERENCES organizations (id), user_id TEXT NOT NULL REFERENCES users (id),
    joined_at TEXT NOT NULL, PRIMARY KEY (organization_id, user_id)
) WITHOUT ROWID;
CREATE INDEX memberships ON members (user_id, organization_id);

CREATE TABLE repositories (
    key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    organization_id TEXT NOT NULL REFERENCES organizations (id), name TEXT NOT NULL, description TEXT NOT NULL,
    retention_days INTEGER NOT NULL, created_by TEXT NOT NULL REFERENCES users (id), created_at TEXT NOT NULL,
    deleted_at TEXT, head INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX repository_names ON repositories (organization_id, name) WHERE deleted_at IS NULL;

CREATE TABLE commits (
    repository INTEGER NOT NULL REFERENCES repositories (key), seq INTEGER NOT NULL, id TEXT NOT NULL, parent TEXT,
    committer TEXT NOT NULL, committer_id TEXT NOT NULL, message TEXT NOT NULL, metadata TEXT NOT NULL,
    created_at TEXT NOT NULL, PRIMARY KEY (repository, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX commit_ids ON commits (repository, id);
CREATE TABLE changes (
    repository INTEGER NOT NULL, seq INTEGER NOT NULL, path TEXT NOT NULL, PRIMARY KEY (repository, seq, path)
) WITHOUT ROWID;
CREATE INDEX changes_of_path ON changes (repository, path, seq);
CREATE TABLE live (
    repository INTEGER NOT NULL, path TEXT NOT NULL, since INTEGER NOT NULL, blob BLOB NOT NULL, {_ENTRY},
    PRIMARY KEY (repository, path)
) WITHOUT ROWID;
CREATE TABLE history (
    repository INTEGER NOT NULL, path TEXT NOT NULL, until INTEGER NOT NULL, since INTEGER NOT NULL,
    blob BLOB NOT NULL, {_ENTRY}, PRIMARY KEY (repository, path, until)
) WITHOUT ROWID;

CREATE TABLE sessions (
    key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, repository INTEGER NOT NULL REFERENCES repositories (key),
    base INTEGER NOT NULL, state TEXT NOT NULL, commit_id TEXT, created_by TEXT NOT NULL, created_at TEXT NOT NULL
);
CREATE TABLE staged (
    session INTEGER NOT NULL, path TEXT NOT NULL, blob BLOB, {_ENTRY}, PRIMARY KEY (session, path)
) WITHOUT ROWID;

CREATE TABLE uploads (
    id TEXT PRIMARY KEY, session TEXT NOT NULL, blob BLOB NOT NULL, size INTEGER NOT NULL, md5 TEXT NOT NULL,
    finalized INTEGER NOT NULL DEFAULT 0, created_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE multipart (
    id TEXT PRIMARY KEY, session TEXT NOT NULL, path TEXT NOT NULL, state TEXT NOT NULL, blob BLOB, etag TEXT,
    created_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE parts (
    upload TEXT NOT NULL REFERENCES multipart (id) ON DELETE CASCADE, number INTEGER NOT NULL, blob BLOB NOT NULL,
    size INTEGER NOT NULL, md5 TEXT NOT NULL, PRIMARY KEY (upload, number)
) WITHOUT ROWID;
CREATE TABLE assemblies (
    blob BLOB NOT NULL, position INTEGER NOT NULL, part BLOB NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (blob, position)
) WITHOUT ROWID;
"""


def check_version(connection: sqlite3.Connection) -> int:
    """The version of the tables, 0 if there are none yet. Raises DataDirectoryError if it is a newer one."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA_VERSION:
        raise DataDirectoryError(
            f"the data directory has schema version {version}, this tilde-local knows {SCHEMA_VERSION}:"
            " upgrade tilde-local"
        )
    return version


def prepare(connection: sqlite3.Connection) -> None:
    """Create the tables in an empty database. Raises DataDirectoryError if a newer version wrote it."""
    if check_version(connection) == 0:
        connection.executescript(f"BEGIN IMMEDIATE;{_TABLES}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
