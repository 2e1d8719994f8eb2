"""What the transport rules share: the transport under test, a server, and short-hands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tilde_core.hooks.offers import Transport, TransportSettings
from tilde_core.http import Request, Response, Timeout
from tilde_core.testing.contract.rules import Rules
from tilde_core.testing.loopback import LoopbackServer

__all__ = ["SHORT", "Pieces", "TransportRules"]

SHORT = Timeout(connect=30.0, read=0.2, write=30.0, pool=0.2)
"""For a request during which the server is silent, or the pool full: it is to end in vain."""


class Pieces:
    """A `ByteStream` of these pieces; `length` may lie, and an exception among the pieces is raised in its turn."""

    def __init__(self, *pieces: bytes | Exception, length: int | None = None) -> None:
        self._pieces = pieces
        self._length = sum(len(piece) for piece in pieces if isinstance(piece, bytes)) if length is None else length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


class TransportRules(Rules):
    """Fixtures and short-hands."""

    defined_by_the_author = frozenset({"open_transport"})

    def open_transport(self, settings: TransportSettings) -> Transport:
        """Return the open transport under test. To be defined by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} must define open_transport(settings)")

    @pytest.fixture
    def server(self) -> Iterator[LoopbackServer]:
        """Run a server for one test."""
        with LoopbackServer() as server:
            yield server

    @pytest.fixture
    def transport(self, server: LoopbackServer) -> Iterator[Transport]:
        """Open the transport for one test. It is closed before the server is."""
        transport = self.open_transport(TransportSettings())
        yield transport
        transport.close()

    @pytest.fixture
    def narrow(self, server: LoopbackServer) -> Iterator[Transport]:
        """Open the transport with room for two connections."""
        transport = self.open_transport(TransportSettings(max_connections=2))
        yield transport
        transport.close()

    def get(self, transport: Transport, url: str, **fields: Any) -> Response:
        """Send a GET, or what `fields` of the request say."""
        return transport.send(Request(**{"method": "GET", "url": url, "operation": "contract.test", **fields}))
