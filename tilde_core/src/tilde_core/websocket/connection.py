"""An open WebSocket: messages in frames of websocket-client, pings, and an end that is told.

Not the library's `WebSocket` class: that answers a ping under the lock of a send, so that a reader could wait for a
writer who waits for the other side, who waits for the reader.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from typing import cast

from websocket import ABNF, frame_buffer
from websocket import WebSocketProtocolException as ProtocolError

from tilde_core.error_table import error_about
from tilde_core.exceptions import OutcomeUnknownError
from tilde_core.http import Request
from tilde_core.websocket.channel import Channel
from tilde_core.websocket.errors import ERRORS, PeerSilent

__all__ = ["Connection"]

PING_EVERY = 20.0  # seconds of silence
_PINGS = 2  # unanswered, before a connection is given up
_NORMAL_ENDS = (1000, 1001, 1005)
# As much as a service takes although a command reads nothing: what fits into a pipe.
_TAKEN_ANYWAY = 64 * 1024


class Connection:
    """A `WebSocket`. `on_close` is called once, when it is closed here."""

    def __init__(self, request: Request, channel: Channel, on_close: Callable[[Connection], None]) -> None:
        self._request = request
        self._channel = channel
        self._on_close = on_close
        self._frames = frame_buffer(self._receive_bytes, skip_utf8_validation=True)
        self._silence = request.timeout.read
        self._ping_every = PING_EVERY if self._silence is None else min(PING_EVERY, self._silence / 3)
        self._deadline: float | None = None  # of the call of `receive` that is under way
        self._last_heard = time.monotonic()
        self._last_asked = self._last_heard  # by a ping
        self._unanswered = 0  # pings since we heard something
        self._sent = 0  # bytes of messages
        self._taken = 0  # of these, what the other side has surely read: it answered a ping that came behind
        self._receiving = threading.Lock()
        self._parts: list[bytes] = []
        self._is_begun = False
        self._ended = False
        self._closed = False

    def send(self, data: bytes) -> None:
        """Send one message. Raises `OutcomeUnknownError`."""
        with ERRORS.guard(self._request):
            self._sent += len(data)
            self._channel.send(_frame(ABNF.OPCODE_BINARY, data))

    def receive(self, timeout: float | None = None) -> bytes | None:
        """Return the next message, `None` at the end. Raises `TimeoutError` and `OutcomeUnknownError`."""
        with self._receiving:
            self._deadline = None if timeout is None else time.monotonic() + timeout
            if self._ended:
                return None
            with ERRORS.guard(self._request):
                try:
                    return self._message()
                except _NotInTime:
                    pass
        raise TimeoutError(f"no message within {timeout} seconds")

    def close(self) -> None:
        """Say goodbye, without waiting for an answer, and close the connection. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._on_close(self)
        self._channel.close(_frame(ABNF.OPCODE_CLOSE, struct.pack("!H", 1000)))

    def _message(self) -> bytes | None:
        while True:
            frame = self._frames.recv_frame()
            data = cast("bytes", frame.data)
            if frame.opcode == ABNF.OPCODE_PING:
                self._post(ABNF.OPCODE_PONG, data)
            elif frame.opcode == ABNF.OPCODE_PONG:
                self._note_pong(data)
            elif frame.opcode == ABNF.OPCODE_CLOSE:
                self._note_end(data)
                return None
            elif (message := self._completed(frame.opcode, data, frame.fin)) is not None:
                return message

    def _completed(self, opcode: int, data: bytes, is_last: int) -> bytes | None:
        """Add a fragment to its message, which is returned once all of it is there."""
        if (opcode == ABNF.OPCODE_CONT) != self._is_begun:
            raise ProtocolError("a fragment without a beginning, or a beginning within a message")
        self._parts.append(data)
        self._is_begun = not is_last
        if not is_last:
            return None
        message, self._parts = b"".join(self._parts), []
        return message

    def _note_end(self, data: bytes) -> None:
        """The other side closes: in order, or because something is wrong there."""
        self._ended = True
        self._post(ABNF.OPCODE_CLOSE, data[:2])
        code = struct.unpack("!H", data[:2])[0] if data else 1005
        if code in _NORMAL_ENDS:
            return
        reason = data[2:].decode("utf-8", "replace")
        why = f"{code}: {reason}" if reason else f"code {code}"
        raise error_about(self._request, OutcomeUnknownError, f"the service closed the connection ({why})")

    def _receive_bytes(self, size: int) -> bytes:
        """Wait for bytes, for as long as the call allows and the other side shows signs of life."""
        while True:
            now = time.monotonic()
            if self._deadline is not None and now >= self._deadline:
                raise _NotInTime
            wait = self._ping_every if self._deadline is None else min(self._ping_every, self._deadline - now)
            try:
                data = self._channel.receive(size, wait)
            except TimeoutError:
                self._ask_for_a_sign()
            else:
                self._last_heard = time.monotonic()
                self._unanswered = 0
                return data

    def _ask_for_a_sign(self) -> None:
        now = time.monotonic()
        silent = now - self._last_heard
        # Who takes no message, since a command does not read its input, does not get to see a ping behind it either.
        may_be_busy = self._channel.has_unsent or self._sent - self._taken > _TAKEN_ANYWAY
        # Silence counts only where a sign was asked for, with time to give it: maybe nobody listened here meanwhile.
        is_asked = self._unanswered >= _PINGS
        if self._silence is not None and silent >= self._silence and is_asked and not may_be_busy:
            raise PeerSilent
        if now - max(self._last_heard, self._last_asked) >= self._ping_every and not self._channel.has_unsent:
            self._post(ABNF.OPCODE_PING, b"%d" % self._sent)
            self._last_asked = now
            self._unanswered += 1

    def _note_pong(self, data: bytes) -> None:
        if data.isdigit():
            self._taken = max(self._taken, int(data))

    def _post(self, opcode: int, data: bytes) -> None:
        self._channel.post(_frame(opcode, data))


class _NotInTime(Exception):
    """The time of one call of `receive` is over; what was read of a frame is kept."""


def _frame(opcode: int, data: bytes) -> bytes:
    return ABNF.create_frame(data, opcode).format()
