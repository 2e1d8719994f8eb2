"""The way out of a sandbox: an HTTP proxy that refuses all hosts but those that the operator allows.

One request a connection: CONNECT, or a request with an absolute URL. Every one stands in the network log.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from tilde_local.sandboxes.hosts import AllowedHosts, is_inside
from tilde_local.sandboxes.netlog import Entry, NetworkLog

__all__ = ["Proxy"]

_HEAD_SECONDS = 30
_CONNECT_SECONDS = 15
_PIECE = 64 * 1024
_REQUEST_LINE = re.compile(rb"([A-Z]+) ([!-~]+) HTTP/1\.[01]\r\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})")
# What is between the sandbox and the proxy, and nobody else's business.
_OWN_HEADERS = (b"proxy-authorization", b"proxy-connection", b"connection", b"keep-alive", b"host")


class _Refused(Exception):
    """What is answered instead: a status, and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class _Target:
    """What was asked for. `head` is what goes to the host, nothing for CONNECT."""

    method: str
    url: str
    host: str
    port: int
    head: bytes

    @property
    def authority(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"{name}:{self.port}"


class Proxy:
    """Serves the connections that come from one sandbox, `connections` at once."""

    def __init__(self, hosts: AllowedHosts, log: NetworkLog, connections: int) -> None:
        self._hosts = hosts
        self._log = log
        self._connections = connections
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end. If there are too many, that is at once."""
        if len(self._tasks) >= self._connections:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._answer(reader, writer)
        except (OSError, EOFError, asyncio.TimeoutError, asyncio.LimitOverrunError):
            pass  # the client is gone, or says nothing that could be answered
        finally:
            self._tasks.discard(task)
            writer.close()

    def hang_up(self) -> None:
        """Drop what is under way."""
        for task in self._tasks:
            task.cancel()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_SECONDS)
        try:
            target = _parse(head)
        except ValueError:
            await _refuse(writer, _Refused(400, "this is a proxy: send CONNECT, or a request with an absolute URL"))
            return
        try:
            self._check(target)
            there = await self._connect(target)
        except _Refused as refused:
            decision = "deny" if refused.status == 403 else "allow"
            self._write(target, decision, refused.status, 0, refused.reason)
            await _refuse(writer, refused)
            return
        await self._relay(target, (reader, writer), there)

    def _check(self, target: _Target) -> None:
        if not self._hosts.allows(target.host, target.port):
            raise _Refused(
                403,
                f"sandboxes may not reach {target.authority}: whoever runs this server allows hosts with"
                " `tilde-local serve --sandbox-host`",
            )

    async def _connect(self, target: _Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to where the name leads, unless that is this machine by a name that says otherwise."""
        loop = asyncio.get_running_loop()
        try:
            found = await asyncio.wait_for(
                loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM), _CONNECT_SECONDS
            )
            address = str(found[0][4][0])
            if is_inside(address) and not self._hosts.names(target.host):
                raise _Refused(403, f"{target.host} leads to {address}, which is this machine: allow it by that name")
            return await asyncio.wait_for(asyncio.open_connection(address, target.port, limit=_PIECE), _CONNECT_SECONDS)
        # UnicodeError: no name of a host can be so long.
        except (OSError, UnicodeError, asyncio.TimeoutError) as error:
            raise _Refused(502, f"cannot reach {target.authority}: {error or 'no answer in time'}") from error

    async def _relay(
        self,
        target: _Target,
        here: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        answer = _Answer(200 if target.method == "CONNECT" else None)
        try:
            if target.method == "CONNECT":
                here[1].write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            there[1].write(target.head)
            out = asyncio.ensure_future(_copy(here[0], there[1], None))
            try:
                await _copy(there[0], here[1], answer)
                # Who has answered a request has heard it; of a tunnel both sides have to be closed.
                if target.method == "CONNECT":
                    await out
            finally:
                out.cancel()
        finally:
            there[1].close()
            self._write(target, "allow", answer.status, answer.size)

    def _write(self, target: _Target, decision: str, status: int | None, size: int, error: str = "") -> None:
        self._log.write(Entry(target.method, target.url, target.authority, decision, status, size, error))


class _Answer:
    """What came back: how much, and the status that it began with, if that can be read."""

    def __init__(self, status: int | None) -> None:
        self.status = status
        self.size = 0

    def add(self, data: bytes) -> None:
        if self.size == 0 and self.status is None and (found := _STATUS_LINE.match(data)):
            self.status = int(found[1])
        self.size += len(data)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter, answer: _Answer | None) -> None:
    """Copy to the end, no faster than it is taken."""
    with contextlib.suppress(OSError):
        while data := await source.read(_PIECE):
            if answer is not None:
                answer.add(data)
            target.write(data)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()


async def _refuse(writer: asyncio.StreamWriter, refused: _Refused) -> None:
    body = f"tilde: {refused.reason}\n".encode()
    reason = {400: "Bad Request", 403: "Forbidden", 502: "Bad Gateway"}[refused.status]
    head = f"HTTP/1.1 {refused.status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
    await writer.drain()


def _parse(head: bytes) -> _Target:
    """What the head of a request asks for. Raises ValueError."""
    line = _REQUEST_LINE.match(head)
    if line is None:
        raise ValueError("not a request")
    method, address = line[1].decode(), line[2].decode()
    if method == "CONNECT":
        parts = urlsplit(f"//{address}")
        if not parts.hostname or parts.port is None:
            raise ValueError("CONNECT takes host:port")
        return _Target(method, f"https://{address}", parts.hostname, parts.port, b"")
    parts = urlsplit(address)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("not an absolute URL")
    shown = f"http://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return _Target(method, shown, parts.hostname, parts.port or 80, _rewritten(method, address, head[line.end() :]))


def _rewritten(method: str, address: str, rest: bytes) -> bytes:
    """The head of the request as its host expects it: with a path instead of a URL, and for one answer only."""
    parts = urlsplit(address)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    kept = [each for each in rest.split(b"\r\n") if each and each.split(b":")[0].strip().lower() not in _OWN_HEADERS]
    lines = [f"{method} {target} HTTP/1.1".encode(), f"Host: {parts.netloc.rpartition('@')[2]}".encode()]
    return b"\r\n".join([*lines, *kept, b"Connection: close", b"", b""])
