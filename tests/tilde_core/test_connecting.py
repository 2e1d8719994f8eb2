"""WebSockets through hooks and pipeline: which connector, with which token, repeated when, and with what errors."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support import FakeClock, Observer, answer, fake_client
from tilde import Client
from tilde.exceptions import (
    APIError,
    AuthenticationError,
    ConfigurationError,
    ForbiddenError,
    GoneError,
    NotSentError,
    OutcomeUnknownError,
    PluginError,
    SerializationError,
    ServerError,
    TransportError,
)
from tilde.plugins import (
    CredentialOffer,
    Request,
    RequestFinished,
    RequestStarted,
    RetryScheduled,
    Timeout,
    TransportSettings,
    WebSocket,
    WebSocketOffer,
    hookimpl,
)
from tilde_core.operation import Operation
from tilde_core.testing import LoopbackServer, ServerWebSocket, behaviors, websocket
from tilde_core.websocket.connector import WebsocketClientConnector

EXEC = Operation(name="shell.run", method="GET", path="/sandboxes/s1/exec", query={"a": "b c", "none": None})
FORBIDDEN = {"message": "you may not run commands", "code": "forbidden", "request_id": "req-9"}


class Opened:
    """A connection that gives what it is told."""

    def __init__(self, *messages: Any) -> None:
        self.messages = list(messages)
        self.sent: list[bytes] = []
        self.closed = 0

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def receive(self, timeout: float | None = None) -> bytes | None:
        message: bytes | None = self.messages.pop(0)
        if isinstance(message, Exception):
            raise message
        return message

    def close(self) -> None:
        self.closed += 1


class Connector:
    """Answers from a list; an exception in it is raised."""

    def __init__(self, answers: Iterable[Any] = ()) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.closed = False

    def connect(self, request: Request) -> Any:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed = True


class Plugin:
    def __init__(self, connector: object, name: str = "mine", priority: int = 10) -> None:
        self.offer = WebSocketOffer(name, priority, lambda settings: connector)  # type: ignore[arg-type,return-value]

    @hookimpl
    def tilde_websocket(self) -> WebSocketOffer:
        return self.offer


def connecting(*answers: Any, **options: Any) -> tuple[Client, Connector, FakeClock]:
    connector = Connector(answers)
    client, transport, clock = fake_client([], websocket=connector, **options)
    assert transport.requests == []
    return client, connector, clock


def test_what_goes_out() -> None:
    opened = Opened()
    client, connector, _ = connecting(opened, user_agent="my-app/2.0", timeout=Timeout(read=7))
    assert client.pipeline.connect(EXEC) is opened
    (request,) = connector.requests
    assert request.url == "wss://tilde.test/api/v1/sandboxes/s1/exec?a=b+c"
    assert (request.method, request.operation, request.attempt) == ("GET", "shell.run", 1)
    assert request.headers["Authorization"] == "Bearer tuk-test"
    assert request.headers["User-Agent"].endswith(" my-app/2.0")
    assert request.timeout.read == 7
    assert "tuk-test" not in repr(request)


def test_a_plain_endpoint_is_asked_plainly() -> None:
    client, connector, _ = connecting(Opened(), endpoint_url="http://127.0.0.1:8000/tilde")
    client.pipeline.connect(EXEC)
    assert connector.requests[0].url == "ws://127.0.0.1:8000/tilde/api/v1/sandboxes/s1/exec?a=b+c"


@pytest.mark.parametrize(
    ("status", "kind"), [(400, APIError), (403, ForbiddenError), (410, GoneError), (307, APIError), (503, ServerError)]
)
def test_a_refusal_becomes_the_error_that_it_is_elsewhere(status: int, kind: type[APIError]) -> None:
    client, _, _ = connecting(answer(status, FORBIDDEN), max_retries=0)
    with pytest.raises(kind, match=r"^shell\.run: you may not run commands \(HTTP .* req-9\)$") as caught:
        client.pipeline.connect(EXEC)
    assert (caught.value.status_code, caught.value.code) == (status, "forbidden")
    assert caught.value.url == "https://tilde.test/api/v1/sandboxes/s1/exec"


def test_a_success_that_is_no_websocket_is_an_error() -> None:
    client, _, _ = connecting(answer(200, {"hello": "world"}, X_Request_Id="req-1"))
    with pytest.raises(SerializationError, match=r"answered 200 instead of opening a WebSocket.*proxy.*req-1"):
        client.pipeline.connect(EXEC)


@pytest.mark.parametrize(
    "failure", [answer(429), answer(503, FORBIDDEN), NotSentError("refused"), OutcomeUnknownError("lost")]
)
def test_what_did_nothing_is_repeated(failure: Any) -> None:
    opened = Opened()
    client, connector, clock = connecting(failure, failure, opened)
    assert client.pipeline.connect(EXEC) is opened
    assert [request.attempt for request in connector.requests] == [1, 2, 3]
    assert len(clock.sleeps) == 2


def test_it_is_given_up_some_time() -> None:
    client, connector, _ = connecting(*[answer(503)] * 4)
    with pytest.raises(ServerError, match="gave up after 4 attempts"):
        client.pipeline.connect(EXEC)
    assert len(connector.requests) == 4


class Tokens:
    """A token that is refused once, and another."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def token(self) -> str:
        return f"t{len(self.refused) + 1}"

    def invalidate(self, token: str) -> bool:
        self.refused.append(token)
        return len(self.refused) == 1

    @hookimpl
    def tilde_credentials(self) -> CredentialOffer:
        return CredentialOffer("tokens", 1, lambda settings: self)


