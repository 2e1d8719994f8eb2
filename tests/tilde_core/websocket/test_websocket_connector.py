"""What the contract leaves open: TLS, signs of life while messages wait to be taken, and what is imported when."""

from __future__ import annotations

import gc
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from certificates import self_signed, speak_tls
from tilde.plugins import NotSentError, Request, Response, Timeout, TransportError, WebSocket
from tilde_core.testing import LoopbackServer, ServerWebSocket, behaviors, websocket
from tilde_core.testing.websockets import PING
from tilde_core.websocket import dialing
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


def opened(connector: WebsocketClientConnector, url: str, timeout: Timeout | None = None) -> WebSocket:
    answer = connector.connect(Request(method="GET", url=url, timeout=timeout or Timeout()))
    assert not isinstance(answer, Response)
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
    peer = opened(connector, server.url().replace("http", "ws"), Timeout(read=0.5))
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
    peer = opened(connector, server.url().replace("http", "ws"), Timeout(read=0.5))
    peer.send(b"x" * MIB)
    with pytest.raises(Exception, match=r"sent nothing for 0\.5 seconds, not even an answer to a ping"):
        peer.receive(30)
    peer.close()


def test_without_a_time_out_silence_is_borne(connector: WebsocketClientConnector, server: LoopbackServer) -> None:
    server.enqueue(websocket(lambda peer: None if peer.receive() is None else peer.send(b"?")))
    peer = opened(connector, server.url().replace("http", "ws"), Timeout(read=None))
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


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(server: LoopbackServer, certificate: Path) -> LoopbackServer:
    speak_tls(server, certificate)
    return server


def test_an_issuer_that_nobody_knows_is_refused(connector: WebsocketClientConnector, secure: LoopbackServer) -> None:
    with pytest.raises(NotSentError, match=r"certificate of localhost:\d+ cannot be verified \(self.signed.*CA"):
        opened(connector, f"wss://localhost:{secure.port}/?sig=1")
    assert secure.requests == []


def test_a_certificate_for_another_name_is_refused(
    connector: WebsocketClientConnector, secure: LoopbackServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(dialing, "_ssl_context", lambda: context)
    with pytest.raises(NotSentError, match="cannot be verified"):
        opened(connector, f"wss://127.0.0.1:{secure.port}/")
    assert secure.requests == []


def test_both_directions_at_once_over_tls(
    connector: WebsocketClientConnector, secure: LoopbackServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(dialing, "_ssl_context", lambda: context)

    def serve(peer: ServerWebSocket) -> None:
        while (message := peer.receive()) is not None:
            peer.send(message)

    secure.enqueue(websocket(serve))
    peer = opened(connector, f"wss://localhost:{secure.port}/")
    piece, count = b"x" * 64 * 1024, 200
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(lambda: [peer.send(piece) for _ in range(count)])  # type: ignore[func-returns-value]
        assert all(peer.receive(30) == piece for _ in range(count))
        sending.result(30)
    peer.close()


def test_the_library_is_imported_when_it_is_needed() -> None:
    script = """
import sys, tilde
client = tilde.Client("key")
[info] = [info for info in client.describe_plugins() if info.name == "websocket-connector"]
print(info.hooks, info.status, info.distribution, "websocket" in sys.modules)
"""
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert answer.stdout == "('tilde_websocket',) active tilde-core False\n"
