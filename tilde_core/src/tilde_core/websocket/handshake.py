"""The opening handshake of a WebSocket: one HTTP request, and an answer that says yes or no.

Not that of websocket-client, which keeps the cookies of all connections of a process in one jar, writes the token to
its log when traces are on, loses the body of a refusal that has no length, and reads proxies from the environment.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
from contextlib import closing
from http.client import HTTPException, HTTPResponse
from typing import Any

from tilde_core.http import Request, Response
from tilde_core.outgoing import header_lines, split_websocket_url
from tilde_core.websocket.channel import Channel
from tilde_core.websocket.errors import ConnectionLost

__all__ = ["shake_hands"]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MOST_OF_A_BODY = 1024 * 1024  # of an error, in bytes


def shake_hands(request: Request, channel: Channel) -> Response | None:
    """Ask for a WebSocket. Return `None` if that is granted, else the answer that refuses it, with the body read.

    Raises `OSError`, and `HTTPException` for an answer that is none.
    """
    key = base64.b64encode(os.urandom(16))
    channel.send(_head(request, key.decode()), request.timeout.write)
    # Closed in any case: an answer that is left to the garbage collector may find its file closed, and complain.
    with closing(_answer(_file(channel, request.timeout.read))) as answer:
        if answer.status != 101:
            return Response(answer.status, answer.headers.items(), _body(answer))
        expected = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()
        if answer.headers.get("Upgrade", "").lower() != "websocket" or _accepted(answer) != expected:
            raise HTTPException("this is not the answer to the handshake that was sent")
    return None


def _head(request: Request, key: str) -> bytes:
    origin, target = split_websocket_url(request)
    lines = [
        ("Host", origin.partition("://")[2]),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", "13"),
        *header_lines(request),
    ]
    head = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in lines), "", ""]
    return "\r\n".join(head).encode("latin-1")


def _accepted(answer: HTTPResponse) -> str:
    return (answer.headers.get("Sec-WebSocket-Accept") or "").strip()


def _answer(file: io.BufferedReader) -> HTTPResponse:
    """The first answer that is not merely an interim one."""
    while True:
        answer = HTTPResponse(_Socket(file), method="GET")  # type: ignore[arg-type]
        try:
            answer.begin()
        except BaseException:
            answer.close()
            raise
        if answer.status == 101 or answer.status >= 200:
            return answer
        answer.fp = None  # type: ignore[assignment]  # the file is that of the answer to come, too


def _body(answer: HTTPResponse) -> bytes:
    """What the service says about its refusal. That it refused stands, even if it does not come to the end."""
    try:
        return answer.read(_MOST_OF_A_BODY)
    except (OSError, HTTPException):
        return b""


def _file(channel: Channel, timeout: float | None) -> io.BufferedReader:
    # One byte of buffer: what comes behind the head belongs to the WebSocket. The channel itself has a larger one.
    return io.BufferedReader(_Incoming(channel, timeout), buffer_size=1)


class _Incoming(io.RawIOBase):
    """A channel as a file to read."""

    def __init__(self, channel: Channel, timeout: float | None) -> None:
        self._channel = channel
        self._timeout = timeout

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._channel.receive(len(buffer), self._timeout)
        except ConnectionLost:
            return 0  # the end of the file: http.client knows whether it may be
        buffer[: len(data)] = data
        return len(data)


class _Socket:
    """As much of a socket as `http.client` needs."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file

    def makefile(self, mode: str) -> io.BufferedReader:
        return self._file
