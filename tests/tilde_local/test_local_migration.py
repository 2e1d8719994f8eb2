"""A data directory of version 1 is brought up to date."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tilde_local import Server

if TYPE_CHECKING:
    from tilde_local.conftest import Api

ORGANIZATION = "0b6f7a34-9f0c-4d67-8b3b-0a4a7c0f1c11"
ANN = "5f8f2a51-3d59-4f5e-9a52-1b1a0f0e7c22"
REPOSITORY = "77a1c0de-6f0b-4f57-8d0f-2f6f3a9b1d33"
_ENTRY = "size INTEGER, etag TEXT, content_type TEXT, metadata TEXT, modified TEXT"
VERSION_1 = f"""
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
PRAGMA user_version = 1;
"""
NOW = "2026-01-01T00:00:00.000000Z"
DIGEST = "ab" * 32


def write_version_1(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(VERSION_1)
        db.execute("INSERT INTO users VALUES (?, 'ann', 'ann@localhost', 'Ann', ?)", (ANN, NOW))
        db.execute("INSERT INTO api_keys VALUES (?, ?, ?)", (hashlib.sha256(b"tuk-old").digest(), ANN, NOW))
        db.execute("INSERT INTO organizations VALUES (?, 'team', 'Team', ?, NULL)", (ORGANIZATION, NOW))
        db.execute("INSERT INTO members VALUES (?, ?, ?)", (ORGANIZATION, ANN, NOW))
        db.execute(
            "INSERT INTO repositories VALUES (7, ?, ?, 'data', 'd', 14, ?, ?, NULL, 1)",
            (REPOSITORY, ORGANIZATION, ANN, NOW),
        )
        db.execute("INSERT INTO commits VALUES (7, 1, ?, NULL, 'ann', ?, 'first', '', ?)", (DIGEST, ANN, NOW))
        db.execute("INSERT INTO changes VALUES (7, 1, 'a.txt')")
        db.execute("INSERT INTO live VALUES (7, 'a.txt', 1, x'00', 3, '\"e\"', 'text/plain', '', ?)", (NOW,))
        db.execute("INSERT INTO sessions VALUES (1, 's1', 7, 1, 'open', NULL, ?, ?)", (ANN, NOW))
        db.execute("INSERT INTO staged (session, path) VALUES (1, 'a.txt')")


def test_everything_is_still_there(tmp_path: Path, connect: Callable[[str, str], Api]) -> None:
    write_version_1(tmp_path / "tilde.db")
    with Server(tmp_path) as server:
        api = connect(server.endpoint_url, "tuk-old")
        root = "/organizations/team/repositories/data"
        assert api.call("GET", root).json["created_by_type"] == "user"
        (commit,) = api.call("GET", f"{root}/log").results
        assert (commit["id"], commit["committer"], commit["committer_type"]) == (DIGEST, "ann", "user")
        assert api.call("GET", f"{root}/objects").paths == ["a.txt"]
        committed = api.call("POST", f"{root}/sessions/s1", None, {"message": "second"})
        assert committed.status == 200, committed
        assert api.call("POST", "/organizations/team/groups", None, {"name": "g"}).status == 201
        conditions, config = [{"type": "prefix", "prefix": "a"}], {"image": "python:3.12"}
        trigger = {"name": "t", "conditions": conditions, "sandbox_config": config}
        assert api.call("POST", f"{root}/sandbox-triggers", None, trigger).status == 201
        with server.services.database.read() as db:
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_all_built_in_policies_are_there(tmp_path: Path, connect: Callable[[str, str], Api]) -> None:
    write_version_1(tmp_path / "tilde.db")
    with Server(tmp_path) as server:
        api = connect(server.endpoint_url, "tuk-old")
        names = [each["name"] for each in api.call("GET", "/organizations/team/policies").results]
    assert names == ["Administrator", "Approver", "Developer", "Viewer"]


NEWER = ("trigger_runs", "trigger_candidates", "sandbox_triggers", "sandboxes")


@pytest.mark.parametrize(("version", "missing"), [(2, NEWER), (3, NEWER[:3])])
def test_version_2_gets_sandboxes_and_version_3_triggers(
    tmp_path: Path, connect: Callable[[str, str], Api], version: int, missing: tuple[str, ...]
) -> None:
    with Server(tmp_path) as server:
        key = server.api_key
        root = connect(server.endpoint_url, key).new_repository().root
    with closing(sqlite3.connect(tmp_path / "tilde.db")) as db, db:
        for table in missing:
            db.execute(f"DROP TABLE {table}")
        db.execute(f"PRAGMA user_version = {version}")
    with Server(tmp_path) as server:
        api = connect(server.endpoint_url, key)
        for path in ("/sandboxes", "/sandbox-triggers"):
            assert api.call("GET", root + path).results == []
