"""A small client on `http.client`, so that the server is tested without the SDK that is built on it."""

from __future__ import annotations

import hashlib
import http.client
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import websocket

from tilde_local import Server

_numbers = itertools.count()
_INLINE = (
    "CreateSession()\nCommitSession()\nRollbackSession()\nPutObject()\nListObjects()\nGetObject()\nRevertCommit()\n"
)


class Answer:
    def __init__(self, status: int, headers: http.client.HTTPMessage, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def results(self) -> list[Any]:
        results: list[Any] = self.json["results"]
        return results

    @property
    def paths(self) -> list[str]:
        return [each["path"] for each in self.results]

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:300]!r}>"


class Wire:
    """One connection. `send` sends exactly what it is told."""

    def __init__(self, endpoint_url: str) -> None:
        self._address = urlsplit(endpoint_url).netloc
        self._connection = http.client.HTTPConnection(self._address, timeout=60)

    def send(
        self, method: str, target: str, body: bytes | Iterator[bytes] | None, headers: Mapping[str, str]
    ) -> Answer:
        self._connection.request(method, target, body, dict(headers))
        response = self._connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def close(self) -> None:
        self._connection.close()


class Api:
    """Calls as one user."""

    def __init__(self, endpoint_url: str, api_key: str) -> None:
        self.endpoint_url = endpoint_url
        self.api_key = api_key
        self.wire = Wire(endpoint_url)

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        json_body: Any = None,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        target = f"/api/v1{path}" + (f"?{urlencode(query)}" if query else "")
        content = json.dumps(json_body).encode() if json_body is not None else body
        sent = {"Authorization": f"Bearer {self.api_key}", **(headers or {})}
        return self.wire.send(method, target, content, sent)

    def store(
        self,
        method: str,
        url: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A request to a presigned URL: without the API key."""
        assert url.startswith(self.endpoint_url)
        return self.wire.send(method, url.removeprefix(self.endpoint_url), body, headers or {})

    def new_repository(self, **settings: Any) -> Repo:
        organization = f"org-{next(_numbers)}"
        created = self.call("POST", "/organizations", None, {"name": organization, "display_name": "Org"})
        assert created.status == 201, created
        body = {"name": "data", **settings}
        created = self.call("POST", f"/organizations/{organization}/repositories", None, body)
        assert created.status == 201, created
        return self.repository(f"/organizations/{organization}/repositories/data")

    def repository(self, root: str) -> Repo:
        """One that exists already."""
        return Repo(self, root)

    def close(self) -> None:
        self.wire.close()


class Repo:
    """One repository, and the steps that most tests begin with."""

    def __init__(self, api: Api, root: str) -> None:
        self.api = api
        self.root = root

    def call(self, method: str, path: str, query: Mapping[str, Any] | None = None, json_body: Any = None) -> Answer:
        return self.api.call(method, self.root + path, query, json_body)

    def get(self, path: str, /, **query: Any) -> Answer:
        return self.call("GET", path, query)

    def session(self) -> str:
        answer = self.call("POST", "/sessions")
        assert answer.status == 201, answer
        return str(answer.json["session_id"])

    def begin(self, session: str, path: str) -> tuple[str, str]:
        answer = self.call("PUT", "/object", {"session_id": session, "path": path})
        assert answer.status == 200, answer
        return answer.json["upload_url"], answer.json["upload_token"]

    def finalize(self, session: str, path: str, token: str, **more: Any) -> Answer:
        query = {"session_id": session, "path": path}
        return self.call("POST", "/object/finalize", query, {"upload_token": token, **more})

    def put(self, session: str, path: str, data: bytes, **more: Any) -> str:
        """Upload and finalize; the ETag."""
        url, token = self.begin(session, path)
        uploaded = self.api.store("PUT", url, data)
        assert uploaded.status == 200, uploaded
        assert uploaded.headers["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
        answer = self.finalize(session, path, token, **more)
        assert answer.status == 201, answer
        return str(answer.json["etag"])

    def delete(self, session: str, path: str) -> None:
        answer = self.call("DELETE", "/object", {"session_id": session, "path": path})
        assert answer.status == 204, answer

    def try_commit(self, session: str, message: str = "change", **more: Any) -> Answer:
        return self.call("POST", f"/sessions/{session}", None, {"message": message, **more})

    def commit(self, changes: Mapping[str, bytes | None], message: str = "change", **more: Any) -> str:
        """One commit that puts, or with None deletes, each path; its id."""
        session = self.session()
        for path, data in changes.items():
            if data is None:
                self.delete(session, path)
            else:
                self.put(session, path, data)
        answer = self.try_commit(session, message, **more)
        assert answer.status == 200, answer
        return str(answer.json["commit_id"])

    def sandbox(self, *command: str, **more: Any) -> Sandbox:
        """Create one that runs `command`."""
        answer = self.call("POST", "/sandboxes", None, {"image": "python:3.12", "command": list(command), **more})
        assert answer.status == 201, answer
        return self.sandbox_of(answer.json["sandbox_id"])

    def sandbox_of(self, sandbox_id: str) -> Sandbox:
        """One that exists already."""
        return Sandbox(self, sandbox_id)

    def read(self, path: str, headers: Mapping[str, str] | None = None, /, **query: Any) -> Answer:
        """GET /object and what it redirects to."""
        answer = self.get("/object", path=path, **query)
        if answer.status != 307:
            return answer
        return self.api.store("GET", answer.headers["Location"], None, headers)


class Sandbox:
    """One sandbox, seen from outside."""

    def __init__(self, repo: Repo, sandbox_id: str) -> None:
        self.repo = repo
        self.id = sandbox_id
        self.path = f"/sandboxes/{sandbox_id}"

    def call(self, method: str, path: str = "") -> Answer:
        return self.repo.call(method, self.path + path)

    @property
    def record(self) -> Any:
        return self.call("GET").json

    @property
    def state(self) -> tuple[str, str]:
        status = self.call("GET", "/status").json
        return status["status"], status["status_reason"]

    def log(self, name: str = "stdout") -> str:
        """The whole log: waits until the sandbox has ended."""
        answer = self.call("GET", f"/logs/{name}")
        assert answer.status == 200, answer
        return answer.body.decode()

    def network(self) -> list[Any]:
        return [json.loads(line) for line in self.log("network").splitlines()]

    def end(self) -> Any:
        """How it ended."""
        self.log()
        return self.call("GET", "/status").json

    @contextmanager
    def follow(self) -> Iterator[http.client.HTTPResponse]:
        """Its log as it comes."""
        connection = http.client.HTTPConnection(urlsplit(self.repo.api.endpoint_url).netloc, timeout=60)
        headers = {"Authorization": f"Bearer {self.repo.api.api_key}"}
        with closing(connection):
            connection.request("GET", f"/api/v1{self.repo.root}{self.path}/logs/stdout", None, headers)
            with closing(connection.getresponse()) as response:
                yield response

    @contextmanager
    def connect(self, path: str = "/exec", **options: Any) -> Iterator[websocket.WebSocket]:
        """A WebSocket. Raises WebSocketBadStatusException."""
        url = self.repo.api.endpoint_url.replace("http", "ws", 1)
        headers = [f"Authorization: Bearer {self.repo.api.api_key}", *options.pop("header", ())]
        socket = websocket.create_connection(
            f"{url}/api/v1{self.repo.root}{self.path}{path}", header=headers, timeout=60, **options
        )
        try:
            yield socket
        finally:
            socket.shutdown()  # type: ignore[no-untyped-call]

    def run(self, *command: str, stdin: bytes = b"", **launch: Any) -> Ran:
        """Run a command in it, to its end."""
        with self.connect() as socket:
            socket.send_binary(b"\x00" + json.dumps({"cmd": command, **launch}).encode())
            if stdin:
                socket.send_binary(b"\x01" + stdin)
            socket.send_binary(b"\x02")
            return Ran.read(socket)


@dataclass
class Ran:
    """What a command in a sandbox printed, and how it ended."""

    stdout: bytes = b""
    stderr: bytes = b""
    exit: Any = None

    @classmethod
    def read(cls, socket: websocket.WebSocket) -> Ran:
        """Everything up to the exit frame, behind which the connection is closed."""
        ran = cls()
        while ran.exit is None:
            frame = socket.recv()
            assert isinstance(frame, bytes)
            if frame[0] == 3:
                ran.stdout += frame[1:]
            elif frame[0] == 4:
                ran.stderr += frame[1:]
            else:
                assert frame[0] == 5
                ran.exit = json.loads(frame[1:])
        assert socket.recv() in ("", b"")
        return ran


class Gated:
    """A repository that requires approval, its administrator and an agent."""

    def __init__(self, server: Server, connect: Callable[[str, str], Api], api: Api) -> None:
        self.server, self.connect = server, connect
        self.owner = api.new_repository()
        self.first = self.owner.commit({"old.txt": b"old"})
        self.name = self.owner.root.replace("/organizations/", "").replace("/repositories", "")
        self.organization = self.owner.root.removesuffix("/repositories/data")
        server.require_approval(self.name)
        self.agent = self.as_owner(self.make_agent("writer"))

    def make_agent(self, name: str) -> str:
        self.make("/agents", {"name": name, "inline_policy": _INLINE + "ApproveSession()\n"})
        return str(self.make(f"/agents/{name}/auth/keys", {"name": "k"})["token"])

    def make(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.owner.api.call("POST", self.organization + path, None, body)
        assert answer.status == 201, answer
        return answer.json

    def as_owner(self, token: str) -> Repo:
        return self.connect(self.server.endpoint_url, token).repository(self.owner.root)

    def submit(self, path: str = "new.txt", **more: Any) -> str:
        session = self.agent.session()
        self.agent.put(session, path, b"new")
        assert self.agent.try_commit(session, "add new", **more).status == 202
        return session

    def review(self, session: str, method: str = "GET", caller: Repo | None = None, **body: Any) -> Answer:
        return (caller or self.owner).call(method, f"/sessions/{session}/approve", None, body or None)

    def newest(self) -> Any:
        return self.owner.get("/log").results[0]


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **amount: float) -> None:
        self.now += timedelta(**amount)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def running(shared_server: Server) -> Callable[[Sandbox], Sandbox]:
    """Waits until a sandbox runs."""

    def wait(sandbox: Sandbox) -> Sandbox:
        assert shared_server.services.sandboxes.wait_until(lambda: sandbox.state == ("running", ""), 60)
        return sandbox

    return wait


@pytest.fixture
def ran() -> Callable[[websocket.WebSocket], Ran]:
    """Reads what a command sends, to its exit."""
    return Ran.read


@pytest.fixture
def connect() -> Iterator[Callable[[str, str], Api]]:
    """Makes clients that are closed at the end of the test."""
    made: list[Api] = []

    def make(endpoint_url: str, api_key: str) -> Api:
        made.append(Api(endpoint_url, api_key))
        return made[-1]

    yield make
    for api in made:
        api.close()


@pytest.fixture
def api(shared_server: Server, connect: Callable[[str, str], Api]) -> Api:
    return connect(shared_server.endpoint_url, shared_server.api_key)


@pytest.fixture
def repo(api: Api) -> Repo:
    return api.new_repository()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed_repo(clock: Clock, connect: Callable[[str, str], Api]) -> Iterator[Repo]:
    """A repository on a server whose time is `clock`."""
    with Server(clock=clock) as server:
        yield connect(server.endpoint_url, server.api_key).new_repository()


def expect_error(answer: Answer, status: int, *words: str, code: str | None = None) -> None:
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json) == {"message", "code", "request_id"}
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    for word in words:
        assert word in answer.json["message"], answer
    if code is not None:
        assert answer.json["code"] == code


@pytest.fixture
def refused() -> Callable[..., None]:
    """Asserts that an answer is an error of a status, with words in its message."""
    return expect_error


@pytest.fixture
def gate(connect: Callable[[str, str], Api]) -> Callable[[Server], Gated]:
    """Makes a repository whose agents need approval, on a server."""
    return lambda server: Gated(server, connect, connect(server.endpoint_url, server.api_key))


@pytest.fixture
def gated(shared_server: Server, gate: Callable[[Server], Gated]) -> Gated:
    return gate(shared_server)
