"""Imports from S3, from GCS and from other repositories: what arrives, how far they are, and how they fail."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from outside import Door, GcsServer, S3Server
from support import eventually
from tilde_local import Server
from tilde_local.blobs import BlobWriter
from tilde_local.imports import copying, fetching, jobs
from tilde_local.store import imports
from tilde_local.store.records import ImportJob

if TYPE_CHECKING:
    from tilde_local.conftest import Answer, Api, Gated, Repo

Connect = Callable[[str, str], "Api"]
ZEROS = "00000000-0000-0000-0000-000000000000"
RUNNING = ("pending", "running")


class Importing:
    """A repository to import into, on a server."""

    def __init__(self, server: Server, repo: Repo) -> None:
        self.server = server
        self.repo = repo
        self.organization = repo.root.removesuffix("/repositories/data")
        self.name = self.organization.removeprefix("/organizations/")

    def connector(self, uri: str, config: dict[str, Any], attached: bool = True) -> str:
        kind = {"s3": "s3", "gs": "gcs"}[uri.partition(":")[0]]
        body = {"name": f"{uri} {time.monotonic_ns()}", "type": kind, "source_uri": uri, "config": config}
        made = self.repo.api.call("POST", f"{self.organization}/connectors", None, body)
        assert made.status == 201, made
        connector_id = str(made.json["id"])
        if attached:
            assert self.repo.call("POST", "/connectors", None, {"connector_id": connector_id}).status == 201
        return connector_id

    def ask(self, **body: Any) -> Answer:
        return self.repo.call("POST", "/import", None, {"destination_path": "in/", **body})

    def start(self, **body: Any) -> str:
        answer = self.ask(**body)
        assert answer.status == 202, answer
        assert set(answer.json) == {"job_id"}
        return str(answer.json["job_id"])

    def job(self, job_id: str) -> Any:
        answer = self.repo.get(f"/import/{job_id}")
        assert answer.status == 200, answer
        return answer.json

    def end(self, job_id: str) -> Any:
        eventually(lambda: self.job(job_id)["status"] not in RUNNING)
        return self.job(job_id)

    def run(self, **body: Any) -> Any:
        """Import, and expect it to work."""
        job = self.end(self.start(**body))
        assert job["status"] == "completed", job
        return job

    def failed(self, job_id: str, *words: str) -> None:
        """An import that is to fail: nothing of it is left."""
        job = self.end(job_id)
        assert job["status"] == "failed", job
        assert "commit_id" not in job
        assert [word for word in words if word not in job["error"]] == [], job
        assert "s3-secret" not in job["error"]
        assert self.query("SELECT count(*) FROM staged") == [(0,)]
        states = self.query(
            "SELECT s.state FROM sessions s JOIN imports i ON i.session_id = s.id WHERE i.id = ?", job_id
        )
        assert states in ([], [("rolled_back",)])

    def query(self, sql: str, *values: Any) -> list[Any]:
        with self.server.services.database.read() as db:
            return db.execute(sql, values).fetchall()

    def change(self, sql: str, *values: Any) -> None:
        with self.server.services.database.write() as db:
            db.execute(sql, values)

    @property
    def contents(self) -> dict[str, bytes]:
        return {path: self.repo.read(path).body for path in self.repo.get("/objects").paths}


@pytest.fixture
def server() -> Iterator[Server]:
    """One a test: imports of several would wait for each other."""
    with Server() as running:
        yield running


@pytest.fixture
def into(server: Server, connect: Connect) -> Importing:
    return Importing(server, connect(server.endpoint_url, server.api_key).new_repository())


@pytest.fixture
def door(s3: S3Server) -> Iterator[Door]:
    with Door(s3.url) as opened:
        yield opened


class Bucket:
    """A bucket of a test's own, with three objects below data/."""

    def __init__(self, s3: S3Server, door: Door, name: str) -> None:
        self.s3, self.door, self.name = s3, door, name
        s3.bucket(name)
        for letter in "abc":
            self.put(f"data/{letter}.txt", letter.encode() * 10)

    def put(self, key: str, data: bytes) -> None:
        self.s3.put(self.name, key, data)

    @property
    def uri(self) -> str:
        return f"s3://{self.name}/data/"

    @property
    def config(self) -> dict[str, Any]:
        return {**self.s3.config, "endpoint_url": self.door.url}