def test_a_refused_token_is_replaced_once() -> None:
    tokens, opened = Tokens(), Opened()
    client, connector, _ = connecting(answer(401), opened, plugins=[tokens], credentials="tokens")
    assert client.pipeline.connect(EXEC) is opened
    assert [request.headers["Authorization"] for request in connector.requests] == ["Bearer t1", "Bearer t2"]
    tokens, connector.answers = Tokens(), [answer(401), answer(401)]
    client, connector, _ = connecting(answer(401), answer(401), plugins=[tokens], credentials="tokens")
    with pytest.raises(AuthenticationError):
        client.pipeline.connect(EXEC)
    assert tokens.refused == ["t1"]


def test_events_tell_of_it() -> None:
    observer = Observer()
    client, _, _ = connecting(answer(503), Opened(), plugins=[observer])
    client.pipeline.connect(EXEC)
    kinds = [type(event) for event in observer.events]
    assert kinds == [RequestStarted, RequestFinished, RetryScheduled, RequestStarted, RequestFinished]
    last = observer.events[-1]
    assert isinstance(last, RequestFinished)
    assert (last.status, last.method, last.attempt) == (101, "GET", 2)
    assert last.url == "wss://tilde.test/api/v1/sandboxes/s1/exec"


def chosen(client: Client) -> str:
    return client._runtime.hooks._choose_websocket(client.config.websocket.value).offer.name


def test_the_choice(monkeypatch: pytest.MonkeyPatch, no_settings: Path) -> None:
    plugins = [Plugin(None, "a", -1), Plugin(None, "b", -2)]
    assert chosen(Client(plugins=plugins)) == "websocket-client"
    assert chosen(Client(plugins=[*plugins, Plugin(None, "d", 5), Plugin(None, "c", 5)])) == "c"
    (no_settings / ".tilde").mkdir()
    (no_settings / ".tilde" / "config.yaml").write_text("websocket: a\n")
    assert chosen(Client(plugins=plugins)) == "a"
    monkeypatch.setenv("TILDE_WEBSOCKET", "b")
    assert chosen(Client(plugins=plugins)) == "b"
    assert chosen(Client(plugins=plugins, websocket="a")) == "a"
    with pytest.raises(ConfigurationError, match=r"named 'x' \(argument websocket\); installed: 'websocket-client'"):
        Client(websocket="x")
    with pytest.raises(ConfigurationError, match="websocket must be a name or a WebSocketConnector, not int"):
        Client(websocket=7)  # type: ignore[arg-type]


def test_without_any_it_says_which_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILDE_DISABLE_PLUGINS", "websocket-connector")
    client, _, _ = fake_client([])
    with pytest.raises(ConfigurationError, match=r"no WebSocket connector; installed: none.*websocket-connector"):
        client.pipeline.connect(EXEC)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (7, "answered int to open of 'mine', which is not a WebSocketConnector"),
        (None, "answered None to open of 'mine'"),
        (Connector(["open"]), r"answered str to connect\(\) instead of a WebSocket or a Response"),
        (Connector([ZeroDivisionError("x")]), r"failed in connect\(\): ZeroDivisionError"),
    ],
)
def test_wrong_answers_name_the_plugin(given: Any, message: str) -> None:
    client, _, _ = fake_client([], plugins=[Plugin(given)])
    with pytest.raises(PluginError, match=message) as caught:
        client.pipeline.connect(EXEC)
    assert "plugin Plugin (given to the client)" in str(caught.value)


