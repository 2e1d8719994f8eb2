"""What the server refuses before it looks at what is asked."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Repo


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.", "10.0.0.1", ""]
)
def test_foreign_hosts_are_refused(api: Api, refused: Callable[..., None], host: str) -> None:
    refused(api.call("GET", "/auth/me", headers={"Host": host}), 403, code="forbidden_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "[::1]:80"])
def test_the_names_of_loopback_are_welcome(api: Api, host: str) -> None:
    assert api.call("GET", "/auth/me", headers={"Host": host}).status == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1"])
def test_foreign_origins_are_refused_on_every_route(api: Api, refused: Callable[..., None], origin: str) -> None:
    refused(api.call("GET", "/auth/me", headers={"Origin": origin}), 403, code="forbidden_origin")
    refused(api.wire.send("GET", "/store/objects/00", None, {"Origin": origin}), 403, code="forbidden_origin")


def test_the_own_origin_is_fine(api: Api) -> None:
    assert api.call("GET", "/auth/me", headers={"Origin": api.endpoint_url}).status == 200


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic bG9jYWw6bG9jYWw=", "Bearer tuk-wrong", "tuk-wrong"])
@pytest.mark.parametrize("path", ["/auth/me", "/organizations", "/nothing/here", "/organizations/x/repositories/y"])
def test_every_call_needs_a_token(api: Api, refused: Callable[..., None], path: str, value: str) -> None:
    answer = api.call("GET", path, headers={"Authorization": value})
    refused(answer, 401, "API key", code="unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_scheme_is_compared_without_case(api: Api) -> None:
    assert api.call("GET", "/auth/me", headers={"Authorization": f"bEaReR {api.api_key}"}).status == 200


def test_unknown_paths_and_methods(api: Api, refused: Callable[..., None]) -> None:
    refused(api.call("GET", "/nothing"), 404, "/api/v1/nothing")
    refused(api.call("GET", "/organizations/"), 404)
    answer = api.call("PATCH", "/organizations")
    refused(answer, 405, "PATCH")
    assert answer.headers["Allow"] == "GET, POST"


def test_errors_of_head_have_no_body(repo: Repo) -> None:
    answer = repo.call("HEAD", "/object", {"path": "absent"})
    assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ["body"]),
        (b"{", ["not JSON"]),
        (b'{"name": "\xff"}', ["not JSON"]),
        (b'{"x":' + b"[" * 100_000, ["not JSON"]),
        (b'{"name": "\\ud800", "display_name": "x"}', ["not JSON"]),
        (b"[]", ["body", "expected object, got array"]),
        (b"{}", ["name: required, but missing"]),
        (b'{"name": "abc"}', ["display_name: required, but missing"]),
        (b'{"name": 1, "display_name": "x"}', ["name: expected str, got int"]),
        (b'{"name": null, "display_name": "x"}', ["name: expected str, got null"]),
        (b'{"name": "A b", "display_name": "x"}', ["name: must match"]),
        (b'{"name": "abc", "display_name": " "}', ["display_name: cannot be empty"]),
    ],
)
def test_json_of_the_wrong_shape_names_the_field(
    api: Api, refused: Callable[..., None], body: bytes, words: list[str]
) -> None:
    refused(api.call("POST", "/organizations", body=body), 400, *words)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/sessions/{session}", {}, "message: required"),
        ("/sessions/{session}", {"message": " "}, "message: cannot be empty"),
        ("/sessions/{session}", {"message": "m", "metadata": {"k": 1}}, "metadata['k']: expected str, got int"),
        ("/sessions/{session}", {"message": "m", "metadata": []}, "metadata: expected object, got array"),
        ("/object/finalize", {"upload_token": []}, "upload_token: expected str, got array"),
        ("/object/finalize", {"upload_token": "", "size_bytes": "1"}, "size_bytes: expected int, got str"),
        ("/object/multipart/complete", {"upload_token": "", "upload_id": ""}, "parts: required"),
        (
            "/object/multipart/complete",
            {"upload_token": "", "upload_id": "", "parts": [{"part_number": 1}]},
            "parts[0].etag: required",
        ),
        (
            "/object/multipart/complete",
            {"upload_token": "", "upload_id": "", "parts": [{"part_number": 1.5, "etag": ""}]},
            "parts[0].part_number: expected int, got float",
        ),
        ("/objects/delete", {"paths": "a"}, "paths: expected array, got str"),
        ("/objects/delete", {"paths": []}, "paths: expected 1 to 1000 paths, got 0"),
        ("/objects/delete", {"paths": ["a"] * 1001}, "paths: expected 1 to 1000 paths, got 1001"),
        ("/objects/delete", {"paths": ["a", "/b"]}, "paths[1]: an object path does not start with '/'"),
        ("/objects/delete", {"paths": ["a"], "force": True}, "force: no such field"),
        ("/commits/0123456789/revert", {"message": 5}, "message: expected str, got int"),
    ],
)
def test_nested_fields_are_named(
    repo: Repo, refused: Callable[..., None], path: str, body: dict[str, Any], field: str
) -> None:
    session = repo.session()
    answer = repo.call("POST", path.format(session=session), {"session_id": session, "path": "a"}, body)
    refused(answer, 400, field)


@pytest.mark.parametrize("amount", ["0", "-1", "1001", "ten", "1.0", "", "9" * 5000, "\u0661"])
@pytest.mark.parametrize("path", ["/objects", "/log", "/diff", "/changes"])
def test_amount_is_1_to_1000(repo: Repo, refused: Callable[..., None], path: str, amount: str) -> None:
    refused(repo.get(path, amount=amount, session_id=repo.session()), 400, "amount: expected an integer from 1 to 1000")


def test_queries_are_read_strictly(api: Api, repo: Repo, refused: Callable[..., None]) -> None:
    refused(api.call("GET", f"{repo.root}/objects?prefix=a&prefix=b"), 400, "prefix: given more than once")
    refused(api.call("GET", f"{repo.root}/objects?prefix=%ff"), 400, "UTF-8")
    refused(repo.get("/object"), 400, "path: a required query parameter is missing")
    refused(repo.call("PUT", "/object", {"path": "a"}), 400, "session_id: a required query parameter is missing")
    assert repo.get("/objects", unheard_of="x").status == 200


@pytest.mark.parametrize("path", ["", "/a", "a\x00b", "a\nb", "a\x7f", "x" * 1025, "é" * 513])
def test_paths_that_no_object_can_have(repo: Repo, refused: Callable[..., None], path: str) -> None:
    session = repo.session()
    for method in ("PUT", "DELETE"):
        refused(repo.call(method, "/object", {"session_id": session, "path": path}), 400, "path: an object path")
    refused(repo.get("/object", path=path), 400, "path: an object path")
    query = {"session_id": session, "source_path": "a", "destination_path": path}
    refused(repo.call("POST", "/object/copy", query), 400, "destination_path: an object path")


def test_a_huge_body_is_refused_before_it_is_kept(api: Api, refused: Callable[..., None]) -> None:
    refused(api.call("POST", "/organizations", body=b" " * (16 * 1024 * 1024 + 1)), 413, code="body_too_large")


def test_keys_of_maps_are_named(repo: Repo, refused: Callable[..., None]) -> None:
    path = f"{repo.root}/sessions/{repo.session()}"
    for body, field in (
        (b'{"metadata": {"fine": "x", "a b\\u0000": null}}', "metadata['a b\\x00']: expected str, got null"),
        # What is not even JSON further on, or repeated, cannot be named; it is refused all the same.
        (b'{"metadata": {"k": 1}', "metadata[...]: expected str, got int"),
        (b'{"metadata": {"k": 1}, "metadata": 2}', "metadata[...]: expected str, got int"),
        (b'{"metadata": {"k": 1, "k": "x"}}', "metadata[...]: expected str, got int"),
    ):
        refused(repo.api.call("POST", path, body=body), 400, field)


def test_wrong_values_have_one_code(api: Api, repo: Repo, refused: Callable[..., None]) -> None:
    session = repo.session()
    for days in (0, "x"):
        refused(repo.call("PUT", "", None, {"retention_days": days}), 400, "retention_days", code="bad_request")
    for body in ({"message": ""}, {"message": 1}, {}):
        refused(repo.call("POST", f"/sessions/{session}", None, body), 400, "message", code="bad_request")
    for paths in ([], [""], "a"):
        answer = repo.call("POST", "/objects/delete", {"session_id": session}, {"paths": paths})
        refused(answer, 400, "paths", code="bad_request")
    refused(repo.get("/objects", amount=0), 400, "amount", code="bad_request")


def test_an_encoded_slash_separates_nothing(api: Api, repo: Repo, refused: Callable[..., None]) -> None:
    organization, _, rest = repo.root.removeprefix("/organizations/").partition("/")
    session = repo.session()
    for path in (
        f"/organizations/{organization}%2F{rest}",
        f"/organizations/{organization}%2f{rest.replace('/', '%2f')}",
        f"/organizations%2F{organization}/{rest}",
        f"{repo.root}%2Fsessions%2F{session}",
        f"{repo.root}/sessions%2F{session}",
    ):
        refused(api.call("DELETE", path), 404)
    assert repo.get("/objects", session_id=session).status == 200
    refused(api.call("GET", f"/organizations/{organization}%2Fx"), 404, f"'{organization}/x'")
    # Encoding what needs none changes nothing.
    assert api.call("GET", f"/organizations/%{ord(organization[0]):02x}{organization[1:]}").status == 200
    url, _ = repo.begin(session, "a")
    target, _, query = url.partition("?")
    refused(api.store("PUT", f"{target.replace('uploads/', 'uploads%2F')}?{query}", b""), 401)


@pytest.mark.parametrize("name", ["session_id", "ref"])
def test_an_empty_name_is_not_an_absent_one(repo: Repo, refused: Callable[..., None], name: str) -> None:
    repo.commit({"a": b"1"})
    refused(repo.get("/object", path="a", **{name: ""}), 404, "''")
    refused(repo.get("/objects", **{name: ""}), 404, "''")
    refused(repo.get("/objects", session_id="", ref=""), 400, "exclude")
    assert repo.call("HEAD", "/object", {"path": "a", name: ""}).status == 404


def test_empty_names_in_log_and_diff(repo: Repo, refused: Callable[..., None]) -> None:
    commit, session = repo.commit({"a": b"1"}), repo.session()
    for name in ("ref", "after"):
        refused(repo.get("/log", **{name: ""}), 404, "''")
    refused(repo.get("/log", object=""), 400, "object: an object path cannot be empty")
    refused(repo.get("/diff", session_id=""), 404, "''")
    refused(repo.get("/diff", left=commit, right=""), 404, "''")
    refused(repo.get("/diff", left="", right=commit), 404, "''")
    refused(repo.get("/diff", session_id=session, left=""), 400, "excludes")
    refused(repo.get("/changes", session_id=""), 404, "''")
    assert repo.get("/log", prefix="").results == repo.get("/log").results


@pytest.mark.parametrize(
    ("head", "status"),
    [
        # Only HTTP/1.0 may come without a Host. Two are refused by h11, which the guard relies on.
        ("GET /api/v1/auth/me HTTP/1.0\r\n", b"403"),
        ("GET /api/v1/auth/me HTTP/1.0\r\nHost: localhost\r\nHost: evil.example\r\n", b"400"),
        ("GET /api/v1/auth/me HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n", b"400"),
        ("GET /api/v1/auth/me HTTP/1.1\r\n", b"400"),
    ],
)
def test_a_request_has_exactly_one_host(api: Api, head: str, status: bytes) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(api.endpoint_url).port or 0)) as raw:
        raw.sendall(f"{head}Authorization: Bearer {api.api_key}\r\n\r\n".encode())
        assert raw.recv(1000).split()[1] == status
