"""Multipart uploads: parts in any order, assembled without copying."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tilde_local.store import uploads

if TYPE_CHECKING:
    from tilde_local.conftest import Answer, Repo

FIVE_MIB = 5 * 1024 * 1024
PARTS = [b"a" * FIVE_MIB, b"b" * FIVE_MIB, b"the end"]


class Multipart:
    def __init__(self, repo: Repo, session: str, path: str = "large") -> None:
        self.repo = repo
        self.query = {"session_id": session, "path": path}
        answer = repo.call("POST", "/object/multipart", self.query)
        assert answer.status == 200, answer
        self.handle = answer.json
        assert set(self.handle) == {"upload_id", "upload_token"}

    def part_url(self, number: Any) -> Answer:
        return self.repo.call("GET", "/object/multipart/part", {**self.query, **self.handle, "part_number": number})

    def put(self, number: int, data: bytes) -> dict[str, Any]:
        answer = self.repo.api.store("PUT", self.part_url(number).json["upload_url"], data)
        assert answer.status == 200, answer
        assert answer.headers["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
        return {"part_number": number, "etag": answer.headers["ETag"]}

    def complete(self, parts: list[dict[str, Any]], **more: Any) -> Answer:
        body = {**self.handle, "parts": parts, **more}
        return self.repo.call("POST", "/object/multipart/complete", self.query, body)

    def abort(self) -> Answer:
        return self.repo.call("DELETE", "/object/multipart", {**self.query, **self.handle})


def test_parts_make_an_object(repo: Repo) -> None:
    session = repo.session()
    upload = Multipart(repo, session)
    listed = [upload.put(number, PARTS[number - 1]) for number in (3, 1, 2)]
    whole = b"".join(PARTS)
    digest = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in PARTS)).hexdigest()
    ordered = sorted(listed, key=lambda part: part["part_number"])
    answer = upload.complete(ordered, size_bytes=len(whole), content_type="x/y")
    assert (answer.status, answer.json) == (201, {"path": "large", "etag": f"{digest}-3"})
    assert upload.complete(ordered).json == answer.json
    repo.try_commit(session)
    read = repo.read("large")
    assert read.body == whole
    assert (read.headers["ETag"], read.headers["Content-Type"]) == (f'"{digest}-3"', "x/y")
    seam = repo.read("large", {"Range": f"bytes={FIVE_MIB - 2}-{FIVE_MIB + 1}"})
    assert (seam.status, seam.body) == (206, b"aabb")
    assert repo.read("large", {"Range": "bytes=-9"}).body == b"bbthe end"


def test_a_part_can_be_put_again_and_left_out(repo: Repo) -> None:
    upload = Multipart(repo, session := repo.session())
    upload.put(1, b"first try")
    upload.put(2, b"not wanted")
    part = upload.put(1, b"second try")
    assert upload.complete([part]).status == 201
    assert repo.read("large", session_id=session).body == b"second try"


def test_what_complete_refuses(repo: Repo, refused: Callable[..., None]) -> None:
    session = repo.session()
    upload = Multipart(repo, session)
    small, last = upload.put(1, b"small"), upload.put(2, b"last")
    refused(upload.complete([]), 400, "parts")
    refused(upload.complete([small, last]), 400, "part 1 has 5 bytes", code="part_too_small")
    refused(upload.complete([last, small]), 400, "ascending", code="part_order")
    refused(upload.complete([last, last]), 400, "ascending", code="part_order")
    refused(upload.complete([{"part_number": 3, "etag": '"x"'}]), 400, "part 3 was not uploaded", code="invalid_part")
    refused(upload.complete([{**last, "etag": '"x"'}]), 400, "part 2 has the ETag", code="invalid_part")
    refused(upload.complete([last], size_bytes=5), 400, "size_bytes", code="size_mismatch")
    refused(upload.complete([last], upload_id="other"), 400, "another upload", code="invalid_upload_token")
    assert repo.get("/changes", session_id=session).results == []
    assert upload.complete([last]).status == 201


@pytest.mark.parametrize("number", ["0", "-1", "10001", "x", ""])
def test_part_numbers(repo: Repo, refused: Callable[..., None], number: str) -> None:
    refused(Multipart(repo, repo.session()).part_url(number), 400, "part_number")


def test_the_last_part_number(repo: Repo) -> None:
    upload = Multipart(repo, repo.session())
    assert upload.complete([upload.put(uploads.MAX_PARTS, b"x")]).status == 201


def test_aborting_twice_is_harmless_and_final(repo: Repo, refused: Callable[..., None]) -> None:
    upload = Multipart(repo, repo.session())
    url = upload.part_url(1).json["upload_url"]
    part = upload.put(1, b"x")
    assert upload.abort().status == 204
    assert upload.abort().status == 204
    refused(repo.api.store("PUT", url, b"x"), 404, code="no_such_upload")
    refused(upload.part_url(1), 404, code="no_such_upload")
    refused(upload.complete([part]), 404, code="no_such_upload")


def test_aborting_after_completing_changes_nothing(repo: Repo) -> None:
    upload = Multipart(repo, session := repo.session())
    part = upload.put(1, b"x")
    upload.complete([part])
    assert upload.abort().status == 204
    assert upload.complete([part]).status == 201
    assert repo.read("large", session_id=session).body == b"x"


def test_tokens_of_single_uploads_are_no_multipart_tokens(repo: Repo, refused: Callable[..., None]) -> None:
    session = repo.session()
    upload = Multipart(repo, session)
    upload.handle["upload_token"] = repo.begin(session, "large")[1]
    refused(upload.part_url(1), 400, code="invalid_upload_token")
    refused(upload.abort(), 400, code="invalid_upload_token")


def test_an_encoded_slash_does_not_make_a_part_an_upload(repo: Repo, refused: Callable[..., None]) -> None:
    url = Multipart(repo, repo.session()).part_url(1).json["upload_url"]
    refused(repo.api.store("PUT", url.replace("/parts/1", "%2Fparts%2F1"), b"x"), 403, code="invalid_signature")