def test_what_a_connection_of_a_plugin_gives_is_checked() -> None:
    inner = Opened(b"a", None, "text", ZeroDivisionError("x"), TimeoutError(), TimeoutError(), OutcomeUnknownError("y"))
    client, _, _ = fake_client([], plugins=[Plugin(Connector([inner]))])
    opened = client.pipeline.connect(EXEC)
    assert isinstance(opened, WebSocket)
    assert (opened.receive(), opened.receive(1)) == (b"a", None)
    with pytest.raises(PluginError, match=r"answered str to receive\(\) instead of bytes or None"):
        opened.receive()
    with pytest.raises(PluginError, match=r"failed in receive\(\): ZeroDivisionError"):
        opened.receive()
    with pytest.raises(TimeoutError):
        opened.receive(1)
    with pytest.raises(PluginError, match=r"failed in receive\(\): TimeoutError"):
        opened.receive()
    with pytest.raises(OutcomeUnknownError, match="y"):
        opened.receive()
    opened.send(b"b")
    opened.close()
    assert (inner.sent, inner.closed) == ([b"b"], 1)


def test_it_is_opened_once_and_closed_with_the_client() -> None:
    connector, seen = Connector([Opened(), Opened()]), []

    def open_it(settings: TransportSettings) -> Connector:
        seen.append(settings)
        return connector

    plugin = Plugin(connector)
    plugin.offer = WebSocketOffer("mine", 10, open_it)
    with fake_client([], plugins=[plugin])[0] as client:
        client.pipeline.connect(EXEC)
        client.with_options(timeout=1).pipeline.connect(EXEC)
        assert seen == [TransportSettings()]
    assert connector.closed
    with pytest.raises(ConfigurationError, match="the client is closed"):
        client.pipeline.connect(EXEC)


def test_a_client_that_opened_none_closes_and_one_with_its_own_pickles() -> None:
    client, _, _ = connecting()
    client.close()
    assert not client._runtime.given_websocket.closed  # type: ignore[union-attr]
    with pickle.loads(pickle.dumps(Client("key", websocket=WebsocketClientConnector()))) as copy:
        assert isinstance(copy._runtime.given_websocket, WebsocketClientConnector)


def test_a_forked_child_opens_its_own() -> None:
    client, connector, _ = connecting(Opened())
    client.pipeline.connect(EXEC)
    client._runtime.after_fork_in_child()
    assert client._runtime._websocket is None
    assert connector in client._runtime._left_to_parent
    assert not connector.closed


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as server:
        yield server


def real_client(server: LoopbackServer, **options: Any) -> Client:
    return fake_client([], endpoint_url=server.url().rstrip("/"), **options)[0]


def test_over_a_real_socket(server: LoopbackServer) -> None:
    def serve(peer: ServerWebSocket) -> None:
        peer.send(b"hello " + (peer.receive() or b""))
        peer.close()

    server.enqueue(behaviors.answer(503, b"not yet"), websocket(serve))
    with real_client(server) as client:
        opened = client.pipeline.connect(EXEC)
        opened.send(b"world")
        assert (opened.receive(5), opened.receive(5)) == (b"hello world", None)
        opened.close()
    assert [request.header("Authorization") for request in server.requests] == [["Bearer tuk-test"]] * 2
    assert [request.target for request in server.requests] == ["/api/v1/sandboxes/s1/exec?a=b+c"] * 2


def test_the_message_of_the_service_is_in_the_error(server: LoopbackServer) -> None:
    server.enqueue(behaviors.chunked([json.dumps(FORBIDDEN).encode()]))
    server.enqueue(behaviors.answer(403, json.dumps(FORBIDDEN).encode()))
    with real_client(server) as client:
        with pytest.raises(SerializationError):
            client.pipeline.connect(EXEC)
        with pytest.raises(ForbiddenError, match=r"you may not run commands.*req-9"):
            client.pipeline.connect(EXEC)


def test_a_client_that_is_closed_ends_its_connections(server: LoopbackServer) -> None:
    server.enqueue(websocket(lambda peer: peer.close() if peer.receive() else None))
    client = real_client(server)
    opened = client.pipeline.connect(EXEC)
    client.close()
    with pytest.raises(TransportError):
        opened.receive(5)
