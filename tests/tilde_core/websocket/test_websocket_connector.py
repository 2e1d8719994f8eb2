"""What the contract leaves open: signs of life while messages wait to be taken, and what is imported when."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tilde.plugins import Request, Response, Timeout, TransportError, WebSocket
from tilde_core.testing import LoopbackServer, ServerWebSocket, behaviors, websocket
from tilde_core.testing.websockets import PING
from tilde_core.websocket import connection
from tilde_core.websocket.channel import Channel
from tilde_core.websocket.connector import WebsocketClientConnector

MIB = 1024 * 1024


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as server:
        yield server


@pytest.fixture
def connector(server: LoopbackServer) -> Iterator[WebsocketClientConnector]:
    connector = WebsocketClientConnector()
    yield connector
    connector.close()


def opened(connector: WebsocketClientConnector, url: str, silence: float | None) -> connection.Connection:
    """A connection that bears so many seconds of silence. The handshake may take its time."""
    answer = connector.connect(Request(method="GET", url=url))
    assert isinstance(answer, connection.Connection)
    answer._silence = silence
    answer._ping_every = connection.PING_EVERY if silence is None else silence / 3
    return answer


def test_who_takes_no_message_need_not_answer_pings(
    connector: WebsocketClientConnector, server: LoopbackServer
) -> None:
    """A command that reads its input late: the server reads neither that, nor the pings behind it."""
    asked, taken = server.gate(), 0

    def serve(peer: ServerWebSocket) -> None:
        nonlocal taken
        asked.wait()
        while taken < 4 * MIB:
            taken += len(peer.receive() or b"")
        peer.send(b"all of it")
        peer.receive()

    server.enqueue(websocket(serve))
    peer = opened(connector, server.url().replace("http", "ws"), 0.5)
    sender = threading.Thread(target=peer.send, args=(b"x" * 4 * MIB,))
    sender.start()
    with pytest.raises(TimeoutError):
        peer.receive(1.2)
    asked.set()
    assert peer.receive(30) == b"all of it"
    sender.join()
    peer.close()


def test_what_was_answered_counts_no_longer(connector: WebsocketClientConnector, server: LoopbackServer) -> None:
    """Once the messages are taken, as an answered ping behind them shows, silence is silence again."""
    gate = server.gate()

    def serve(peer: ServerWebSocket) -> None:
        assert len(peer.receive() or b"") == MIB
        frame = peer.read_frame()
        assert frame is not None
        assert frame.opcode == PING
        peer.send_frame(10, frame.data)
        gate.wait()

    server.enqueue(websocket(serve))
    peer = opened(connector, server.url().replace("http", "ws"), 0.5)
    peer.send(b"x" * MIB)
    with pytest.raises(Exception, match=r"sent nothing for 60\.0 seconds, not even an answer to a ping"):
        peer.receive(30)
    peer.close()


class Quiet(Channel):
    """Takes pings, and gives `answer` once one has come. Time passes only while somebody waits for that."""

    def __init__(self, answer: bytes = b"") -> None:
        self.now = 0.0
        self.pings = 0
        self._answer = answer

    has_unsent = False

    def post(self, data: bytes) -> None:
        self.pings += 1

    def receive(self, size: int, timeout: float | None = None) -> bytes:
        if self.pings and self._answer:
            data, self._answer = self._answer[:size], self._answer[size:]
            return data
        assert timeout is not None
        self.now += timeout
        raise TimeoutError


@pytest.fixture
def on_quiet(monkeypatch: pytest.MonkeyPatch) -> Callable[[Quiet], WebSocket]:
    """Makes connections that have the time of their channel."""

    def opened_on(channel: Quiet) -> WebSocket:
        monkeypatch.setattr(connection, "time", SimpleNamespace(monotonic=lambda: channel.now))
        request = Request(method="GET", url="ws://tilde.test/", timeout=Timeout(read=30))
        return connection.Connection(request, channel, lambda _: None)

    return opened_on


def test_silence_while_nobody_listens_does_not_count(on_quiet: Callable[[Quiet], WebSocket]) -> None:
    """Who looks at a terminal once an hour has asked for no sign of life meanwhile."""
    channel = Quiet(b"\x82\x0astill here")
    peer = on_quiet(channel)
    channel.now = 3600.0
    assert peer.receive() == b"still here"
    assert (channel.pings, channel.now) == (1, 3610)


def test_two_pings_go_unanswered_before_a_connection_is_given_up(on_quiet: Callable[[Quiet], WebSocket]) -> None:
    channel = Quiet()
    with pytest.raises(TransportError, match="sent nothing for 30 seconds, not even an answer to a ping"):
        on_quiet(channel).receive()
    assert (channel.pings, channel.now) == (2, 30)


def test_who_asks_often_sends_no_more_pings_for_that(on_quiet: Callable[[Quiet], WebSocket]) -> None:
    channel = Quiet()
    peer = on_quiet(channel)
    for _ in range(29):
        with pytest.raises(TimeoutError):
            peer.receive(1)
    assert channel.pings == 2


def test_without_a_time_out_silence_is_borne(connector: WebsocketClientConnector, server: LoopbackServer) -> None:
    server.enqueue(websocket(lambda peer: None if peer.receive() is None else peer.send(b"?")))
    peer = opened(connector, server.url().replace("http", "ws"), None)
    with pytest.raises(TimeoutError):
        peer.receive(0.1)
    peer.close()


def test_nothing_is_left_to_the_garbage_collector(connector: WebsocketClientConnector, server: LoopbackServer) -> None:
    """Which would complain on Python 3.13 of answers that it finds open."""
    url = server.url().replace("http", "ws")
    complaints: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "unraisablehook", complaints.append)
        for behavior in (behaviors.garbage(b"nonsense\r\n\r\n"), behaviors.hang_up(), behaviors.answer(200, b"no")):
            server.enqueue(behavior)
            cycle: list[Any] = []
            try:
                cycle.append(connector.connect(Request(method="GET", url=url)))
            except TransportError as error:
                cycle.append(error)
            cycle.append(cycle)
            del cycle
            gc.collect()
    assert complaints == []


def test_the_library_is_imported_when_it_is_needed() -> None:
    script = """
import sys, tilde
client = tilde.Client("key")
[info] = [info for info in client.describe_plugins() if info.name == "websocket-connector"]
print(info.hooks, info.status, info.distribution, "websocket" in sys.modules)
"""
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert answer.stdout == "('tilde_websocket',) active tilde-core False\n"


def test_an_interim_answer_is_not_the_last_one(connector: WebsocketClientConnector, server: LoopbackServer) -> None:
    """Nor does it take the rest of the connection with it."""
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    server.enqueue(behaviors.garbage(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + refusal))
    answer = connector.connect(Request(method="GET", url=server.url().replace("http", "ws")))
    assert isinstance(answer, Response)
    assert (answer.status, answer.read()) == (403, b"no")
