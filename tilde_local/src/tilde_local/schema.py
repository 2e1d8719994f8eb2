"""The tables.

`live` holds what the newest commit of every repository shows, one row a path. A commit that replaces or removes a path
moves its row to `history`, where `since <= seq < until` says at which commits it was visible. Both are clustered by
path, so that a listing at any commit is one ordered walk, and a commit writes rows only for the paths it changes.
"""

from __future__ import annotations

import sqlite3

from tilde_local.errors import DataDirectoryError

__all__ = [
    "COMMIT_COLUMNS",
    "ENTRY_COLUMNS",
    "PRINCIPAL_TABLES",
    "REPOSITORIES_TABLE",
    "REVIEWS_TABLE",
    "SANDBOXES_TABLE",
    "SCHEMA_VERSION",
    "TABLES",
    "TRIGGER_TABLES",
    "check_version",
]

SCHEMA_VERSION = 4
COMMIT_COLUMNS = "seq, id, parent, committer_type, committer, committer_id, message, metadata, created_at"
ENTRY_COLUMNS = "blob, size, etag, content_type, metadata, modified, source"

# Tombstones in `staged` have no blob. `metadata`, and `source` of what was imported, are JSON objects as text, or
# empty. All times are text (see clock.py).
_ENTRY = "size INTEGER, etag TEXT, content_type TEXT, metadata TEXT, modified TEXT, source TEXT NOT NULL DEFAULT ''"
_CREATED = "created_by_type TEXT NOT NULL, created_by TEXT NOT NULL, created_at TEXT NOT NULL"

# Who may do what, and what belongs to an organization beside its repositories. A pair of `…_type` and `…_id` names a
# principal; `_CREATED` is who made it, and when.
PRINCIPAL_TABLES = f"""
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY, digest BLOB NOT NULL UNIQUE, principal_type TEXT NOT NULL, principal_id TEXT NOT NULL,
    name TEXT NOT NULL, description TEXT NOT NULL, hint TEXT NOT NULL, created_at TEXT NOT NULL, last_used_at TEXT,
    revoked_at TEXT
) WITHOUT ROWID;
CREATE INDEX keys_of_principal ON api_keys (principal_id);
CREATE TABLE roles (
    id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations (id), name TEXT NOT NULL,
    description TEXT NOT NULL, {_CREATED}, UNIQUE (organization_id, name)
) WITHOUT ROWID;
CREATE TABLE agents (
    id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations (id), name TEXT NOT NULL,
    description TEXT NOT NULL, metadata TEXT NOT NULL, inline_policy TEXT NOT NULL, inline_policy_updated_at TEXT,
    {_CREATED}, UNIQUE (organization_id, name)
) WITHOUT ROWID;

CREATE TABLE groups (
    id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations (id), name TEXT NOT NULL,
    description TEXT NOT NULL, {_CREATED}, UNIQUE (organization_id, name)
) WITHOUT ROWID;
CREATE TABLE group_members (
    group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE, subject_type TEXT NOT NULL,
    subject_id TEXT NOT NULL, added_at TEXT NOT NULL, PRIMARY KEY (group_id, subject_type, subject_id)
) WITHOUT ROWID;
CREATE INDEX groups_of_subject ON group_members (subject_type, subject_id);
CREATE TABLE policies (
    id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations (id), name TEXT NOT NULL,
    description TEXT NOT NULL, policy_text TEXT NOT NULL, is_builtin INTEGER NOT NULL, {_CREATED},
    updated_at TEXT NOT NULL, UNIQUE (organization_id, name)
) WITHOUT ROWID;
CREATE TABLE attachments (
    policy_id TEXT NOT NULL REFERENCES policies (id) ON DELETE CASCADE, principal_type TEXT NOT NULL,
    principal_id TEXT NOT NULL, attached_by_type TEXT NOT NULL, attached_by TEXT NOT NULL, attached_at TEXT NOT NULL,
    PRIMARY KEY (policy_id, principal_type, principal_id)
) WITHOUT ROWID;
CREATE INDEX policies_of_principal ON attachments (principal_type, principal_id);
CREATE TABLE invitations (
    id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations (id), email TEXT NOT NULL,
    group_ids TEXT NOT NULL, policy_ids TEXT NOT NULL, status TEXT NOT NULL, invited_by_type TEXT NOT NULL,
    invited_by TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX invitations_of_email ON invitations (email);

-- `value` and `config` are encrypted. The owner of a secret is a repository or an agent.
CREATE TABLE secrets (
    owner_type TEXT NOT NULL, owner_id TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, {_CREATED},
    updated_at TEXT NOT NULL, PRIMARY KEY (owner_type, owner_id, name)
) WITHOUT ROWID;
CREATE TABLE connectors (
    id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations (id), name TEXT NOT NULL,
    type TEXT NOT NULL, source_uri TEXT NOT NULL, config BLOB NOT NULL, disabled INTEGER NOT NULL DEFAULT 0, {_CREATED},
    deleted_at TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX connector_names ON connectors (organization_id, name) WHERE deleted_at IS NULL;
CREATE TABLE repository_connectors (
    repository INTEGER NOT NULL REFERENCES repositories (key), connector_id TEXT NOT NULL REFERENCES connectors (id),
    attached_at TEXT NOT NULL, PRIMARY KEY (repository, connector_id)
) WITHOUT ROWID;
CREATE TABLE imports (
    id TEXT PRIMARY KEY, repository INTEGER NOT NULL REFERENCES repositories (key),
    connector_id TEXT REFERENCES connectors (id), source_repository INTEGER REFERENCES repositories (key),
    destination_path TEXT NOT NULL, source_prefix TEXT NOT NULL, commit_message TEXT NOT NULL, status TEXT NOT NULL,
    objects_imported INTEGER NOT NULL, session_id TEXT, commit_id TEXT, error TEXT NOT NULL, {_CREATED},
    updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX unfinished_imports ON imports (created_at) WHERE status IN ('pending', 'running');
"""

