"""Secrets: put, read back, listed without values, and nowhere on the disk as they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tilde_local import Server
from tilde_local.errors import DataDirectoryError

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Repo

VALUE = "sk-very-secret-value"


def test_a_secret_comes_and_goes(repo: Repo, refused: Callable[..., None]) -> None:
    assert repo.call("PUT", "/secrets/API_KEY", None, {"value": "old"}).json == {"key": "API_KEY"}
    assert repo.call("PUT", "/secrets/API_KEY", None, {"value": VALUE}).status == 200
    read = repo.call("GET", "/secrets/API_KEY")
    assert read.json == {"key": "API_KEY", "value": VALUE}
    assert read.headers["Cache-Control"] == "no-store"
    (listed,) = repo.call("GET", "/secrets").results
    assert set(listed) == {"key", "created_by_type", "created_by", "created_at", "updated_at"}
    assert listed["created_at"] < listed["updated_at"]
    assert repo.call("DELETE", "/secrets/API_KEY").status == 204
    refused(repo.call("GET", "/secrets/API_KEY"), 404, "API_KEY")
    refused(repo.call("DELETE", "/secrets/API_KEY"), 404)


@pytest.mark.parametrize("name", ["1A", "a.b", "a b", "A" * 257])
def test_names(repo: Repo, refused: Callable[..., None], name: str) -> None:
    refused(repo.call("PUT", f"/secrets/{name.replace(' ', '%20')}", None, {"value": VALUE}), 400, "secret_key")


def test_values(repo: Repo, refused: Callable[..., None]) -> None:
    refused(repo.call("PUT", "/secrets/A", None, {"value": ""}), 400, "value")
    refused(repo.call("PUT", "/secrets/A", None, {"value": "x" * 65_536}), 413, "65536")


def test_an_agent_takes_its_secrets_along(api: Api, repo: Repo) -> None:
    root = repo.root.removesuffix("/repositories/data")
    agent = {"name": "worker"}
    for _ in range(2):  # the second of that name has none of the first
        assert api.call("POST", f"{root}/agents", None, agent).status == 201
        assert api.call("GET", f"{root}/agents/worker/secrets").results == []
        assert api.call("PUT", f"{root}/agents/worker/secrets/A", None, {"value": VALUE}).status == 200
        assert api.call("DELETE", f"{root}/agents/worker").status == 204


def test_encrypted_at_rest(tmp_path: Path, connect: Callable[[str, str], Api], refused: Callable[..., None]) -> None:
    with Server(tmp_path) as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        assert repo.call("PUT", "/secrets/A", None, {"value": VALUE}).status == 200
        assert repo.call("PUT", "/secrets/B", None, {"value": "other"}).status == 200
        on_disk = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert VALUE.encode() not in on_disk
    assert (tmp_path / "encryption.key").stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(tmp_path / "tilde.db")) as db, db:
        db.execute("UPDATE secrets SET value = (SELECT value FROM secrets WHERE name = 'A') WHERE name = 'B'")
    with Server(tmp_path) as server:
        again = connect(server.endpoint_url, server.api_key).repository(repo.root)
        assert again.call("GET", "/secrets/A").json["value"] == VALUE
        refused(again.call("GET", "/secrets/B"), 500, "encryption.key", code="cannot_decrypt")


def test_a_damaged_key(tmp_path: Path) -> None:
    (tmp_path / "encryption.key").write_bytes(b"short")
    with pytest.raises(DataDirectoryError, match="5 bytes instead of 32: put it back from a backup"), Server(tmp_path):
        pass
