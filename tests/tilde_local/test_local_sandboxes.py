"""Sandboxes from their creation to their end, with real processes."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tilde_local import Server
from tilde_local.blobs import BlobWriter
from tilde_local.runner.base import Limits
from tilde_local.sandboxes.logs import Log
from tilde_local.sandboxes.settings import Settings

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Clock, Repo, Sandbox

Running = Callable[["Sandbox"], "Sandbox"]


def test_what_it_changes_is_committed(repo: Repo) -> None:
    first = repo.commit({"a.txt": b"old", "d/b.txt": b"b", "d/c.txt": b"c", "same.txt": b"same"})
    script = "echo new > a.txt; rm -r d; mkdir e; echo made > e/made.csv; cp same.txt x; cat x > same.txt; rm x; pwd"
    sandbox = repo.sandbox("sh", "-c", script)
    ended = sandbox.end()
    (newest, *_) = repo.get("/log").results
    assert ended == {
        "status": "done",
        "status_reason": "committed",
        "exit_code": 0,
        "commit_id": newest["id"],
        "web_url": "",
        "error_message": "",
    }
    assert newest["parents"] == [first]
    assert newest["message"] == f"Sandbox {sandbox.id}: sh -c '{script}'"
    assert newest["metadata"] == {"sandbox_id": sandbox.id}
    changed = {each["path"]: each["status"] for each in repo.get("/diff", left=first, right=newest["id"]).results}
    assert changed == {"a.txt": "modified", "d/b.txt": "removed", "d/c.txt": "removed", "e/made.csv": "added"}
    made = repo.read("e/made.csv")
    assert (made.body, made.headers["Content-Type"]) == (b"made\n", "text/csv")
    assert sandbox.log() == "/sandbox\n"


def test_a_file_that_is_changed_keeps_its_type_and_metadata(repo: Repo) -> None:
    session = repo.session()
    repo.put(session, "a.bin", b"1", content_type="x/y", metadata={"k": "v"})
    assert repo.try_commit(session).status == 200
    assert repo.sandbox("sh", "-c", "echo 2 > a.bin").end()["status_reason"] == "committed"
    read = repo.read("a.bin")
    assert (read.headers["Content-Type"], read.headers["X-Tilde-Meta-k"]) == ("x/y", "v")


def test_nothing_changed(repo: Repo) -> None:
    repo.commit({"a.txt": b"a"})
    for command in (["true"], ["sh", "-c", "cat a.txt > b; mv b a.txt"], []):
        sandbox = repo.sandbox(*command)
        ended = sandbox.end()
        assert (ended["status"], ended["status_reason"], ended["exit_code"]) == ("done", "no_changes", 0)
        # Its session is not left open.
        assert "rolled back" in repo.call("DELETE", f"/sessions/{sandbox.id}").json["message"]
    assert len(repo.get("/log").results) == 1


def test_an_object_in_parts_that_is_rewritten_is_the_same(repo: Repo) -> None:
    part, session = b"x" * (5 << 20), repo.session()
    query = {"session_id": session, "path": "big"}
    begun = repo.call("POST", "/object/multipart", query).json
    listed = []
    for number in (1, 2):
        url = repo.get("/object/multipart/part", **query, **begun, part_number=number).json["upload_url"]
        listed.append({"part_number": number, "etag": repo.api.store("PUT", url, part).headers["ETag"]})
    body = {**begun, "parts": listed}
    assert repo.call("POST", "/object/multipart/complete", query, body).status == 201
    assert repo.try_commit(session).status == 200
    assert repo.sandbox("sh", "-c", "cat big > b; mv b big").end()["status_reason"] == "no_changes"
    assert repo.sandbox("sh", "-c", "printf y >> big").end()["status_reason"] == "committed"
    assert repo.read("big").body == part * 2 + b"y"


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["sh", "-c", "echo out; echo err >&2; echo x > a; exit 7"], 7, "out\nerr\n"),
        (["no-such-program"], 127, "command not found: no-such-program\n"),
        (["sh", "-c", "kill -9 $$"], 137, ""),
    ],
)
def test_a_command_that_fails(repo: Repo, command: list[str], code: int, said: str) -> None:
    sandbox = repo.sandbox(*command)
    ended = sandbox.end()
    assert (ended["status"], ended["status_reason"], ended["exit_code"]) == ("errored", "exit_non_zero", code)
    assert ended["error_message"]
    assert sandbox.log() == said
    assert repo.get("/objects").paths == []


def test_only_a_folder_is_mounted(repo: Repo) -> None:
    repo.commit({"data/in/a.txt": b"a", "data/b.txt": b"b", "data.txt": b"c"})
    for prefix in ("data/", "data"):
        sandbox = repo.sandbox(
            "sh", "-c", "pwd; find . -name '?.txt'; pwd > $TILDE_SANDBOX_ID", mountpoint="/data", path_prefix=prefix
        )
        assert sandbox.end()["status_reason"] == "committed"
        assert sorted(sandbox.log().split()) == ["./b.txt", "./in/a.txt", "/data"]
        assert repo.read(f"data/{sandbox.id}").body == b"/data\n"
    assert repo.get("/objects", delimiter="/").paths == ["data.txt", "data/"]


def test_what_cannot_be_committed_is_named(repo: Repo) -> None:
    sandbox = repo.sandbox("sh", "-c", "ln -s /etc/passwd link; mkfifo pipe; echo 1 > fine; printf x > 'a\nb'")
    assert sandbox.end()["status_reason"] == "committed"
    assert repo.get("/objects").paths == ["fine"]
    lines = sandbox.log().splitlines()
    assert any(line.startswith("tilde: not committed: link: ") for line in lines)
    assert any(line.startswith("tilde: not committed: pipe: ") for line in lines)
    assert "no control characters" in sandbox.log()


def test_another_commit_came_first(repo: Repo, running: Running) -> None:
    repo.commit({"a.txt": b"1"})
    sandbox = running(repo.sandbox(mode="service"))
    assert sandbox.run("sh", "-c", "echo 2 > a.txt").exit == {"exit_code": 0}
    repo.commit({"a.txt": b"3"})
    assert sandbox.call("POST", "/finish").status == 202
    ended = sandbox.end()
    assert (ended["status"], ended["status_reason"]) == ("failed", "commit_failed")
    assert "'a.txt' changed in another commit" in ended["error_message"]
    assert repo.read("a.txt").body == b"3"


def test_it_sees_the_commit_that_was_the_newest(repo: Repo, running: Running) -> None:
    repo.commit({"a.txt": b"1"})
    sandbox = running(repo.sandbox(mode="service"))
    repo.commit({"b.txt": b"2"})
    assert sandbox.run("ls").stdout == b"a.txt\n"
    assert running(repo.sandbox(mode="service")).run("ls").stdout == b"a.txt\nb.txt\n"
    for each in repo.call("GET", "/sandboxes").results:
        repo.call("DELETE", f"/sandboxes/{each['id']}")


def test_service_mode(repo: Repo, running: Running, refused: Callable[..., None]) -> None:
    kept, dropped = (running(repo.sandbox(mode="service")) for _ in range(2))
    for sandbox in (kept, dropped):
        assert sandbox.run("sh", "-c", f"echo x > {sandbox.id}").exit == {"exit_code": 0}
    assert kept.call("POST", "/finish").json == {"message": "the sandbox is being finished"}
    assert dropped.call("DELETE").json == {"message": "the sandbox is being cancelled"}
    assert kept.end()["status_reason"] == "committed"
    ended = dropped.end()
    assert (ended["status"], ended["status_reason"], ended["exit_code"]) == ("cancelled", "cancelled_by_user", None)
    assert repo.get("/objects").paths == [kept.id]
    refused(kept.call("POST", "/finish"), 409, "has ended")
    refused(kept.call("DELETE"), 409, "has ended")
    refused(repo.sandbox("true").call("POST", "/finish"), 400, "not in service mode")


def test_cancel_while_it_runs(repo: Repo) -> None:
    sandbox = repo.sandbox("sh", "-c", "echo begun; echo x > a; sleep 1000")
    with sandbox.follow() as log:
        assert log.readline() == b"begun\n"
        assert sandbox.call("DELETE").status == 202
        assert log.read() == b""
    assert sandbox.state == ("cancelled", "cancelled_by_user")
    assert repo.get("/objects").paths == []


@pytest.mark.usefixtures("over_once_it_has_printed")
def test_a_timeout(repo: Repo) -> None:
    sandbox = repo.sandbox("sh", "-c", "echo begun; sleep 1000", timeout_seconds=1)
    ended = sandbox.end()
    assert (ended["status"], ended["status_reason"]) == ("failed", "timeout")
    assert ended["error_message"] == "it ran for more than 1 seconds"
    assert sandbox.log() == "begun\n"


def test_a_daemon_does_not_outlive_it(repo: Repo) -> None:
    sandbox = repo.sandbox("sh", "-c", "(sleep 1000; echo late) & echo done")
    assert sandbox.end()["status"] == "done"
    assert sandbox.log() == "done\n"


def test_the_record(repo: Repo) -> None:
    me = repo.api.call("GET", "/auth/me").json["user"]["id"]
    sandbox = repo.sandbox("true", env_vars={"A": "1"}, timeout_seconds=600)
    sandbox.end()
    record = sandbox.record
    times = [record.pop(name) for name in ("created_at", "updated_at", "finished_at")]
    assert times == sorted(times)
    assert record.pop("isolation") in ("namespaces", "plain")
    assert record == {
        "id": sandbox.id,
        "repository_id": repo.call("GET", "").json["id"],
        "image": "python:3.12",
        "command": ["true"],
        "mountpoint": "/sandbox",
        "path_prefix": "",
        "timeout_seconds": 600,
        "mode": "one-shot",
        "env_vars": {"A": "1"},
        "status": "done",
        "status_reason": "no_changes",
        "error_message": "",
        "exit_code": 0,
        "commit_id": "",
        "web_url": "",
        "created_by_type": "user",
        "created_by": me,
    }


def test_the_list_has_the_newest_first_in_pages(repo: Repo, refused: Callable[..., None]) -> None:
    made = [repo.sandbox("true").id for _ in range(5)]
    seen, query = [], {"amount": 2}
    while True:
        page = repo.call("GET", "/sandboxes", query).json
        seen += [each["id"] for each in page["results"]]
        if not page["pagination"]["has_more"]:
            break
        query["after"] = page["pagination"]["next_offset"]
    assert seen == made[::-1]
    refused(repo.call("GET", "/sandboxes", {"after": "nothing"}), 404, "'nothing'")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "image: required"),
        ({"image": " "}, "image: cannot be empty"),
        ({"image": "a b"}, "image: expected"),
        ({"image": "x", "command": "ls"}, "command: expected array"),
        ({"image": "x", "command": [""]}, "command[0]: "),
        ({"image": "x", "command": ["a", "\0"]}, "command[1]: cannot hold a null"),
        ({"image": "x", "command": ["x" * 131_072]}, "command[0]: at most 131071 bytes"),
        ({"image": "x", "command": ["x" * 131_071] * 9}, "command: at most 1048576 bytes"),
        ({"image": "x", "mountpoint": "data"}, "mountpoint: expected an absolute path"),
        ({"image": "x", "mountpoint": "/a/../b"}, "mountpoint: "),
        ({"image": "x", "mountpoint": "//a"}, "mountpoint: "),
        ({"image": "x", "mountpoint": "/"}, "mountpoint: '/' is a directory of the system"),
        ({"image": "x", "mountpoint": "/usr/data"}, "mountpoint: '/usr/data' is a directory of the system"),
        ({"image": "x", "mountpoint": "/proc"}, "mountpoint: '/proc'"),
        ({"image": "x", "mountpoint": "/tmp"}, "mountpoint: '/tmp'"),
        ({"image": "x", "path_prefix": "/a"}, "path_prefix: an object path"),
        ({"image": "x", "timeout_seconds": 0}, "timeout_seconds: expected int >= 1"),
        ({"image": "x", "timeout_seconds": 86_401}, "timeout_seconds: expected 1 to 86400 seconds"),
        ({"image": "x", "timeout_seconds": 1.5}, "timeout_seconds: "),
        ({"image": "x", "mode": "batch"}, "mode: one of one-shot, interactive, service"),
        ({"image": "x", "env_vars": {"A": 1}}, "env_vars['A']: expected str"),
        ({"image": "x", "env_vars": {"1A": ""}}, "env_vars: the name of a variable must match"),
        ({"image": "x", "env_vars": {"A": "\0"}}, "env_vars['A']: cannot hold a null"),
        ({"image": "x", "run_as": {"type": "user", "id": "x"}}, "run_as.type: one of agent, role"),
        ({"image": "x", "run_as": {"type": "agent", "id": "x"}}, "run_as.id: no agent 'x'"),
        ({"image": "x", "run_as": {"type": "agent"}}, "run_as.id: required"),
    ],
)
def test_what_is_wrong_is_named(repo: Repo, refused: Callable[..., None], body: Any, field: str) -> None:
    refused(repo.call("POST", "/sandboxes", None, body), 400, field)
    assert repo.call("GET", "/sandboxes").results == []


def test_objects_that_cannot_be_files(repo: Repo) -> None:
    repo.commit({"a": b"1", "a/b": b"2"})
    ended = repo.sandbox("true").end()
    assert (ended["status"], ended["status_reason"]) == ("failed", "storage_not_ready")
    assert "'a/b'" in ended["error_message"]


def test_unknown_ones(repo: Repo, refused: Callable[..., None]) -> None:
    other = repo.api.new_repository().sandbox("true").id
    for sandbox_id in ("nothing", other):
        for method, path in (
            ("GET", ""),
            ("DELETE", ""),
            ("GET", "/status"),
            ("GET", "/logs/stdout"),
            ("GET", "/logs/network"),
            ("POST", "/finish"),
            ("GET", "/exec"),
            ("GET", "/terminal"),
        ):
            refused(repo.call(method, f"/sandboxes/{sandbox_id}{path}"), 404, sandbox_id)


def test_more_than_run_at_once_wait(connect: Callable[[str, str], Api]) -> None:
    with Server(sandboxes=Settings(at_once=1)) as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        first, second, third = (repo.sandbox(mode="service"), repo.sandbox("true"), repo.sandbox("true"))
        changes = server.services.sandboxes
        assert changes.wait_until(lambda: first.state == ("running", ""), 60)
        assert second.state == third.state == ("starting", "created")
        assert second.call("DELETE").status == 202
        assert second.state == ("cancelled", "cancelled_by_user")
        assert second.log() == ""
        assert first.call("DELETE").status == 202
        assert third.end()["status"] == "done"


def test_a_log_that_becomes_too_long(connect: Callable[[str, str], Api]) -> None:
    with Server(sandboxes=Settings(output_bytes=1000)) as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        fits, long = repo.sandbox("sh", "-c", "printf %1000d 1"), repo.sandbox("yes")
        assert fits.end()["status"] == "done"
        ended = long.end()
        assert (ended["status"], ended["status_reason"]) == ("failed", "policy_violation")
        assert "more than 1000 bytes" in ended["error_message"]
        assert len(long.log()) == 1000


def test_logs_are_kept_for_a_while(
    tmp_path: Path, clock: Clock, connect: Callable[[str, str], Api], refused: Callable[..., None]
) -> None:
    with Server(tmp_path, clock=clock) as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        sandbox = repo.sandbox("echo", "hello")
        sandbox.end()
        clock.advance(days=14)
        assert sandbox.log() == "hello\n"
        clock.advance(seconds=1)
        refused(sandbox.call("GET", "/logs/stdout"), 410, "14 days")
        refused(sandbox.call("GET", "/logs/network"), 410, "14 days")
    assert list(tmp_path.rglob("output.log"))
    with Server(tmp_path, clock=clock):
        assert not list(tmp_path.rglob("output.log"))


def test_many_readers_follow_one_log(repo: Repo) -> None:
    sandbox = repo.sandbox("sh", "-c", "for i in 1 2 3; do echo $i; done; read x; echo never")
    logs: list[bytes] = []

    def read() -> None:
        with sandbox.follow() as log:
            logs.append(log.read())

    readers = [threading.Thread(target=read) for _ in range(5)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert logs == [b"1\n2\n3\nnever\n"] * 5


def test_many_files_at_once(repo: Repo) -> None:
    """More than are synced at a time, and many of them with the same bytes."""
    script = "for i in $(seq 450); do echo $((i % 7)) > f$i; done"
    assert repo.sandbox("sh", "-c", script).end()["status_reason"] == "committed"
    paths = repo.get("/objects", amount=1000).paths
    assert sorted(paths) == sorted(f"f{number}" for number in range(1, 451))
    assert [repo.read(f"f{number}").body for number in (1, 200, 201, 450)] == [b"1\n", b"4\n", b"5\n", b"2\n"]
    assert repo.sandbox("sh", "-c", f"{script}; rm f450").end()["status_reason"] == "committed"
    newest, before, *_ = (each["id"] for each in repo.get("/log").results)
    assert [each["path"] for each in repo.get("/diff", left=before, right=newest).results] == ["f450"]


def test_a_disk_that_is_full(tmp_path: Path, connect: Callable[[str, str], Api]) -> None:
    def fail(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/path/of/the/server")

    with Server(tmp_path) as server, pytest.MonkeyPatch.context() as patch:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        patch.setattr(BlobWriter, "sync", fail)
        ended = repo.sandbox("sh", "-c", "echo 1 > a; echo 2 > b").end()
        assert (ended["status"], ended["status_reason"]) == ("failed", "commit_failed")
        assert ended["error_message"] == "cannot keep what was changed: No space left on device"
        assert list((tmp_path / "tmp").iterdir()) == []
        assert repo.get("/objects").paths == []


@pytest.mark.parametrize(
    "script", ["truncate -s 600K a b", "truncate -s 600K a; ln a b", "truncate -s 600K a; ln -s a b"]
)
def test_no_more_is_taken_in_than_could_be_written(script: str, connect: Callable[[str, str], Api]) -> None:
    """Holes and links take no room in the sandbox, but they do on the disk of the server."""
    with Server(sandboxes=Settings(limits=Limits(disk_bytes=1 << 20))) as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        assert repo.sandbox("truncate", "-s", "600K", "a").end()["status_reason"] == "committed"
        ended = repo.sandbox("sh", "-c", f"mkdir new; cd new; {script}").end()
        assert (ended["status"], ended["status_reason"]) == ("failed", "policy_violation")
        assert "more than 1048576 bytes" in ended["error_message"]
        assert repo.get("/objects").paths == ["a"]


def test_a_log_that_cannot_be_written(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command whose output is lost has not done what it should."""

    def fail(*_: object) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device", "/path/of/the/server")

    monkeypatch.setattr(Log, "append", fail)
    ended = repo.sandbox("sh", "-c", "echo 1 > a; echo 2; exec sleep 1000").end()
    assert (ended["status"], ended["status_reason"]) == ("failed", "internal_error")
    assert ended["error_message"] == "cannot keep what it prints: No space left on device"
