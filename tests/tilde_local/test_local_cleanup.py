"""Uploads that never became part of anything are removed at start, a day later; nothing else ever is."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tilde_local import Server
from tilde_local.store import uploads

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Clock, Repo


@pytest.fixture
def clock(clock: Clock) -> Clock:
    # Of temporary files it is the file system that says how old they are.
    clock.now = datetime.now(timezone.utc)
    return clock


class Multipart:
    """A multipart upload. `handle` survives a restart of the server."""

    def __init__(self, repo: Repo, session: str, path: str) -> None:
        self.repo = repo
        self.query = {"session_id": session, "path": path}
        self.handle = repo.call("POST", "/object/multipart", self.query).json

    def url(self, number: int) -> str:
        query = {**self.query, **self.handle, "part_number": number}
        return str(self.repo.call("GET", "/object/multipart/part", query).json["upload_url"])

    def put(self, number: int, data: bytes) -> dict[str, Any]:
        answer = self.repo.api.store("PUT", self.url(number), data)
        return {"part_number": number, "etag": answer.headers["ETag"]}

    def complete(self, *parts: dict[str, Any]) -> None:
        answer = self.repo.call("POST", "/object/multipart/complete", self.query, {**self.handle, "parts": parts})
        assert answer.status == 201, answer


def names(*contents: bytes) -> set[str]:
    return {hashlib.sha256(content).hexdigest() for content in contents}


def stored(directory: Path) -> set[str]:
    return {path.name for path in (directory / "blobs").glob("*/*")}


def test_abandoned_uploads_are_removed_at_start(
    tmp_path: Path, connect: Callable[[str, str], Api], clock: Clock
) -> None:
    with Server(tmp_path, clock=clock) as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        repo.commit({"committed": b"committed", "shared": b"shared"})
        repo.commit({"committed": b"replaced"})
        open_session = repo.session()
        repo.put(open_session, "staged", b"staged")
        rolled_back = repo.session()
        repo.put(rolled_back, "dropped", b"dropped")
        repo.put(rolled_back, "shared copy", b"shared")
        repo.call("DELETE", f"/sessions/{rolled_back}")
        url, _ = repo.begin(open_session, "never")
        repo.api.store("PUT", url, b"overwritten")
        repo.api.store("PUT", url, b"never finalized")
        assembled = Multipart(repo, open_session, "assembled")
        assembled.complete(assembled.put(1, b"part one"))
        Multipart(repo, open_session, "abandoned").put(1, b"lost part")
    (tmp_path / "tmp" / "left behind").write_bytes(b"x")
    everything = stored(tmp_path)
    kept = names(b"committed", b"shared", b"replaced", b"staged", b"part one")
    lost = names(b"dropped", b"overwritten", b"never finalized", b"lost part")
    assert everything == kept | lost
    with Server(tmp_path, clock=clock):
        assert stored(tmp_path) == everything
    clock.advance(days=1, hours=1)
    with Server(tmp_path, clock=clock) as server:
        assert stored(tmp_path) == kept
        assert list((tmp_path / "tmp").iterdir()) == []
        again = connect(server.endpoint_url, server.api_key).repository(repo.root)
        assert again.read("assembled", session_id=open_session).body == b"part one"
        assert again.try_commit(open_session).status == 200
    clock.advance(days=2)
    with Server(tmp_path, clock=clock) as server:
        again = connect(server.endpoint_url, server.api_key).repository(repo.root)
        assert [again.read(path).body for path in ("staged", "assembled")] == [b"staged", b"part one"]


def test_bytes_that_were_replaced_or_came_too_late_are_removed(
    tmp_path: Path, connect: Callable[[str, str], Api], clock: Clock
) -> None:
    with Server(tmp_path, clock=clock) as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        session = repo.session()
        upload = Multipart(repo, session, "assembled")
        upload.put(1, b"replaced part")
        upload.complete(upload.put(1, b"part"))
        url, token = repo.begin(session, "single")
        repo.api.store("PUT", url, b"in time")
        assert repo.finalize(session, "single", token).status == 201
        assert repo.api.store("PUT", url, b"too late").status == 200
        assert repo.try_commit(session).status == 200
    assert stored(tmp_path) == names(b"part", b"in time", b"replaced part", b"too late")
    clock.advance(days=1, hours=1)
    with Server(tmp_path, clock=clock) as server:
        assert stored(tmp_path) == names(b"part", b"in time")
        again = connect(server.endpoint_url, server.api_key).repository(repo.root)
        assert [again.read(path).body for path in ("assembled", "single")] == [b"part", b"in time"]


def test_a_part_of_an_upload_that_ends_meanwhile_is_removed(
    tmp_path: Path,
    connect: Callable[[str, str], Api],
    clock: Clock,
    refused: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check = uploads.check_part

    def check_then_abort(db: sqlite3.Connection, upload_id: str, number: int) -> None:
        check(db, upload_id, number)
        with server.services.database.write() as writer:
            uploads.abort(writer, upload_id)

    with Server(tmp_path, clock=clock) as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        url = Multipart(repo, repo.session(), "aborted").url(1)
        monkeypatch.setattr(uploads, "check_part", check_then_abort)
        refused(repo.api.store("PUT", url, b"too late"), 404, code="no_such_upload")
    assert stored(tmp_path) == names(b"too late")
    clock.advance(days=1, hours=1)
    with Server(tmp_path, clock=clock):
        assert stored(tmp_path) == set()


def test_an_old_upload_leaves_equal_bytes_of_an_open_multipart_upload(
    tmp_path: Path, connect: Callable[[str, str], Api], clock: Clock
) -> None:
    with Server(tmp_path, clock=clock) as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        session = repo.session()
        repo.api.store("PUT", repo.begin(session, "never finalized")[0], b"same bytes")
        clock.advance(hours=23)
        upload = Multipart(repo, session, "open")
        part = upload.put(1, b"same bytes")
    clock.advance(hours=2)
    with Server(tmp_path, clock=clock) as server:
        with server.services.database.read() as db:
            assert db.execute("SELECT count(*) FROM uploads").fetchone() == (0,)
        upload.repo = connect(server.endpoint_url, server.api_key).repository(repo.root)
        upload.complete(part)
        assert upload.repo.read("open", session_id=session).body == b"same bytes"
