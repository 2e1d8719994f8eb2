"""The calls on objects that move no bytes, as they go over the wire."""

from __future__ import annotations

import itertools
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from object_service import commit_objects, session_objects
from support import answer, fake_client
from tilde_core.exceptions import SerializationError
from tilde_core.http import Request, Response
from tilde_core.models.objects import CopyObjectResult, ObjectMetadata
from tilde_core.resources.objects import CommitObjects


def asked(request: Request) -> tuple[str, str, dict[str, str]]:
    parts = urlsplit(request.url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return request.method, parts.path.removeprefix("/api/v1/organizations/org/repositories/repo/"), query


def test_head() -> None:
    headers = {
        "ETag": 'W/"abc"',
        "Content-Type": "text/csv",
        "Content-Length": "12",
        "X-Tilde-Reproducible": "true",
        "X-Tilde-Meta-Owner": "me",
        "x-tilde-meta-city": "Orléans".encode().decode("latin-1"),
        "X-Tilde-Meta-Word": "=?UTF-8?B?w6k=?=",
        "X-Tilde-Meta-Odd": "=?no-such-charset?B?w6k=?=",
        "X-Tilde-Meta-Latin": "\xe9",
    }
    client, transport, _ = fake_client([Response(200, headers), Response(200, {"Content-Length": "0"})])
    assert commit_objects(client).head("a b/ü") == ObjectMetadata(
        etag="abc",
        content_type="text/csv",
        content_length=12,
        reproducible=True,
        metadata={
            "Owner": "me",
            "city": "Orléans",
            "Word": "é",
            "Odd": "=?no-such-charset?B?w6k=?=",
            "Latin": "\xe9",
        },
    )
    bare = session_objects(client).head("a")
    assert (bare.etag, bare.content_type, bare.reproducible, bare.metadata) == ("", "", False, {})
    assert [asked(request) for request in transport.requests] == [
        ("HEAD", "object", {"path": "a b/ü", "ref": "c1"}),
        ("HEAD", "object", {"path": "a", "session_id": "s1"}),
    ]


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "many"}, {"Content-Length": "²"}])
def test_a_head_without_a_length(headers: dict[str, str]) -> None:
    client, _, _ = fake_client([Response(200, headers)])
    with pytest.raises(SerializationError, match="length"):
        commit_objects(client).head("a")


def test_list() -> None:
    entry = {"path": "d/a", "type": "object", "entry": {"size": 1, "metadata": None}}
    first = {"results": [entry], "pagination": {"has_more": True, "next_offset": "d/a"}}
    client, transport, _ = fake_client([answer(200, first), answer(200, {"results": None}), answer(200, {})])
    found = list(commit_objects(client).list(prefix="d/", delimiter="/", page_size=1, after="d/0"))
    assert [(e.path, e.entry and e.entry.size) for e in found] == [("d/a", 1)]
    assert list(session_objects(client).list()) == []
    query = {"ref": "c1", "prefix": "d/", "delimiter": "/", "amount": "1"}
    assert [asked(request) for request in transport.requests] == [
        ("GET", "objects", {**query, "after": "d/0"}),
        ("GET", "objects", {**query, "after": "d/a"}),
        ("GET", "objects", {"session_id": "s1", "amount": "100"}),
    ]


def test_copy_and_delete() -> None:
    client, transport, clock = fake_client([Response(503), answer(201, {}), Response(204)])
    objects = session_objects(client)
    assert objects.copy("a", "b") == CopyObjectResult(source_path="a", destination_path="b")
    assert objects.delete("a") is None  # type: ignore[func-returns-value]
    copy = ("POST", "object/copy", {"session_id": "s1", "source_path": "a", "destination_path": "b"})
    delete = ("DELETE", "object", {"session_id": "s1", "path": "a"})
    assert [asked(request) for request in transport.requests] == [copy, copy, delete]
    assert len(clock.sleeps) == 1


def test_delete_many() -> None:
    def act(request: Request) -> Response:
        return answer(200, {"deleted": len(json.loads(request.content)["paths"])})  # type: ignore[arg-type]

    client, transport, _ = fake_client(act)
    objects = session_objects(client)
    assert objects.delete_many(f"p{n}" for n in range(2500)) == 2500
    sent = [json.loads(request.content)["paths"] for request in transport.requests]  # type: ignore[arg-type]
    assert [len(paths) for paths in sent] == [1000, 1000, 500]
    assert list(itertools.chain(*sent)) == [f"p{n}" for n in range(2500)]
    assert asked(transport.requests[0]) == ("POST", "objects/delete", {"session_id": "s1"})
    transport.requests.clear()
    assert objects.delete_many([]) == 0
    for bad in ("ab", b"ab", [1], None):
        with pytest.raises(TypeError):
            objects.delete_many(bad)  # type: ignore[arg-type]
    assert transport.requests == []


def test_delete_many_may_be_repeated_and_counts_what_the_service_says() -> None:
    answers: list[Any] = [Response(502), answer(200, {"deleted": None})]
    client, _, clock = fake_client(answers)
    assert session_objects(client).delete_many(["a"]) == 0
    assert len(clock.sleeps) == 1


def test_handles() -> None:
    client, transport, _ = fake_client([])
    with pytest.raises(ValueError, match="commit_id"):
        CommitObjects(client, "org", "repo", "")
    assert repr(commit_objects(client)) == "CommitObjects(org/repo, 'c1')"
    assert repr(session_objects(client)) == "SessionObjects(org/repo, 's1')"
    assert transport.requests == []
