"""What comes back is the answer as it was sent, whatever its status, and its body while it arrives."""

from __future__ import annotations

import gzip

import pytest

from tilde_core.hooks.offers import Transport
from tilde_core.testing import behaviors
from tilde_core.testing.behaviors import answer
from tilde_core.testing.contract.base import Pieces, TransportRules
from tilde_core.testing.loopback import LoopbackServer

__all__ = ["AnswerRules"]

STATUSES = [200, 201, 202, 204, 206, 299, 300, 304, 400, 401, 403, 404, 407, 409, 412, 416, 429, 500, 502, 503, 599]
BODIES = {"empty": b"", "binary": bytes(range(256)), "large": bytes(range(251)) * 12_532}


class AnswerRules(TransportRules):
    """Rules about the answer."""

    @pytest.mark.parametrize("status", STATUSES)
    def test_status_is_returned_and_not_judged(self, transport: Transport, server: LoopbackServer, status: int) -> None:
        """No raising, no second try, no credentials for a 401: what a status means is decided elsewhere."""
        server.script("/", answer(status, b"body", [("Retry-After", "0"), ("WWW-Authenticate", "Basic")]))
        response = self.get(transport, server.url())
        assert response.status == status
        assert response.read() == (b"" if status in (204, 304) else b"body")
        assert len(server.requests) == 1

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_redirect_is_not_followed(self, transport: Transport, server: LoopbackServer, status: int) -> None:
        """Where a bearer token may go is decided elsewhere."""
        server.script("/", behaviors.redirect(server.url("/elsewhere?sig=1"), status))
        response = self.get(transport, server.url())
        assert (response.status, response.headers.get("location")) == (status, server.url("/elsewhere?sig=1"))
        assert response.read() == b"elsewhere"
        assert len(server.requests) == 1

    def test_answer_header_case_and_repeats_are_kept(self, transport: Transport, server: LoopbackServer) -> None:
        """Each `Set-Cookie` is a line of its own, and bytes beyond ASCII are Latin-1."""
        lines = [("X-MiXed", "One"), ("Set-Cookie", "a=1, b"), ("Set-Cookie", "c=2"), ("x-latin", "caf\xe9")]
        server.script("/", answer(headers=lines))
        response = self.get(transport, server.url())
        assert response.headers.multi_items() == (*lines, ("Content-Length", "0"))
        assert response.headers.get_all("set-cookie") == ["a=1, b", "c=2"]

    def test_long_header_arrives(self, transport: Transport, server: LoopbackServer) -> None:
        """Presigned URLs and policies are long."""
        server.script("/", answer(headers=[("X-Long", "x" * 32_000)]))
        assert len(self.get(transport, server.url()).headers["x-long"]) == 32_000

    @pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
    def test_body_arrives_as_it_is(self, transport: Transport, server: LoopbackServer, body: bytes) -> None:
        """Byte for byte."""
        server.script("/", answer(body=body))
        assert self.get(transport, server.url()).read() == body

    @pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
    def test_body_without_length_arrives(self, transport: Transport, server: LoopbackServer, body: bytes) -> None:
        """The end of the connection is the end of the body."""
        server.script("/", behaviors.answer_until_close(body))
        assert self.get(transport, server.url()).read() == body

    def test_chunks_are_joined(self, transport: Transport, server: LoopbackServer) -> None:
        """Chunks are a matter of the wire."""
        server.script("/", behaviors.chunked([b"ab", b"c" * 200_000, b"de"]))
        assert self.get(transport, server.url()).read() == b"ab" + b"c" * 200_000 + b"de"

    def test_compressed_body_is_not_decoded(self, transport: Transport, server: LoopbackServer) -> None:
        """An object that is a gzip file is those bytes; its checksum too."""
        packed = gzip.compress(b"plain" * 100)
        server.script("/", answer(body=packed, headers=[("Content-Encoding", "gzip")]))
        response = self.get(transport, server.url())
        assert response.headers["content-encoding"] == "gzip"
        assert response.read() == packed

    def test_head_has_no_body(self, transport: Transport, server: LoopbackServer) -> None:
        """Its `Content-Length` is that of the GET, and nothing is waited for."""
        server.script("/", answer(body=b"12345"))
        response = self.get(transport, server.url(), method="HEAD")
        assert (response.headers["content-length"], response.read()) == ("5", b"")

    def test_body_can_be_read_while_it_arrives(self, transport: Transport, server: LoopbackServer) -> None:
        """The server sends the rest only when the first piece has been read."""
        gate = server.gate()
        server.script("/", behaviors.dribble([b"first", b"rest"], [gate]))
        pieces = self.get(transport, server.url()).iter_bytes()
        assert next(pieces) == b"first"
        gate.set()
        assert b"".join(pieces) == b"rest"

    def test_chunks_can_be_read_while_they_arrive(self, transport: Transport, server: LoopbackServer) -> None:
        """A log that is followed comes in chunks, for hours."""
        gate = server.gate()
        server.script("/", behaviors.chunked(piece for piece in (b"line", b"end") if piece == b"line" or gate.wait()))
        pieces = self.get(transport, server.url()).iter_bytes()
        assert next(pieces) == b"line"
        gate.set()
        assert b"".join(pieces) == b"end"

    def test_answer_during_the_upload_is_returned(self, transport: Transport, server: LoopbackServer) -> None:
        """A server may refuse before it has read everything; its reason matters more than the broken upload."""
        server.script("/", behaviors.answer_early(413, b"too big"))
        response = self.get(transport, server.url(), method="PUT", content=Pieces(*[b"x" * 65536] * 48))
        assert (response.status, response.read()) == (413, b"too big")