REPOSITORIES_TABLE = """
CREATE TABLE repositories (
    key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    organization_id TEXT NOT NULL REFERENCES organizations (id), name TEXT NOT NULL, description TEXT NOT NULL,
    retention_days INTEGER NOT NULL, created_by_type TEXT NOT NULL, created_by TEXT NOT NULL, created_at TEXT NOT NULL,
    deleted_at TEXT, head INTEGER NOT NULL DEFAULT 0, requires_approval INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX repository_names ON repositories (organization_id, name) WHERE deleted_at IS NULL;
"""

REVIEWS_TABLE = """
-- What was submitted for a review. What became of it is the state of the session.
CREATE TABLE reviews (
    session INTEGER PRIMARY KEY REFERENCES sessions (key), message TEXT NOT NULL, metadata TEXT NOT NULL,
    submitted_by_type TEXT NOT NULL, submitted_by TEXT NOT NULL, submitted_by_name TEXT NOT NULL,
    submitted_at TEXT NOT NULL, reviewed_by TEXT, reviewed_at TEXT
);
"""

SANDBOXES_TABLE = f"""
-- `id` is also that of the sandbox's session. `command` is a JSON array, `env_vars` a JSON object. `runs_as` is whose
-- rights it has, `created_by` who asked for it.
CREATE TABLE sandboxes (
    id TEXT PRIMARY KEY, repository INTEGER NOT NULL REFERENCES repositories (key), image TEXT NOT NULL,
    command TEXT NOT NULL, mountpoint TEXT NOT NULL, path_prefix TEXT NOT NULL, timeout_seconds INTEGER,
    mode TEXT NOT NULL, env_vars TEXT NOT NULL, runs_as_type TEXT NOT NULL, runs_as TEXT NOT NULL,
    trigger_run_id TEXT, isolation TEXT NOT NULL, status TEXT NOT NULL, status_reason TEXT NOT NULL,
    error_message TEXT NOT NULL, exit_code INTEGER, commit_id TEXT NOT NULL, web_url TEXT NOT NULL, {_CREATED},
    updated_at TEXT NOT NULL, finished_at TEXT
) WITHOUT ROWID;
CREATE INDEX sandboxes_of_repository ON sandboxes (repository, created_at, id);
CREATE INDEX active_sandboxes ON sandboxes (created_at) WHERE status IN ('starting', 'running');
"""

TRIGGER_TABLES = f"""
-- `conditions` and `sandbox_config` are JSON.
CREATE TABLE sandbox_triggers (
    id TEXT PRIMARY KEY, repository INTEGER NOT NULL REFERENCES repositories (key), name TEXT NOT NULL,
    description TEXT NOT NULL, enabled INTEGER NOT NULL, conditions TEXT NOT NULL, sandbox_config TEXT NOT NULL,
    run_as_type TEXT, run_as_id TEXT, {_CREATED}, updated_at TEXT NOT NULL, UNIQUE (repository, name)
) WITHOUT ROWID;
-- Commits that have landed, with the triggers that were enabled then, until it is known whether they match.
CREATE TABLE trigger_candidates (
    repository INTEGER NOT NULL, seq INTEGER NOT NULL,
    trigger_id TEXT NOT NULL REFERENCES sandbox_triggers (id) ON DELETE CASCADE,
    PRIMARY KEY (repository, seq, trigger_id)
) WITHOUT ROWID;
CREATE INDEX candidates_of_trigger ON trigger_candidates (trigger_id);
-- `matched_paths` is a JSON array. `reason` is for programs, `message` for people.
CREATE TABLE trigger_runs (
    id TEXT PRIMARY KEY, trigger_id TEXT NOT NULL REFERENCES sandbox_triggers (id) ON DELETE CASCADE,
    repository INTEGER NOT NULL, seq INTEGER NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL DEFAULT '', sandbox_id TEXT, matched_paths TEXT NOT NULL, created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL, UNIQUE (trigger_id, seq)
) WITHOUT ROWID;
CREATE INDEX pending_runs ON trigger_runs (created_at) WHERE status = 'pending';
"""

TABLES = f"""
CREATE TABLE users (
    id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, email TEXT NOT NULL, full_name TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE TABLE organizations (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, display_name TEXT NOT NULL, created_at TEXT NOT NULL, deleted_at TEXT
);
CREATE UNIQUE INDEX organization_names ON organizations (name) WHERE deleted_at IS NULL;
CREATE TABLE members (
    organization_id TEXT NOT NULL REFERENCES organizations (id), user_id TEXT NOT NULL REFERENCES users (id),
    joined_at TEXT NOT NULL, PRIMARY KEY (organization_id, user_id)
) WITHOUT ROWID;
CREATE INDEX memberships ON members (user_id, organization_id);

{REPOSITORIES_TABLE}
CREATE TABLE commits (
    repository INTEGER NOT NULL REFERENCES repositories (key), seq INTEGER NOT NULL, id TEXT NOT NULL, parent TEXT,
    committer_type TEXT NOT NULL, committer TEXT NOT NULL, committer_id TEXT NOT NULL, message TEXT NOT NULL,
    metadata TEXT NOT NULL, created_at TEXT NOT NULL, PRIMARY KEY (repository, seq)
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
    base INTEGER NOT NULL, state TEXT NOT NULL, commit_id TEXT, {_CREATED}
);
{REVIEWS_TABLE}
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
{PRINCIPAL_TABLES}
{SANDBOXES_TABLE}
{TRIGGER_TABLES}
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