@pytest.fixture
def bucket(s3: S3Server, door: Door) -> Bucket:
    return Bucket(s3, door, f"bucket-{time.monotonic_ns()}")


ABC = {f"in/{letter}.txt": letter.encode() * 10 for letter in "abc"}


def test_from_s3(into: Importing, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_PAGE", 2)
    s3.bucket("full", versioned=True)
    objects = {"a.csv": b"a", "deep/ü #?%.csv": b"b" * 3_000_000, "empty": b"", "z": b"z"}
    for key, data in objects.items():
        s3.put("full", f"data/{key}", data, "text/csv")
    s3.put("full", "data/folder/", b"")
    s3.put("full", "database", b"not below data/")
    connector_id = into.connector("s3://full/data", s3.config)
    job = into.run(connector_id=connector_id, commit_message="Bring it in")
    assert into.contents == {f"in/{key}": data for key, data in objects.items()}
    me = into.repo.api.call("GET", "/auth/me").json["user"]
    (commit,) = into.repo.get("/log").results
    assert (commit["id"], commit["message"], commit["committer"]) == (job["commit_id"], "Bring it in", "local")
    assert job == {
        "id": job["id"],
        "repository_id": into.repo.get("").json["id"],
        "connector_id": connector_id,
        "source_repository_id": None,
        "destination_path": "in/",
        "source_prefix": "",
        "commit_message": "Bring it in",
        "status": "completed",
        "objects_imported": 4,
        "commit_id": commit["id"],
        "created_by_type": "user",
        "created_by": me["id"],
        "created_at": job["created_at"],
        "updated_at": job["updated_at"],
    }
    assert job["created_at"] < job["updated_at"]
    entry = into.repo.get("/objects").results[1]["entry"]
    md5 = hashlib.md5(objects["deep/ü #?%.csv"]).hexdigest()
    assert (entry["e_tag"], entry["content_type"], entry["size"]) == (md5, "text/csv", 3_000_000)
    source = entry["source_metadata"]
    assert source.pop("version_id")
    assert job["created_at"] < source.pop("import_time") < job["updated_at"]
    assert source == {
        "connector_id": connector_id,
        "connector_type": "s3",
        "source_path": "s3://full/data/deep/ü #?%.csv",
        "source_etag": md5,
        "import_job_id": job["id"],
    }
    assert into.repo.read("in/a.csv").headers["ETag"] == f'"{hashlib.md5(b"a").hexdigest()}"'


def test_from_gcs(into: Importing, gcs: GcsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_PAGE", 2)
    gcs.bucket("full")
    objects = {"a.csv": b"a", "deep/ü #?%.csv": b"b" * 3_000_000, "z": b"z"}
    for key, data in objects.items():
        gcs.put("full", f"data/{key}", data, "text/csv")
    gcs.put("full", "database", b"not below data/")
    job = into.run(connector_id=into.connector("gs://full/data/", gcs.config))
    assert into.contents == {f"in/{key}": data for key, data in objects.items()}
    assert (job["objects_imported"], job["commit_message"]) == (3, "Import from gs://full/data/")
    entry = into.repo.get("/objects").results[0]["entry"]
    source = entry["source_metadata"]
    assert (source["connector_type"], source["source_path"]) == ("gcs", "gs://full/data/a.csv")
    assert source["version_id"].isdigit()
    assert entry["content_type"] == "text/csv"


@pytest.mark.parametrize(
    ("prefix", "destination", "paths"),
    [
        ("", "", ["deep/x", "one"]),
        ("deep/", "in/", ["in/x"]),
        ("deep", "in", ["in/x"]),
        ("o", "in/t", ["in/tne"]),
        ("one", "in/", ["in/one"]),
        ("one", "in/two", ["in/two"]),
    ],
)
def test_prefixes(into: Importing, bucket: Bucket, prefix: str, destination: str, paths: list[str]) -> None:
    bucket.put("tree/one", b"1")
    bucket.put("tree/deep/x", b"2")
    connector_id = into.connector(f"s3://{bucket.name}/tree/", bucket.config)
    job = into.run(connector_id=connector_id, source_prefix=prefix, destination_path=destination)
    assert (into.repo.get("/objects").paths, job["source_prefix"]) == (paths, prefix)


def test_what_a_header_cannot_say_is_no_content_type(into: Importing, gcs: GcsServer) -> None:
    gcs.bucket("odd")
    gcs.put("odd", "a", b"a", "x" * 257)
    into.run(connector_id=into.connector("gs://odd/", gcs.config))
    assert into.repo.read("in/a").headers["Content-Type"] == "application/octet-stream"


def test_progress(into: Importing, bucket: Bucket) -> None:
    bucket.door.shut()
    connector_id = into.connector(bucket.uri, bucket.config)
    first = into.start(connector_id=connector_id)
    second = into.start(connector_id=connector_id, destination_path="again/")
    for done in range(3):
        assert bucket.door.waiting.get(timeout=30).endswith(f"/data/{'abc'[done]}.txt")
        job = into.job(first)
        assert (job["status"], job["objects_imported"]) == ("running", done)
        assert into.repo.get("/objects").results == []
        bucket.door.let_pass(1)
    assert into.end(first)["objects_imported"] == 3
    assert into.job(second)["status"] in RUNNING
    bucket.door.open()
    assert into.end(second)["status"] == "completed"
    assert len(into.contents) == 6


def test_a_large_object_is_never_in_memory_as_a_whole(
    into: Importing, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces: list[int] = []
    write = BlobWriter.write

    def note(writer: BlobWriter, data: bytes) -> None:
        pieces.append(len(data))
        write(writer, data)

    bucket.put("large/object", b"x" * 5_000_000)
    connector_id = into.connector(f"s3://{bucket.name}/large/", bucket.config)
    monkeypatch.setattr(BlobWriter, "write", note)
    into.run(connector_id=connector_id)
    assert sum(pieces) == 5_000_000
    assert max(pieces) <= 1024 * 1024


@pytest.mark.parametrize("kind", ["s3", "gcs"])
def test_a_connection_that_breaks_once(into: Importing, bucket: Bucket, gcs: GcsServer, kind: str) -> None:
    if kind == "s3":
        bucket.door.cuts = 1
        into.run(connector_id=into.connector(bucket.uri, bucket.config))
        assert into.contents == ABC
        return
    gcs.bucket("breaks")
    gcs.put("breaks", "a", b"a" * 10)
    with Door(gcs.url) as door:
        door.cuts = 1
        into.run(connector_id=into.connector("gs://breaks/", {**gcs.config, "endpoint_url": door.url}))
    assert into.contents == {"in/a": b"a" * 10}


def test_stopped_in_the_middle_and_run_again(tmp_path: Path, connect: Connect, bucket: Bucket) -> None:
    bucket.door.shut()
    with Server(tmp_path) as server:
        before = Importing(server, connect(server.endpoint_url, server.api_key).new_repository())
        job_id = before.start(connector_id=before.connector(bucket.uri, bucket.config))
        bucket.door.waiting.get(timeout=30)
        bucket.door.let_pass(1)
        bucket.door.waiting.get(timeout=30)
        assert before.job(job_id)["objects_imported"] == 1
        ((session,),) = before.query("SELECT session_id FROM imports")
        assert before.repo.get("/changes", session_id=session).paths == ["in/a.txt"]
    # Which did not wait for what the bucket sends: the door is still shut.
    bucket.door.open()
    with Server(tmp_path) as server:
        after = Importing(server, connect(server.endpoint_url, server.api_key).repository(before.repo.root))
        job = after.end(job_id)
        assert (job["status"], job["objects_imported"]) == ("completed", 3), job
        assert after.contents == ABC
        assert len(after.repo.get("/log").results) == 1
        assert after.query("SELECT state FROM sessions WHERE id = ?", session) == [("rolled_back",)]
    with Server(tmp_path) as server:
        again = Importing(server, connect(server.endpoint_url, server.api_key).repository(before.repo.root))
        assert again.end(job_id) == job
        assert len(again.repo.get("/log").results) == 1


def test_a_server_that_stops_leaves_no_thread(into: Importing, bucket: Bucket) -> None:
    bucket.door.shut()
    into.start(connector_id=into.connector(bucket.uri, bucket.config))
    bucket.door.waiting.get(timeout=30)
    # Other servers of this process have such a thread as well.
    others = {thread for thread in threading.enumerate() if thread.name == "tilde-local-imports"}
    into.server.stop()
    assert len(others - set(threading.enumerate())) == 1


class TestFailures:
    """Each is found while the import runs."""

    def test_nothing_there(self, into: Importing, bucket: Bucket) -> None:
        connector_id = into.connector(bucket.uri, bucket.config)
        into.failed(into.start(connector_id=connector_id, source_prefix="none"), "nothing to import", "/data/none")

    def test_no_such_bucket(self, into: Importing, s3: S3Server, gcs: GcsServer) -> None:
        into.failed(into.start(connector_id=into.connector("s3://missing-1/", s3.config)), "s3://missing-1/")
        into.failed(into.start(connector_id=into.connector("gs://missing-1/", gcs.config)), "gs://missing-1/")

    def test_keys_that_are_refused(self, into: Importing, bucket: Bucket) -> None:
        bucket.door.refusal = b"<Error><Code>AccessDenied</Code><Message>s3-secret may not</Message></Error>"
        into.failed(into.start(connector_id=into.connector(bucket.uri, bucket.config)), "cannot list", "*** may not")

    def test_an_object_that_vanishes(self, into: Importing, bucket: Bucket) -> None:
        bucket.door.shut()
        job_id = into.start(connector_id=into.connector(bucket.uri, bucket.config))
        bucket.door.waiting.get(timeout=30)
        bucket.s3.delete(bucket.name, "data/b.txt")
        bucket.door.open()
        into.failed(job_id, "cannot read", "data/b.txt")

    def test_an_object_that_changes(self, into: Importing, bucket: Bucket) -> None:
        bucket.door.shut()
        job_id = into.start(connector_id=into.connector(bucket.uri, bucket.config))
        bucket.door.waiting.get(timeout=30)
        bucket.put("data/b.txt", b"other bytes")
        bucket.door.open()
        into.failed(job_id, "cannot read", "data/b.txt")

    def test_a_connection_that_breaks_again_and_again(self, into: Importing, bucket: Bucket) -> None:
        bucket.door.cuts = 3
        into.failed(into.start(connector_id=into.connector(bucket.uri, bucket.config)), "cannot read", "data/a.txt")
        assert list(into.server.services.blobs._temporary.iterdir()) == []

    def test_a_path_that_no_object_can_have(self, into: Importing, bucket: Bucket) -> None:
        connector_id = into.connector(bucket.uri, bucket.config)
        job_id = into.start(connector_id=connector_id, destination_path="x" * 1020)
        into.failed(job_id, "the path that an object would get", "1024 bytes")

    def test_a_path_that_another_commit_changes(self, into: Importing, bucket: Bucket) -> None:
        bucket.door.shut()
        job_id = into.start(connector_id=into.connector(bucket.uri, bucket.config))
        bucket.door.waiting.get(timeout=30)
        into.repo.commit({"in/b.txt": b"mine"})
        bucket.door.open()
        into.failed(job_id, "'in/b.txt' changed in another commit")
        assert into.contents == {"in/b.txt": b"mine"}

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ("UPDATE connectors SET disabled = 1", ["is disabled"]),
            ("DELETE FROM repository_connectors", ["is not attached"]),
            ("UPDATE connectors SET deleted_at = 'now', config = x''", ["was deleted"]),
            ("UPDATE connectors SET config = zeroblob(40)", ["encryption.key"]),
        ],
    )
    def test_a_connector_that_changes(self, into: Importing, bucket: Bucket, change: str, words: list[str]) -> None:
        bucket.door.shut()
        connector_id = into.connector(bucket.uri, bucket.config)
        first = into.start(connector_id=connector_id)
        bucket.door.waiting.get(timeout=30)
        second = into.start(connector_id=connector_id)
        into.change(change)
        bucket.door.open()
        assert into.end(first)["status"] == "completed"
        into.failed(second, *words)

    def test_a_repository_that_is_deleted(self, into: Importing, bucket: Bucket) -> None:
        bucket.door.shut()
        job_id = into.start(connector_id=into.connector(bucket.uri, bucket.config))
        bucket.door.waiting.get(timeout=30)
        assert into.repo.call("DELETE", "").status == 204
        bucket.door.open()
        eventually(lambda: into.query("SELECT status FROM imports") == [("failed",)])
        assert into.query("SELECT id, error FROM imports") == [(job_id, "repository 'data' was deleted")]
        assert into.query("SELECT DISTINCT state FROM sessions") == [("rolled_back",)]

    @pytest.mark.parametrize("approval", [True, False], ids=["approval", "deleted"])
    def test_an_agent_that_may_no_longer(
        self, server: Server, door: Door, bucket: Bucket, connect: Connect, approval: bool
    ) -> None:
        into = Importing(server, connect(server.endpoint_url, server.api_key).new_repository())
        connector_id = into.connector(bucket.uri, bucket.config)
        body = {"name": "bringer", "inline_policy": "StartImport()\nGetImport()\n"}
        assert into.repo.api.call("POST", f"{into.organization}/agents", None, body).status == 201
        keys = f"{into.organization}/agents/bringer/auth/keys"
        token = into.repo.api.call("POST", keys, None, {"name": "k"}).json["token"]
        agent = Importing(server, connect(server.endpoint_url, token).repository(into.repo.root))
        door.shut()
        job_id = agent.start(connector_id=connector_id)
        door.waiting.get(timeout=30)
        if approval:
            server.require_approval(f"{into.name}/data")
        else:
            assert into.repo.api.call("DELETE", f"{into.organization}/agents/bringer").status == 204
        door.open()
        into.failed(job_id, "wait for approval" if approval else "is there no more")


def test_an_agent_imports_in_its_own_name(server: Server, into: Importing, bucket: Bucket, connect: Connect) -> None:
    body = {"name": "bringer", "inline_policy": "StartImport()\n"}
    made = into.repo.api.call("POST", f"{into.organization}/agents", None, body).json
    keys = f"{into.organization}/agents/bringer/auth/keys"
    token = into.repo.api.call("POST", keys, None, {"name": "k"}).json["token"]
    agent = Importing(server, connect(server.endpoint_url, token).repository(into.repo.root))
    job = into.end(agent.start(connector_id=into.connector(bucket.uri, bucket.config)))
    assert (job["created_by_type"], job["created_by"]) == ("agent", made["id"])
    (commit,) = into.repo.get("/log").results
    assert (commit["committer"], commit["committer_type"]) == ("bringer", "agent")


def test_an_agent_whose_commits_need_approval(gated: Gated, refused: Callable[..., None]) -> None:
    made = {"name": "importer", "inline_policy": "StartImport()"}
    gated.make("/agents", made)
    agent = gated.as_owner(gated.make("/agents/importer/auth/keys", {"name": "k"})["token"])
    body = {"connector_id": ZEROS, "destination_path": "in/"}
    refused(agent.call("POST", "/import", None, body), 403, "wait for approval", code="approval_required")


def test_connectors_that_cannot_be_used(into: Importing, bucket: Bucket, refused: Callable[..., None]) -> None:
    loose = into.connector(bucket.uri, bucket.config, attached=False)
    refused(into.ask(connector_id=loose), 400, "connector_id", "not attached", code="connector_not_attached")
    disabled = into.connector(bucket.uri, bucket.config)
    into.change("UPDATE connectors SET disabled = 1 WHERE id = ?", disabled)
    refused(into.ask(connector_id=disabled), 423, "disabled", code="connector_disabled")
    listed = into.repo.get("/connectors").results
    assert [each["disabled"] for each in listed] == [True]
    deleted = into.connector(bucket.uri, bucket.config)
    assert into.repo.api.call("DELETE", f"{into.organization}/connectors/{deleted}").status == 204
    refused(into.ask(connector_id=deleted), 410, "deleted", code="connector_deleted")
    refused(into.ask(connector_id=ZEROS), 404, ZEROS)
    refused(into.repo.get(f"/import/{ZEROS}"), 404, ZEROS)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "exactly one is required"),
        ({"connector_id": ZEROS, "source_organization": "o", "source_repository": "r"}, "exactly one is required"),
        ({"connector_id": ZEROS, "source_repository": "r"}, "exactly one is required"),
        ({"source_organization": "o"}, "exactly one is required"),
        ({"connector_id": ZEROS, "destination_path": "/in"}, "destination_path"),
        ({"connector_id": ZEROS, "destination_path": "a\n"}, "destination_path"),
        ({"connector_id": ZEROS, "destination_path": None}, "destination_path"),
        ({"connector_id": 1}, "connector_id"),
    ],
)
def test_what_cannot_be_asked(repo: Repo, refused: Callable[..., None], body: dict[str, Any], word: str) -> None:
    refused(repo.call("POST", "/import", None, {"destination_path": "in/", **body}), 400, word)


