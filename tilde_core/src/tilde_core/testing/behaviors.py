"""What the loopback server can be told to do. Each function returns a behaviour for `LoopbackServer.script` and such.

A behaviour of one's own is any function of an `Exchange`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Event

from tilde_core.testing.exchange import Behavior, Exchange

__all__ = [
    "answer",
    "answer_early",
    "answer_until_close",
    "chunked",
    "dribble",
    "echo",
    "garbage",
    "hang_up",
    "hang_up_after",
    "read_nothing",
    "redirect",
    "reset",
    "reset_after_request",
    "reset_in_body",
    "stall",
    "truncated",
    "truncated_chunk",
]

Lines = Sequence[tuple[str, str]]
_NO_BODY = (204, 304)


def answer(status: int = 200, body: bytes = b"", headers: Lines = ()) -> Behavior:
    """Read the request and answer it properly. A HEAD request gets the headers alone."""

    def act(exchange: Exchange) -> None:
        exchange.read_body()
        length = [] if status in _NO_BODY else [("Content-Length", str(len(body)))]
        exchange.send_head(status, [*headers, *length])
        exchange.send(b"" if exchange.request.method == "HEAD" or status in _NO_BODY else body)

    return act


def echo() -> Behavior:
    """Answer with the body of the request."""
    return lambda exchange: answer(200, exchange.read_body())(exchange)


def redirect(location: str, status: int = 307) -> Behavior:
    """Answer with a redirect."""
    return answer(status, b"elsewhere", [("Location", location)])


def chunked(pieces: Iterable[bytes]) -> Behavior:
    """Answer with one chunk for each piece."""

    def act(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send_head(200, [("Transfer-Encoding", "chunked")])
        for piece in pieces:
            exchange.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        exchange.send(b"0\r\n\r\n")

    return act


def answer_until_close(body: bytes) -> Behavior:
    """Answer without a length: the end of the connection is the end of the body."""
    return _then_hang_up(200, [("Connection", "close")], body)


def truncated(body: bytes, announced: int) -> Behavior:
    """Announce more bytes than `body` has, send those, and hang up."""
    return _then_hang_up(200, [("Content-Length", str(announced))], body)


def truncated_chunk(body: bytes) -> Behavior:
    """Hang up in the middle of a chunk."""
    return _then_hang_up(200, [("Transfer-Encoding", "chunked")], b"%x\r\n%b" % (len(body) + 1, body))


def garbage(line: bytes = b"\x00\x01 this is not HTTP\r\n\r\n") -> Behavior:
    """Send something that is not an answer, and hang up."""

    def act(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send(line)
        exchange.hang_up()

    return act


def hang_up() -> Behavior:
    """Close the connection without an answer."""
    return lambda exchange: exchange.hang_up()


def hang_up_after(behavior: Behavior, done: Event) -> Behavior:
    """Answer as if the connection were to be kept, but close it; `done` is set when it is closed."""

    def act(exchange: Exchange) -> None:
        behavior(exchange)
        exchange.hang_up()
        done.set()

    return act


def reset() -> Behavior:
    """Reset the connection, with the body of the request unread."""
    return lambda exchange: exchange.reset()


def reset_after_request() -> Behavior:
    """Read the whole request, then reset the connection."""

    def act(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.reset()

    return act


def reset_in_body(body: bytes, announced: int, read: Event) -> Behavior:
    """Send a part of the answer, wait until the client has `read` it, and reset the connection."""

    def act(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send_head(200, [("Content-Length", str(announced))])
        exchange.send(body)
        read.wait()
        exchange.reset()

    return act


def stall(gate: Event) -> Behavior:
    """Read the request and send nothing until `gate` opens; then hang up."""

    def act(exchange: Exchange) -> None:
        exchange.read_body()
        gate.wait()
        exchange.hang_up()

    return act


def read_nothing(gate: Event) -> Behavior:
    """Leave the body of the request unread until `gate` opens; then reset the connection."""

    def act(exchange: Exchange) -> None:
        gate.wait()
        exchange.reset()

    return act


def dribble(pieces: Sequence[bytes], gates: Sequence[Event]) -> Behavior:
    """Answer with the first piece at once, and with each further one when its gate opens."""

    def act(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send_head(200, [("Content-Length", str(sum(map(len, pieces))))])
        exchange.send(pieces[0])
        for piece, gate in zip(pieces[1:], gates, strict=True):
            gate.wait()
            exchange.send(piece)

    return act


def answer_early(status: int, body: bytes = b"") -> Behavior:
    """Answer before the body of the request is read, and take no more requests on this connection."""

    def act(exchange: Exchange) -> None:
        exchange.send_head(status, [("Content-Length", str(len(body))), ("Connection", "close")])
        exchange.send(body)
        exchange.end_sending()
        exchange.read_to_end()
        exchange.hang_up()

    return act


def _then_hang_up(status: int, headers: Lines, body: bytes) -> Behavior:
    def act(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send_head(status, headers)
        exchange.send(body)
        exchange.hang_up()

    return act
