"""However a log is cut, broken off and sent again: what is read is what was written."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from sandbox_service import COMMITTED, SandboxService, status
from support import fake_client
from tilde.exceptions import OutcomeUnknownError
from tilde.models import Sandbox
from tilde_core.http import Response

TEXTS = st.lists(st.sampled_from(["a", "ä", "\U0001f427", "\n", "\r\n", "\r", "\x0c", "\u2028"]), max_size=30)
# How far each connection gets, and whether it breaks or ends there; then how long the pieces are.
CONNECTIONS = st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=6)


class Log:
    """A log that grows by as much as each connection gets of it, of a sandbox that ends with the last one."""

    def __init__(self, whole: bytes, connections: list[tuple[int, bool]], size: int) -> None:
        self.whole = whole
        self.connections = connections
        self.size = size
        self.service = SandboxService(status("running"))
        self.service.logs = [self.connect]

    def connect(self) -> Response:
        if self.connections:
            length, breaks = self.connections.pop(0)
            return Response(200, {"Transfer-Encoding": "chunked"}, self.pieces(length, breaks))
        self.service.states = [COMMITTED]
        return Response(200, {"Transfer-Encoding": "chunked"}, self.pieces(len(self.whole), False))

    def pieces(self, length: int, breaks: bool) -> Iterator[bytes]:
        sent = self.whole[:length]
        for start in range(0, len(sent), self.size):
            yield sent[start : start + self.size]
        if breaks:
            raise OutcomeUnknownError("the connection broke")


@given(TEXTS, CONNECTIONS, st.integers(1, 7))
def test_lines(characters: list[str], connections: list[tuple[int, bool]], size: int) -> None:
    text = "".join(characters)
    log = Log(text.encode(), connections, size)
    with Sandbox(fake_client(log.service)[0], "o", "r", "s1").stdout() as stream:
        lines = list(stream)
    assert "".join(lines) == text
    assert all(line.endswith("\n") for line in lines[:-1])
    assert all(line and "\n" not in line[:-1] for line in lines)


@given(st.binary(max_size=60), CONNECTIONS, st.integers(1, 7))
def test_bytes(whole: bytes, connections: list[tuple[int, bool]], size: int) -> None:
    log = Log(whole, connections, size)
    with Sandbox(fake_client(log.service)[0], "o", "r", "s1").stdout() as stream:
        assert b"".join(stream.iter_bytes()) == whole
