"""Logs of sandboxes over real connections, with each transport, from a server that breaks off and falls silent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import pytest

from sandbox_service import COMMITTED, status
from support import INSTALLED_TRANSPORTS
from tilde import Client, Timeout
from tilde.exceptions import GoneError, NotFoundError
from tilde.models import LogStream, Sandbox
from tilde_core.testing import Behavior, Exchange, LoopbackServer, behaviors

ROOT = "/api/v1/organizations/o/repositories/r/sandboxes/s1"
LOG, STATUS = f"{ROOT}/logs/stdout", f"{ROOT}/status"
SILENCE = 0.25  # seconds; the read time-out of these tests


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        tells(running, "running")
        yield running


@pytest.fixture(params=INSTALLED_TRANSPORTS)
def sandbox(request: pytest.FixtureRequest, server: LoopbackServer) -> Iterator[Sandbox]:
    url, timeout = server.url("").rstrip("/"), Timeout(read=SILENCE)
    # So many tries, lest what is answered at once be given up on a machine that is busy.
    with Client("tuk-1", endpoint_url=url, transport=request.param, timeout=timeout, max_retries=9) as client:
        yield Sandbox(client, "o", "r", "s1")


def tells(server: LoopbackServer, state: str) -> None:
    """From now on, the sandbox is in that state."""
    told: dict[str, Any] = status(state) if state == "running" else COMMITTED
    server.script(STATUS, behaviors.answer(200, json.dumps(told).encode()))


def sends(*pieces: bytes | Event, cut: bool = False) -> Behavior:
    """Send the pieces in chunks, waiting for events between them; then end, or (`cut`) break the connection."""

    def act(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send_head(200, [("Transfer-Encoding", "chunked"), ("Content-Type", "text/plain")])
        for piece in pieces:
            if isinstance(piece, Event):
                piece.wait()
            else:
                exchange.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        if cut:
            exchange.reset()
        else:
            exchange.send(b"0\r\n\r\n")

    return act


def logs(server: LoopbackServer, *behave: Behavior) -> list[Behavior]:
    """The next requests for the log are answered so, the last of them for ever."""
    left = list(behave)
    server.script(LOG, lambda exchange: (left.pop(0) if len(left) > 1 else left[0])(exchange))
    return left


def asked(server: LoopbackServer) -> int:
    return sum(request.target == LOG for request in server.requests)


def collect(stream: LogStream) -> tuple[Thread, list[str]]:
    lines: list[str] = []
    thread = Thread(target=lambda: lines.extend(stream), daemon=True)
    thread.start()
    return thread, lines


def test_lines_come_while_it_runs(server: LoopbackServer, sandbox: Sandbox) -> None:
    more = server.gate()
    logs(server, sends(b"one\n", more, b"two\n"))
    with sandbox.stdout() as stream:
        assert next(stream) == "one\n"
        tells(server, "done")
        more.set()
        assert list(stream) == ["two\n"]


def test_silence_is_no_end(server: LoopbackServer, sandbox: Sandbox) -> None:
    never, third = server.gate(), Event()

    def last(exchange: Exchange) -> None:
        third.set()
        tells(server, "done")
        sends(b"one\n", b"two\n")(exchange)

    silent = sends(b"one\n", never)
    logs(server, silent, behaviors.stall(never), silent, last)
    thread, lines = collect(sandbox.stdout())
    assert third.wait(30)
    thread.join(30)
    assert lines == ["one\n", "two\n"]
    assert asked(server) >= 4


def test_it_goes_on_at_the_byte_where_the_connection_broke(server: LoopbackServer, sandbox: Sandbox) -> None:
    tells(server, "done")
    logs(server, sends(b"one\ntw", cut=True), sends(b"one\n", cut=True), sends(b"one\ntwo\n"))
    # What had come when it broke may be lost on the way, but nothing comes twice or is left out.
    assert "".join(sandbox.stdout()) == "one\ntwo\n"


def test_a_length_that_is_not_kept_is_a_broken_connection(server: LoopbackServer, sandbox: Sandbox) -> None:
    tells(server, "done")
    logs(server, behaviors.truncated(b"one\n", 8), behaviors.answer(200, b"one\ntwo\n"))
    assert list(sandbox.stdout()) == ["one\n", "two\n"]


@pytest.mark.parametrize(("code", "kind"), [(404, NotFoundError), (410, GoneError)])
def test_that_there_is_no_log_is_an_error(
    server: LoopbackServer, sandbox: Sandbox, code: int, kind: type[Exception]
) -> None:
    logs(server, behaviors.answer(code, b'{"message": "no log"}'))
    with sandbox.stdout() as stream, pytest.raises(kind, match="no log"):
        next(stream)


def test_closing_in_the_middle_frees_the_connection(server: LoopbackServer, sandbox: Sandbox) -> None:
    logs(server, sends(b"one\n", server.gate()))
    with sandbox.stdout() as stream:
        assert next(stream) == "one\n"
    assert sandbox.status().state == "running"


def test_much_of_it_is_passed_over_again_piece_by_piece(server: LoopbackServer, sandbox: Sandbox) -> None:
    tells(server, "done")
    line = b"x" * 99 + b"\n"
    whole = [line * 1000] * 20  # 2 MB
    logs(server, sends(*whole[:10], cut=True), sends(*whole[:15], cut=True), sends(*whole))
    with sandbox.status().stdout() as stream:
        assert sum(1 for each in stream if each == line.decode()) == 20_000