class TestRepositories:
    """From one repository to another."""

    @pytest.fixture
    def source(self, into: Importing) -> Importing:
        repo = into.repo.api.new_repository()
        session = repo.session()
        for letter in "abc":
            repo.put(session, f"data/{letter}.txt", letter.encode() * 10, content_type="text/x", metadata={"k": letter})
        repo.put(session, "other", b"other")
        assert repo.try_commit(session).status == 200
        return Importing(into.server, repo)

    def names(self, source: Importing) -> dict[str, str]:
        return {"source_organization": source.name, "source_repository": "data"}

    def test_rows_are_copied_and_bytes_are_not(self, into: Importing, source: Importing) -> None:
        blobs = into.server.services.blobs._root
        before = sorted(blobs.rglob("*"))
        job = into.run(**self.names(source), source_prefix="data/")
        assert sorted(blobs.rglob("*")) == before
        assert into.contents == ABC
        assert job["connector_id"] is None
        assert job["source_repository_id"] == source.repo.get("").json["id"]
        assert (job["source_organization"], job["source_repository"]) == (source.name, "data")
        assert job["commit_message"] == f"Import from {source.name}/data"
        entry = into.repo.get("/objects").results[0]["entry"]
        original = source.repo.get("/objects", prefix="data/").results[0]["entry"]
        assert entry["metadata"] == {"k": "a"}
        assert entry["content_type"] == "text/x"
        assert entry["last_modified"] > original["last_modified"]
        assert entry["source_metadata"] == {
            "source_path": f"{source.name}/data/data/a.txt",
            "version_id": source.repo.get("/log").results[0]["id"],
            "source_etag": original["e_tag"],
            "import_time": entry["source_metadata"]["import_time"],
            "import_job_id": job["id"],
        }
        assert into.repo.read("in/a.txt").headers["ETag"] == f'"{original["e_tag"]}"'

    def test_in_batches_of_one_and_the_same_commit(
        self, into: Importing, source: Importing, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writer = connect(into.server.endpoint_url, into.server.api_key).repository(source.repo.root)
        read = copying._page
        pages: list[int] = []

        def read_and_change(*arguments: Any) -> Any:
            page = read(*arguments)
            pages.append(len(page))
            if len(pages) == 1:
                writer.commit({"data/b.txt": b"too late", "data/bb.txt": b"too late", "data/c.txt": None})
            return page

        monkeypatch.setattr(copying, "_PAGE", 2)
        monkeypatch.setattr(copying, "_page", read_and_change)
        assert into.run(**self.names(source), source_prefix="data/")["objects_imported"] == 3
        assert pages == [2, 1, 0]
        assert into.contents == ABC

    def test_from_itself(self, source: Importing) -> None:
        source.run(**self.names(source), source_prefix="data/", destination_path="copy/")
        assert source.repo.get("/objects", prefix="copy/").paths == ["copy/a.txt", "copy/b.txt", "copy/c.txt"]

    def test_an_empty_one(self, into: Importing) -> None:
        empty = Importing(into.server, into.repo.api.new_repository())
        into.failed(into.start(**self.names(empty)), "nothing to import", f"{empty.name}/data/")

    def test_one_that_is_deleted_meanwhile(self, into: Importing, source: Importing, bucket: Bucket) -> None:
        bucket.door.shut()
        into.start(connector_id=into.connector(bucket.uri, bucket.config))
        bucket.door.waiting.get(timeout=30)
        job_id = into.start(**self.names(source))
        assert source.repo.call("DELETE", "").status == 204
        bucket.door.open()
        into.failed(job_id, "repository 'data' was deleted")

    def test_an_object_in_parts(self, into: Importing, source: Importing) -> None:
        session = source.repo.session()
        query = {"session_id": session, "path": "parts"}
        upload = source.repo.call("POST", "/object/multipart", query).json
        url = source.repo.get("/object/multipart/part", **query, **upload, part_number=1).json["upload_url"]
        etag = source.repo.api.store("PUT", url, b"in parts").headers["ETag"]
        body = {**upload, "parts": [{"part_number": 1, "etag": etag}]}
        assert source.repo.call("POST", "/object/multipart/complete", query, body).status == 201
        assert source.repo.try_commit(session).status == 200
        into.run(**self.names(source), source_prefix="parts")
        assert into.contents == {"in/parts": b"in parts"}

    def test_who_may(self, into: Importing, source: Importing, connect: Connect, refused: Callable[..., None]) -> None:
        username = f"reader-{time.monotonic_ns()}"
        key = into.server.create_user(username)
        as_reader = Importing(into.server, connect(into.server.endpoint_url, key).repository(into.repo.root))
        asked = {**self.names(source), "source_prefix": "data/"}
        refused(as_reader.ask(**asked), 404, into.name)
        self.allow(into, username, 'StartImport(path: "in/*")\nGetImport()')
        refused(as_reader.ask(**asked, destination_path="i"), 403, 'StartImport(repository: "data", path: "i")')
        refused(as_reader.ask(**asked), 404, source.name)
        self.allow(source, username, 'ListObjects(path: "data/*")')
        refused(as_reader.ask(**asked), 403, 'GetObject(repository: "data", path: "data/")')
        self.allow(source, username, 'GetObject(repository: "data", path: "data/*")')
        refused(as_reader.ask(**self.names(source)), 403, 'ListObjects(repository: "data", path: "")')
        refused(as_reader.ask(source_organization=source.name, source_repository="none"), 403)
        assert as_reader.run(**asked)["objects_imported"] == 3

    def allow(self, where: Importing, username: str, text: str) -> None:
        api = where.repo.api
        found = api.call("POST", f"{where.organization}/members", None, {"username": username})
        members = api.call("GET", f"{where.organization}/members").results
        (user,) = (each["user_id"] for each in members if each["username"] == username)
        assert found.status in (201, 409)
        body = {"name": f"p{time.monotonic_ns()}", "policy_text": text}
        policy = api.call("POST", f"{where.organization}/policies", None, body).json["id"]
        principal = {"principal_type": "user", "principal_id": user}
        place = f"{where.organization}/policies/{policy}/attachments"
        assert api.call("POST", place, None, principal).status == 201


def test_a_mistake_of_the_server_ends_one_import_and_no_other(
    into: Importing, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError("a mistake")

    connector_id = into.connector(bucket.uri, bucket.config)
    with monkeypatch.context() as patched:
        patched.setattr(jobs, "run", break_down)
        into.failed(into.start(connector_id=connector_id), "its log says why")
    assert "RuntimeError: a mistake" in caplog.text
    into.run(connector_id=connector_id)


def test_a_disk_that_is_full_puts_imports_off(
    into: Importing, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failed = threading.Event()

    def fail(_: object) -> ImportJob | None:
        failed.set()
        raise sqlite3.OperationalError("database or disk is full")

    connector_id = into.connector(bucket.uri, bucket.config)
    with monkeypatch.context() as patched:
        patched.setattr(imports, "next_unfinished", fail)
        first = into.start(connector_id=connector_id)
        assert failed.wait(30)
    into.run(connector_id=connector_id, destination_path="second/")
    assert into.end(first)["status"] == "completed"
    # Maybe more than once: the server may just have begun to look for imports when the first one comes.
    assert {record.levelno for record in caplog.records if record.name == "tilde_local"} == {logging.ERROR}
