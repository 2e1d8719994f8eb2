"""Sandboxes step by step, with real processes in the embedded server."""

from __future__ import annotations

import json
from itertools import groupby

import pytest

from support import eventually
from tilde import Client, Timeout
from tilde.exceptions import BadRequestError, NotFoundError, WaitTimeoutError
from tilde.models import Repository, SandboxStatus
from tilde_local import Server

IDLE = "echo begun; sleep 600"


def test_create_wait_and_look(repo: Repository) -> None:
    sandbox = repo.sandboxes.create(
        image="python:3.11",
        command=["sh", "-c", "echo $OUTPUT_FORMAT; echo x > made.txt"],
        env={"OUTPUT_FORMAT": "json"},
        mountpoint="/data",
        path_prefix="datasets/",
        timeout_seconds=600,
    )
    assert (sandbox.image, sandbox.mode, sandbox.mountpoint) == ("python:3.11", "one-shot", "/data")
    assert (sandbox.path_prefix, sandbox.timeout_seconds, sandbox.env) == ("datasets/", 600, {"OUTPUT_FORMAT": "json"})
    assert sandbox.created_by_type == "user"
    seen: list[SandboxStatus] = []
    status = sandbox.wait(timeout=60, on_update=seen.append)
    assert status == seen[-1]
    assert (status.is_committed, status.exit_code) == (True, 0)
    states = [state for state, _ in groupby(each.state for each in seen)]
    assert states == [state for state in ("starting", "running", "done") if state in states]
    latest = repo.latest()
    assert latest is not None
    assert (latest.id, [change.path for change in latest.diff()]) == (status.commit_id, ["datasets/made.txt"])
    with status.stdout() as stream:
        assert list(stream) == ["json\n"]
    assert sandbox.refresh().finished_at is not None
    assert sandbox.to_dict()["state"] == "done"


def test_the_log_is_followed_while_it_runs(repo: Repository) -> None:
    sandbox = repo.sandboxes.create(command=IDLE)
    with sandbox.stdout() as stream:
        assert next(stream) == "begun\n"
        assert sandbox.status().is_active
        with pytest.raises(WaitTimeoutError):
            sandbox.wait(timeout=0)
        sandbox.cancel()
        assert list(stream) == []
    assert sandbox.wait(timeout=60).state == "cancelled"


def test_a_silence_longer_than_the_time_out(server: Server, transport: str, repo: Repository) -> None:
    # In vain, a request for the log waits; the one that creates a sandbox must not.
    created, hasty = repo.sandboxes.create(command="echo one; sleep 1.5; echo two"), Timeout(read=0.4)
    with (
        Client(
            server.api_key, endpoint_url=server.endpoint_url, transport=transport, timeout=hasty, max_retries=9
        ) as client,
        client.repository(repo.path).sandboxes.get(created.id).stdout() as stream,
    ):
        assert list(stream) == ["one\n", "two\n"]


def test_what_it_tried_to_reach(repo: Repository) -> None:
    script = "import urllib.request as r; r.urlopen('http://example.com/data', timeout=10)"
    sandbox = repo.sandboxes.create(command=["python", "-c", script])
    assert sandbox.wait(timeout=60).state == "errored"
    with sandbox.network() as stream:
        attempts = [json.loads(line) for line in stream]
    assert [each for each in attempts if "example.com" in json.dumps(each)]


def test_lists_tell_all_without_a_request_for_each(repo: Repository) -> None:
    made = [repo.sandboxes.create(command="true") for _ in range(3)]
    for each in made:
        each.wait(timeout=60)
    listed = list(repo.sandboxes.list(page_size=2))
    assert {each.id for each in listed} == {each.id for each in made}
    assert {each.state for each in listed} == {"done"}
    assert [each.id for each in repo.sandboxes.list(after=listed[0].id)] == [each.id for each in listed[1:]]
    assert repo.sandboxes.get(listed[0].id) == listed[0]


def test_cancelling_twice_and_too_late(repo: Repository) -> None:
    sandbox = repo.sandboxes.create(command="echo x > made.txt")
    assert sandbox.wait(timeout=60).is_committed
    sandbox.cancel()
    assert sandbox.status().is_committed
    running = repo.sandboxes.create(command=IDLE)
    running.cancel()
    running.cancel()
    assert running.wait(timeout=60).state == "cancelled"
    assert len(list(repo.commits.list())) == 1


def test_a_service_is_finished(repo: Repository) -> None:
    sandbox = repo.sandboxes.create(mode="service")
    eventually(lambda: sandbox.status().state == "running")
    sandbox.finish()
    assert sandbox.wait(timeout=60).has_no_changes
    sandbox.finish()
    one_shot = repo.sandboxes.create(command=IDLE)
    with pytest.raises(BadRequestError):
        one_shot.finish()
    one_shot.cancel()
    one_shot.wait(timeout=60)


def test_one_that_is_not_there(repo: Repository) -> None:
    with pytest.raises(NotFoundError):
        repo.sandboxes.get("00000000-0000-4000-8000-000000000000")
