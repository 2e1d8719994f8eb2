"""Terminals, with a real shell in one, and servers that misbehave."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox_service import status
from shells import Rig
from tilde.exceptions import BadRequestError, OutcomeUnknownError, TransportError, WaitTimeoutError
from tilde.models import Terminal
from tilde_core.testing import ServerWebSocket, behaviors, websocket


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig(status("running")) as rig:
        yield rig


def opened(rig: Rig) -> Terminal:
    return rig.client.repository("o/r").sandboxes.get("s1").terminal()


def shown_until(terminal: Terminal, wanted: bytes) -> bytes:
    shown = b""
    while wanted not in shown:
        piece = terminal.receive(30)
        assert piece, shown
        shown += piece
    return shown


def test_a_session(rig: Rig) -> None:
    with opened(rig) as terminal:
        assert (terminal.exit_code, repr(terminal)) == (None, "Terminal(open)")
        terminal.send(b"echo $((40 + 2))\n")
        shown_until(terminal, b"42\r\n")
        terminal.resize(columns=123, rows=45)
        terminal.send(b"stty size\n")
        shown_until(terminal, b"45 123")
        terminal.send(b"exit 3\n")
        assert isinstance(b"".join(terminal), bytes)
        assert (terminal.exit_code, terminal.receive()) == (3, b"")
    assert repr(terminal) == "Terminal(exit code 3)"
    assert rig.server.requests[0].header("Authorization") == ["Bearer tuk-test"]


def test_one_that_starts_is_waited_for(rig: Rig) -> None:
    rig.service.states = [status("starting", "created")] * 3 + [status("running")]
    rig.next(websocket(lambda peer: peer.close()))
    opened(rig).close()
    assert len(rig.service.states) == 1


# Ends at once, wherever the signal finds it: a handler might have to wait for a read to return.
PATIENT = """
import signal
signal.signal(signal.SIGINT, signal.SIG_DFL)
print("ready", flush=True)
input()
"""


def test_ctrl_c(rig: Rig, tmp_path: Path) -> None:
    script = tmp_path / "patient.py"
    script.write_text(PATIENT)
    with opened(rig) as terminal:
        terminal.send(f"PS1='pro''mpt> '; {sys.executable} {script}\n".encode())
        shown_until(terminal, b"ready\r\n")
        terminal.send(b"\x03")
        shown_until(terminal, b"prompt> ")  # what is typed before that may be flushed
        terminal.send(b"echo over $((1 + 1))\n")
        shown_until(terminal, b"over 2\r\n")
        terminal.send(b"exit\n")
        list(terminal)


def test_silence(rig: Rig) -> None:
    rig.next(websocket(lambda peer: peer.close() if peer.receive() else None))
    with opened(rig) as terminal:
        with pytest.raises(WaitTimeoutError, match=r"showed nothing for 0\.1 seconds") as caught:
            terminal.receive(0.1)
        assert caught.value.timeout == 0.1


def test_close_wakes_up_who_waits(rig: Rig) -> None:
    gate = rig.server.gate()

    def serve(peer: ServerWebSocket) -> None:
        gate.wait()

    rig.next(websocket(serve))
    terminal = opened(rig)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(terminal.receive)
        terminal.close()
        terminal.close()
        assert isinstance(waiting.exception(60), (TransportError, ValueError))
    with pytest.raises(ValueError, match="the terminal is closed"):
        terminal.receive()
    assert repr(terminal) == "Terminal(closed)"


def test_an_end_without_an_exit_code_is_an_error(rig: Rig) -> None:
    rig.next(websocket(lambda peer: peer.close()))
    with opened(rig) as terminal, pytest.raises(OutcomeUnknownError, match="the service closed the terminal"):
        terminal.receive(60)


def test_a_sandbox_of_another_mode(rig: Rig) -> None:
    rig.next(behaviors.answer(400, b'{"message": "Sandbox is not interactive"}'))
    with pytest.raises(BadRequestError, match=r"^sandboxes\.terminal: Sandbox is not interactive"):
        opened(rig)


def test_unusable_arguments(rig: Rig) -> None:
    with opened(rig) as terminal:
        with pytest.raises(TypeError, match="bytes, not str"):
            terminal.send("ls\n")  # type: ignore[arg-type]
        for columns, rows in ((0, 24), (80, 65536)):
            with pytest.raises(ValueError, match="must be 1 to 65535"):
                terminal.resize(columns, rows)
        with pytest.raises(TypeError, match="rows must be a whole number"):
            terminal.resize(80, 24.0)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="timeout"):
            terminal.receive(-1)
        terminal.send(b"exit\n")
        list(terminal)
