"""Objects: uploaded to a presigned URL, finalized into a session, read through a redirect."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tilde_local import Server

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Repo

DATA = bytes(range(256)) * 4


def etag_of(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'


@pytest.fixture
def read_only(repo: Repo) -> Repo:
    """A repository in which `file` holds DATA."""
    repo.commit({"file": DATA})
    return repo


def test_put_and_read_back(repo: Repo) -> None:
    session = repo.session()
    etag = repo.put(session, "d/é ü+%&?#.txt", DATA, content_type="text/plain", size_bytes=len(DATA))
    assert f'"{etag}"' == etag_of(DATA)
    answer = repo.read("d/é ü+%&?#.txt", session_id=session)
    assert (answer.status, answer.body) == (200, DATA)
    assert answer.headers["ETag"] == etag_of(DATA)
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["Content-Length"] == str(len(DATA))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Last-Modified"].endswith("GMT")
    assert answer.headers["Content-Security-Policy"] == "sandbox"


def test_reads_answer_307_to_a_url_of_the_store(read_only: Repo) -> None:
    answer = read_only.get("/object", path="file")
    assert (answer.status, answer.body) == (307, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Location"].startswith(f"{read_only.api.endpoint_url}/store/objects/")
    assert read_only.api.api_key not in answer.headers["Location"]


def test_the_redirect_leads_to_the_name_that_the_client_used(read_only: Repo) -> None:
    port = urlsplit(read_only.api.endpoint_url).port
    answer = read_only.api.call(
        "GET", f"{read_only.root}/object", {"path": "file"}, headers={"Host": f"localhost:{port}"}
    )
    assert answer.headers["Location"].startswith(f"http://localhost:{port}/store/")


def test_head_answers_the_headers_of_the_download(read_only: Repo) -> None:
    session = read_only.session()
    for query, reproducible in (({}, "true"), ({"session_id": session}, "false")):
        head = read_only.call("HEAD", "/object", {"path": "file", **query})
        assert (head.status, head.body) == (200, b"")
        download = read_only.read("file", **query)
        assert download.headers["X-Tilde-Reproducible"] == reproducible
        names = ("ETag", "Content-Type", "Content-Length", "Accept-Ranges", "Last-Modified", "X-Tilde-Reproducible")
        assert [head.headers[name] for name in names] == [download.headers[name] for name in names]


def test_an_empty_object(repo: Repo, refused: Callable[..., None]) -> None:
    repo.commit({"empty": b""})
    answer = repo.read("empty")
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")
    ranged = repo.read("empty", {"Range": "bytes=0-0"})
    refused(ranged, 416)
    assert ranged.headers["Content-Range"] == "bytes */0"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-3", 0, 3),
        ("bytes=1000-", 1000, 1023),
        ("bytes=-24", 1000, 1023),
        ("bytes=-5000", 0, 1023),
        ("bytes=1020-5000", 1020, 1023),
        ("bytes=1020-9999999999999999999", 1020, 1023),
        ("bytes=-9999999999999999999", 0, 1023),
        ("bytes=00000000000000000000004-5", 4, 5),
        ("BYTES=0-3", 0, 3),
        ("bytes=0-0", 0, 0),
        ("bytes=1023-1023", 1023, 1023),
    ],
)
def test_ranges(read_only: Repo, asked: str, first: int, last: int) -> None:
    answer = read_only.read("file", {"Range": asked})
    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/1024"
    assert answer.headers["Content-Length"] == str(last - first + 1)
    assert answer.headers["ETag"] == etag_of(DATA)
    assert answer.body == DATA[first : last + 1]


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=1024-",
        "bytes=5000-6000",
        "bytes=-0",
        "bytes=1000000000000000000-",
        "bytes=9999999999999999999-",
        "bytes=" + "9" * 5000 + "-",
    ],
)
def test_ranges_beyond_the_end(read_only: Repo, refused: Callable[..., None], asked: str) -> None:
    answer = read_only.read("file", {"Range": asked})
    refused(answer, 416, "1024 bytes", code="range_not_satisfiable")
    assert answer.headers["Content-Range"] == "bytes */1024"


@pytest.mark.parametrize(
    "asked", ["bytes=5-3", "bytes=-", "lines=1-2", "bytes=0-1,4-5", "bytes=a-b", "bytes=9999999999999999999-3"]
)
def test_what_is_no_single_range_is_answered_with_everything(read_only: Repo, asked: str) -> None:
    answer = read_only.read("file", {"Range": asked})
    assert (answer.status, answer.body) == (200, DATA)


def test_conditions(read_only: Repo, refused: Callable[..., None]) -> None:
    etag = etag_of(DATA)
    assert read_only.read("file", {"If-Match": f'"other", {etag}'}).status == 200
    assert read_only.read("file", {"If-Match": "*"}).status == 200
    refused(read_only.read("file", {"If-Match": '"other"'}), 412, etag, code="precondition_failed")
    unchanged = read_only.read("file", {"If-None-Match": f"W/{etag}"})
    assert (unchanged.status, unchanged.body, unchanged.headers["ETag"]) == (304, b"", etag)
    assert read_only.read("file", {"If-None-Match": '"other"'}).status == 200
    assert read_only.read("file", {"Range": "bytes=0-1", "If-Range": etag}).status == 206
    assert read_only.read("file", {"Range": "bytes=0-1", "If-Range": '"other"'}).status == 200


def test_large_objects_and_ranges_of_them(repo: Repo) -> None:
    data = DATA * 5000
    repo.commit({"large": data})
    assert repo.read("large").body == data
    assert repo.read("large", {"Range": "bytes=1000000-4000000"}).body == data[1_000_000:4_000_001]


def test_missing_objects(repo: Repo, refused: Callable[..., None]) -> None:
    refused(repo.get("/object", path="absent"), 404, "absent")
    refused(repo.get("/object", path="absent", session_id=repo.session()), 404, "absent", "session")


def test_session_and_ref_exclude_each_other(repo: Repo, refused: Callable[..., None]) -> None:
    query = {"session_id": repo.session(), "ref": repo.commit({"a": b"1"})}
    refused(repo.get("/object", path="a", **query), 400, "session_id and ref")
    refused(repo.get("/objects", **query), 400, "session_id and ref")


def test_metadata_comes_back_as_headers_and_in_listings(repo: Repo) -> None:
    metadata = {"plain": "a value", "unicode": "Grüße", "edges": " x ", "empty": "", "word": "=?x"}
    session = repo.session()
    repo.put(session, "a", b"1", metadata=metadata)
    headers = repo.read("a", session_id=session).headers
    assert headers["X-Tilde-Meta-plain"] == "a value"
    assert headers["X-Tilde-Meta-unicode"] == "=?UTF-8?B?R3LDvMOfZQ==?="
    assert headers["X-Tilde-Meta-edges"].startswith("=?UTF-8?B?")
    assert headers["X-Tilde-Meta-empty"] == ""
    assert repo.get("/objects", session_id=session).results[0]["entry"]["metadata"] == metadata


@pytest.mark.parametrize(
    "metadata", [{"a b": "x"}, {"": "x"}, {"é": "x"}, {"a:b": "x"}, {"k": "x" * 5000}, {"a": "x", "A": "x"}]
)
def test_metadata_that_does_not_fit_headers(repo: Repo, refused: Callable[..., None], metadata: dict[str, str]) -> None:
    session = repo.session()
    url, token = repo.begin(session, "a")
    repo.api.store("PUT", url, b"1")
    refused(repo.finalize(session, "a", token, metadata=metadata), 400, "metadata")


@pytest.mark.parametrize("content_type", ["text/plain\r\nX-Evil: 1", "é", " ", "x" * 257])
def test_content_types_that_do_not_fit_headers(repo: Repo, refused: Callable[..., None], content_type: str) -> None:
    session = repo.session()
    url, token = repo.begin(session, "a")
    repo.api.store("PUT", url, b"1")
    refused(repo.finalize(session, "a", token, content_type=content_type), 400, "content_type")


def test_finalize_checks_what_was_uploaded(repo: Repo, refused: Callable[..., None]) -> None:
    session = repo.session()
    url, token = repo.begin(session, "a")
    refused(repo.finalize(session, "a", token), 400, "nothing was uploaded", code="not_uploaded")
    repo.api.store("PUT", url, b"data")
    refused(repo.finalize(session, "a", token, size_bytes=5), 400, "size_bytes", "4", code="size_mismatch")
    refused(repo.finalize(session, "a", token, checksum="0" * 32), 400, "checksum", code="checksum_mismatch")
    assert repo.get("/changes", session_id=session).results == []
    checksum = hashlib.md5(b"data").hexdigest()
    assert repo.finalize(session, "a", token, size_bytes=4, checksum=checksum).status == 201


def test_tokens_are_bound_to_session_and_path(repo: Repo, refused: Callable[..., None]) -> None:
    session, other = repo.session(), repo.session()
    url, token = repo.begin(session, "a")
    repo.api.store("PUT", url, b"data")
    refused(repo.finalize(session, "b", token), 400, "another path", code="invalid_upload_token")
    refused(repo.finalize(other, "a", token), 400, "another session", code="invalid_upload_token")
    for forged in ("", "x", ".", token[:-1], "x" + token, token.partition(".")[0], token + "\u00e9"):
        refused(repo.finalize(session, "a", forged), 400, "upload_token", code="invalid_upload_token")


def test_finalizing_twice_is_harmless(repo: Repo) -> None:
    session = repo.session()
    url, token = repo.begin(session, "a")
    repo.api.store("PUT", url, b"first")
    first = repo.finalize(session, "a", token)
    assert (first.status, repo.finalize(session, "a", token).json) == (201, first.json)
    repo.put(session, "a", b"second")
    # A late retry answers as before, and does not bring back what was replaced since.
    assert repo.finalize(session, "a", token).json == first.json
    assert repo.read("a", session_id=session).body == b"second"


def test_the_last_put_before_finalize_counts(repo: Repo) -> None:
    session = repo.session()
    url, token = repo.begin(session, "a")
    repo.api.store("PUT", url, b"first")
    repo.api.store("PUT", url, b"second")
    assert repo.finalize(session, "a", token).status == 201
    repo.api.store("PUT", url, b"third")
    assert repo.read("a", session_id=session).body == b"second"


def test_uploads_of_unknown_length(repo: Repo) -> None:
    session = repo.session()
    url, token = repo.begin(session, "a")
    assert repo.api.store("PUT", url, iter([b"one ", b"two"])).status == 200
    repo.finalize(session, "a", token)
    assert repo.read("a", session_id=session).body == b"one two"


def test_a_body_that_breaks_off_never_becomes_an_object(tmp_path: Path, connect: Callable[[str, str], Api]) -> None:
    with Server(tmp_path) as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        session = repo.session()
        for framing in (b"Content-Length: 100\r\n\r\nonly a part", b"Transfer-Encoding: chunked\r\n\r\n5\r\nonly \r\n"):
            url, token = repo.begin(session, "a")
            address = urlsplit(url)
            with socket.create_connection(("127.0.0.1", address.port or 0)) as raw:
                request = f"PUT {address.path}?{address.query} HTTP/1.1\r\nHost: {address.netloc}\r\n"
                raw.sendall(request.encode() + framing)
                raw.shutdown(socket.SHUT_WR)
                assert b"200 OK" not in raw.recv(100)
            assert repo.finalize(session, "a", token).json["code"] == "not_uploaded"
    # Looked at only now, because stopping waits for what is still being tidied up.
    assert list((tmp_path / "tmp").iterdir()) == []
    assert list((tmp_path / "blobs").iterdir()) == []


def test_copies_share_the_bytes(repo: Repo, refused: Callable[..., None]) -> None:
    repo.commit({"a": b"1"})
    session = repo.session()
    query = {"session_id": session, "source_path": "a", "destination_path": "b"}
    for _ in range(2):
        answer = repo.call("POST", "/object/copy", query)
        assert (answer.status, answer.json) == (201, {"source_path": "a", "destination_path": "b"})
    repo.delete(session, "a")
    assert repo.read("b", session_id=session).body == b"1"
    assert repo.read("b", session_id=session).headers["ETag"] == etag_of(b"1")
    refused(repo.call("POST", "/object/copy", query), 404, "'a'")
    refused(repo.call("POST", "/object/copy", {"session_id": session}), 400, "source_path")


def test_deleting_is_harmless_and_unstages(repo: Repo) -> None:
    repo.commit({"a": b"1"})
    session = repo.session()
    repo.put(session, "b", b"2")
    for path in ("a", "a", "b", "never"):
        repo.delete(session, path)
    assert repo.get("/changes", session_id=session).results == [{"path": "a"}]
    repo.put(session, "a", b"back")
    assert repo.read("a", session_id=session).body == b"back"


def test_deleting_many_counts_distinct_paths(repo: Repo) -> None:
    repo.commit({f"p{number}": b"1" for number in range(4)})
    session = repo.session()
    body = {"paths": ["p0", "p1", "p1", "never"]}
    for _ in range(2):
        answer = repo.call("POST", "/objects/delete", {"session_id": session}, body)
        assert (answer.status, answer.json) == (200, {"deleted": 3})
    assert repo.get("/objects", session_id=session).paths == ["p2", "p3"]
    assert repo.get("/changes", session_id=session).paths == ["p0", "p1"]


def test_equal_bytes_are_stored_once(tmp_path: Path, connect: Callable[[str, str], Api]) -> None:
    with Server(tmp_path) as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        repo.commit({"a": b"same", "b": b"same", "c": b"other"})
        stored = sorted(path.name for path in (tmp_path / "blobs").glob("*/*"))
        assert stored == sorted(hashlib.sha256(data).hexdigest() for data in (b"same", b"other"))
        assert repo.read("b").body == b"same"
