"""What was acknowledged is there after a restart and after SIGKILL; what was not is there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tilde_local import Server
from tilde_local.blobs import Blobs

if TYPE_CHECKING:
    from tilde_local.conftest import Answer, Api, Clock, Repo

ROUNDS = 8
WRITERS = 4
OBJECTS = 3


@contextmanager
def served(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The command as a process of its own: the process, the endpoint, the key."""
    command = [sys.executable, "-m", "tilde_local", "serve", "--data-dir", str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        exports = dict(process.stdout.readline().removeprefix("export ").strip().split("=", 1) for _ in range(2))
        try:
            yield process, exports["TILDE_ENDPOINT_URL"], exports["TILDE_API_KEY"]
        finally:
            process.kill()


class Killer:
    """Kills the process after so many requests, whatever they are, and remembers what was acknowledged."""

    def __init__(self, process: subprocess.Popen[str], requests: int) -> None:
        self.process = process
        self.acknowledged: dict[str, dict[str, str]] = {}
        self._left = requests
        self._lock = threading.Lock()

    def count(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self.process.send_signal(signal.SIGKILL)


def write_until_killed(repo: Repo, killer: Killer, name: str) -> None:
    original = repo.api.wire.send

    def send(*arguments: object) -> Answer:
        killer.count()
        return original(*arguments)  # type: ignore[arg-type]

    repo.api.wire.send = send  # type: ignore[method-assign, assignment]
    try:
        for number in range(10_000):
            data = {f"{name}/{number}/{index}": os.urandom(2000) for index in range(OBJECTS)}
            commit_id = repo.commit(dict(data), f"{name}/{number}/")
            killer.acknowledged[commit_id] = {path: hashlib.md5(body).hexdigest() for path, body in data.items()}
    except (OSError, HTTPException):
        return


def test_acknowledged_commits_survive_sigkill(tmp_path: Path, connect: Callable[[str, str], Api]) -> None:
    chance = random.Random(20260101)
    acknowledged: dict[str, dict[str, str]] = {}
    root = ""
    for number in range(ROUNDS):
        with served(tmp_path) as (process, url, key):
            if not root:
                root = connect(url, key).new_repository().root
            killer = Killer(process, chance.randrange(30, 160))
            apis = [connect(url, key) for _ in range(WRITERS)]
            threads = [
                threading.Thread(
                    target=write_until_killed, args=(api.repository(root), killer, f"round-{number}-writer-{index}")
                )
                for index, api in enumerate(apis)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert process.wait() == -signal.SIGKILL
            acknowledged |= killer.acknowledged
    assert acknowledged
    with served(tmp_path) as (_, url, key):
        check_whole(connect(url, key).repository(root), acknowledged)


def check_whole(repo: Repo, acknowledged: dict[str, dict[str, str]]) -> None:
    log = repo.get("/log", amount=1000).results
    assert acknowledged.keys() <= {commit["id"] for commit in log}
    for commit in log:
        parents = commit["parents"]
        changed = repo.get("/diff", right=commit["id"], **({"left": parents[0]} if parents else {})).results
        assert [each["path"] for each in changed] == [f"{commit['message']}{index}" for index in range(OBJECTS)]
        assert {each["status"] for each in changed} == {"added"}
        for each in changed:
            body = repo.read(each["path"], ref=commit["id"]).body
            digest = hashlib.md5(body).hexdigest()
            assert digest == each["entry"]["e_tag"]
            assert acknowledged.get(commit["id"], {}).get(each["path"], digest) == digest
    # And nothing is listed that no commit brought.
    assert len(repo.get("/objects", amount=1000).results) == len(log) * OBJECTS


def test_everything_survives_a_restart(tmp_path: Path, connect: Callable[[str, str], Api], clock: Clock) -> None:
    with Server(tmp_path, clock=clock) as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        first_key = server.api_key
        commit = repo.commit({"a": b"1"})
        session = repo.session()
        repo.put(session, "b", b"2")
        url, token = repo.begin(session, "c")
        endpoint = server.endpoint_url
    with Server(tmp_path, clock=clock) as server:
        assert server.api_key != first_key
        # The earlier key, the open session and the presigned URL are as good as before.
        again = connect(server.endpoint_url, first_key).repository(repo.root)
        assert [each["id"] for each in again.get("/log").results] == [commit]
        assert again.read("a").body == b"1"
        assert again.read("b", session_id=session).body == b"2"
        assert again.api.store("PUT", url.replace(endpoint, server.endpoint_url), b"3").status == 200
        assert again.finalize(session, "c", token).status == 201
        assert again.try_commit(session).status == 200
        assert again.get("/objects").paths == ["a", "b", "c"]


def test_a_blob_is_synced_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = Blobs(tmp_path / "blobs", tmp_path / "tmp")
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def record_sync(descriptor: int) -> None:
        events.append("sync")
        fsync(descriptor)

    def record_rename(self: Path, target: Path) -> Path:
        events.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(Path, "replace", record_rename)
    writer = blobs.create()
    writer.write(b"data")
    stored = writer.finish()
    # The file, the new directory's name, the new name in that directory.
    assert events == ["sync", "sync", "rename", "sync"]
    with blobs.open(stored.digest) as file:
        assert file.read() == b"data"


def test_commits_are_synced(tmp_path: Path) -> None:
    with Server(tmp_path) as server, server.services.database.write() as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert db.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        database = server.services.database

        def fail() -> None:
            with database.write() as db:
                db.execute("DELETE FROM api_keys")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        with database.read() as db:
            assert db.execute("SELECT count(*) FROM api_keys").fetchone() == (1,)


def test_readers_see_one_state(tmp_path: Path) -> None:
    with Server(tmp_path) as server, server.services.database.read() as reader:
        before = reader.execute("SELECT count(*) FROM users").fetchone()
        server.create_user("later")
        assert reader.execute("SELECT count(*) FROM users").fetchone() == before
