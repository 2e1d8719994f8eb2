"""An object service in memory for a `FakeTransport`, that can be told to misbehave."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support import answer
from tilde_core.client import Client
from tilde_core.http import Request, Response
from tilde_core.resources.objects import CommitObjects, SessionObjects
from tilde_core.resources.sessions import Session

__all__ = ["ObjectService", "commit_objects", "session_objects"]

Override = Callable[[Request], "Response | None"]


def session_objects(client: Client) -> SessionObjects:
    return SessionObjects(client, "org", "repo", Session(client, "org", "repo", "s1"))


def commit_objects(client: Client) -> CommitObjects:
    return CommitObjects(client, "org", "repo", "c1")


class ObjectService:
    """Answers requests; `objects` has what is staged, `calls` what was asked, in order.

    Functions in `overrides` are asked first, and may answer in its place, or raise.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.details: dict[str, dict[str, Any]] = {}
        self.etags: dict[str, str] = {}
        self.stored: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.overrides: list[Override] = []
        self.has_multipart = True
        self.lock = threading.RLock()
        self._numbers = itertools.count(1)

    def __call__(self, request: Request) -> Response:
        with self.lock:
            self.calls.append(call_name(request))
        for override in list(self.overrides):
            found = override(request)
            if found is not None:
                return found
        with self.lock:
            return self._answer(call_name(request), request)

    def _answer(self, name: str, request: Request) -> Response:
        query = {key: values[0] for key, values in parse_qs(urlsplit(request.url).query).items()}
        if name.startswith("PUT store"):
            return self._store(request)
        if name.startswith("GET store"):
            return download(request, self.objects[urlsplit(request.url).path[1:]])
        body = json.loads(request.content) if request.content else {}  # type: ignore[arg-type]
        method: Callable[..., Response] = getattr(self, "_" + name.lower().replace(" ", "_").replace("/", "_"))
        return method(query, body)

    def _store(self, request: Request) -> Response:
        assert "authorization" not in request.headers
        assert request.headers["content-type"] == "application/octet-stream"
        assert isinstance(request.content, bytes)
        self.stored[urlsplit(request.url).path] = request.content
        return Response(200, {"ETag": f'"{hashlib.md5(request.content).hexdigest()}"'})

    def _ticket(self) -> str:
        return f"up-{next(self._numbers)}"

    def _put_object(self, query: dict[str, str], _: Any) -> Response:
        assert query["session_id"] == "s1"
        token = self._ticket()
        return answer(200, {"upload_url": f"https://store.test/{token}?sig=secret", "upload_token": token})

    def _post_object_finalize(self, query: dict[str, str], body: Any) -> Response:
        data = self.stored.pop("/" + body["upload_token"])
        assert body["size_bytes"] == len(data)
        return self._stage(query["path"], data, body, hashlib.md5(data).hexdigest())

    def _post_object_multipart(self, query: dict[str, str], _: Any) -> Response:
        if not self.has_multipart:
            return answer(501, {"message": "no multipart"})
        return answer(200, {"upload_id": self._ticket(), "upload_token": "token"})

    def _get_object_multipart_part(self, query: dict[str, str], _: Any) -> Response:
        url = f"https://store.test/{query['upload_id']}/{query['part_number']}?sig={next(self._numbers)}"
        return answer(200, {"upload_url": url})

    def _post_object_multipart_complete(self, query: dict[str, str], body: Any) -> Response:
        numbers = [part["part_number"] for part in body["parts"]]
        assert numbers == list(range(1, len(numbers) + 1))
        parts = [self.stored.pop(f"/{body['upload_id']}/{number}") for number in numbers]
        digests = [hashlib.md5(part) for part in parts]
        assert [f'"{digest.hexdigest()}"' for digest in digests] == [part["etag"] for part in body["parts"]]
        assert body["size_bytes"] == sum(map(len, parts))
        whole = hashlib.md5(b"".join(digest.digest() for digest in digests))
        return self._stage(query["path"], b"".join(parts), body, f"{whole.hexdigest()}-{len(parts)}")

    def _delete_object_multipart(self, query: dict[str, str], _: Any) -> Response:
        for key in [key for key in self.stored if key.startswith(f"/{query['upload_id']}/")]:
            del self.stored[key]
        return Response(204)

    def _stage(self, path: str, data: bytes, body: dict[str, Any], etag: str) -> Response:
        self.objects[path] = data
        self.details[path] = body
        self.etags[path] = etag
        return answer(201, {"path": path})

    def _get_object(self, query: dict[str, str], _: Any) -> Response:
        if query["path"] not in self.objects:
            return answer(404, {"message": "no such object", "code": "not_found"})
        return Response(307, {"Location": f"https://store.test/{query['path']}?sig=1"})

    def _head_object(self, query: dict[str, str], _: Any) -> Response:
        path = query["path"]
        if path not in self.objects:
            return Response(404)
        headers = headers_of(self.objects[path])
        if path in self.details:
            metadata = self.details[path].get("metadata", {})
            headers |= {"ETag": f'"{self.etags[path]}"', "Content-Type": self.details[path]["content_type"]}
            headers |= {f"X-Tilde-Meta-{name}": value for name, value in metadata.items()}
        return Response(200, headers)


def headers_of(data: bytes) -> dict[str, str]:
    return {
        "ETag": f'"{hashlib.md5(data).hexdigest()}"',
        "Content-Type": "text/plain",
        "Content-Length": str(len(data)),
        "X-Tilde-Reproducible": "true",
    }


def download(request: Request, data: bytes) -> Response:
    """Answer as an object store does."""
    assert "authorization" not in request.headers
    headers = headers_of(data)
    if request.headers.get("If-Match", headers["ETag"]) != headers["ETag"]:
        return Response(412)
    if "range" not in request.headers:
        return Response(200, headers, pieces(data))
    first, _, last = request.headers["range"].removeprefix("bytes=").partition("-")
    start, end = int(first), min(int(last or len(data)) + 1, len(data))
    if start >= len(data):
        return Response(416)
    part = {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}", "Content-Length": str(end - start)}
    return Response(206, {**headers, **part}, pieces(data[start:end]))


def pieces(data: bytes, size: int = 1000) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def call_name(request: Request) -> str:
    """`"PUT object"`, `"GET object/multipart/part"`, `"PUT store"`."""
    parts = urlsplit(request.url)
    return f"{request.method} {'store' if parts.netloc == 'store.test' else parts.path.rpartition('/repo/')[2]}"
