"""What leaves the machine is the request as it was given: no more, no less, and to the letter."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from tilde_core.exceptions import OutcomeUnknownError
from tilde_core.hooks.offers import Transport, TransportSettings
from tilde_core.http import ByteStream, Headers
from tilde_core.testing.behaviors import answer, echo
from tilde_core.testing.contract.base import Pieces, TransportRules
from tilde_core.testing.exchange import Exchange
from tilde_core.testing.loopback import LoopbackServer

__all__ = ["OutgoingRules"]

TARGETS = [
    "/a%2Fb",
    "/a%2fb%c3%a9",
    "/%7Euser/~user",
    "/a;b=c,d",
    "/a+b%20c",
    "/a/../b/./c",
    "//double//slash",
    "/trailing/?",
    "/x?path=a%20b+c%2B&y=a/b?c:d@e",
    "/x?X-Amz-Signature=%3D%3d==&a=2&a=1",
    "/x?q='()*!$,;[]{}|^`\"<>\\",
    "/100%25/%zz%",
]
ALL_BYTES = bytes(range(256)) * 5
LARGE = bytes(range(251)) * 12_532  # a little over 3 MiB, of no round size
BODIES = {"one byte": b"x", "all bytes": ALL_BYTES, "large": LARGE}
STREAMS = {"pieces": (b"ab", b"", b"cde"), "all bytes": (ALL_BYTES, ALL_BYTES), "large": (LARGE[:7], LARGE[7:])}


class _Slow:
    """A `ByteStream` of a piece and, once that has arrived, the same piece again."""

    def __init__(self, piece: bytes, arrived: threading.Event, seconds: float) -> None:
        self._piece = piece
        self._seconds = seconds
        self._arrived = arrived
        self.was_waited_for = False

    def __len__(self) -> int:
        return len(self._piece) * 2

    def __iter__(self) -> Iterator[bytes]:
        yield self._piece
        self.was_waited_for = self._arrived.wait(self._seconds)
        yield self._piece


class OutgoingRules(TransportRules):
    """Rules about the request."""

    @pytest.mark.parametrize("target", TARGETS)
    def test_url_goes_out_to_the_letter(self, transport: Transport, server: LoopbackServer, target: str) -> None:
        """A presigned URL is good for these very characters only."""
        self.get(transport, server.url(target)).read()
        assert server.requests[0].line == f"GET {target} HTTP/1.1"

    def test_url_without_path_asks_for_the_root(self, transport: Transport, server: LoopbackServer) -> None:
        """HTTP has no empty path, and a fragment stays at home."""
        self.get(transport, server.url("?a=1#fragment")).read()
        assert server.requests[0].line == "GET /?a=1 HTTP/1.1"

    @pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
    def test_no_content_is_no_body(self, transport: Transport, server: LoopbackServer, method: str) -> None:
        """Not even an empty one that is announced."""
        self.get(transport, server.url(), method=method).read()
        assert server.requests[0].line == f"{method} / HTTP/1.1"
        assert server.requests[0].headers == [("Host", f"127.0.0.1:{server.port}")]

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
    @pytest.mark.parametrize("content", [b"", Pieces()], ids=["bytes", "stream"])
    def test_empty_body_has_a_length(
        self, transport: Transport, server: LoopbackServer, method: str, content: bytes | ByteStream
    ) -> None:
        """These methods have a body, if an empty one; and nothing else is added."""
        self.get(transport, server.url(), method=method, content=content).read()
        headers = [("Host", f"127.0.0.1:{server.port}"), ("Content-Length", "0")]
        assert sorted(server.requests[0].headers) == sorted(headers)

    @pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
    def test_bytes_arrive_as_they_are(self, transport: Transport, server: LoopbackServer, body: bytes) -> None:
        """With their length, not in chunks."""
        server.script("/", echo())
        assert self.get(transport, server.url(), method="PUT", content=body).read() == body
        assert server.requests[0].header("content-length") == [str(len(body))]
        assert server.requests[0].header("transfer-encoding") == []

    @pytest.mark.parametrize("pieces", STREAMS.values(), ids=STREAMS.keys())
    def test_stream_arrives_as_it_is(
        self, transport: Transport, server: LoopbackServer, pieces: tuple[bytes, ...]
    ) -> None:
        """With its length, not in chunks, and from the start each time it is sent."""
        server.script("/", echo())
        body = Pieces(*pieces)
        for _ in range(2):
            assert self.get(transport, server.url(), method="PUT", content=body).read() == b"".join(pieces)
        assert server.requests[1].header("content-length") == [str(len(body))]
        assert server.requests[1].header("transfer-encoding") == []

    def test_stream_goes_out_while_it_is_made(self, transport: Transport, server: LoopbackServer) -> None:
        """A file need not fit into memory: the server has the first piece before there is a second one."""
        arrived = server.gate()

        def take_the_first(exchange: Exchange) -> None:
            exchange.request.body = exchange.read(len(LARGE) // 2)  # the rest of it may be in a buffer
            arrived.set()
            answer()(exchange)

        server.enqueue(take_the_first)
        body = _Slow(LARGE, arrived, self.guard)
        assert self.get(transport, server.url(), method="PUT", content=body).read() == b""
        assert body.was_waited_for, "the whole stream was read before anything of it was sent"
        assert server.requests[0].body == LARGE * 2

    def test_sent_body_is_let_go(self, transport: Transport, server: LoopbackServer) -> None:
        """An idle connection keeps nothing of the last upload alive: neither its bytes nor the file they are from."""
        body = Pieces(b"x" * 1000)
        kept = weakref.ref(body)
        self.get(transport, server.url(), method="PUT", content=body).read()
        del body
        gc.collect()
        assert kept() is None

    @pytest.mark.parametrize(
        "framing", [("Content-Length", "1"), ("Transfer-Encoding", "chunked")], ids=["length", "chunked"]
    )
    def test_the_body_decides_on_framing(
        self, transport: Transport, server: LoopbackServer, framing: tuple[str, str]
    ) -> None:
        """A header that contradicts the body would let the next request be read as a part of this one."""
        server.script("/", echo())
        assert self.get(transport, server.url(), method="PUT", headers=Headers([framing]), content=b"abc").read()
        assert server.requests[0].header("content-length") == ["3"]
        assert server.requests[0].header("transfer-encoding") == []

    @pytest.mark.parametrize("error", [OSError(5, "disk"), BrokenPipeError(32, "pipe"), OutcomeUnknownError("other")])
    def test_error_of_the_stream_passes_unchanged(
        self, transport: Transport, server: LoopbackServer, error: Exception
    ) -> None:
        """It is the caller's own: a file that cannot be read is not a network that failed."""
        with pytest.raises(type(error)) as caught:
            self.get(transport, server.url(), method="PUT", content=Pieces(b"ab", error, length=9)).read()
        assert caught.value is error
        assert error.__cause__ is None
        assert error.__context__ is None
        assert self.get(transport, server.url()).read() == b""

    @pytest.mark.parametrize("length", [3, 9])
    def test_stream_of_another_length_is_an_error(
        self, transport: Transport, server: LoopbackServer, length: int
    ) -> None:
        """And no byte beyond the announced length is sent, which the server would take for the next request."""
        with pytest.raises(OutcomeUnknownError, match=f"the {length} bytes that it announced"):
            self.get(transport, server.url(), method="PUT", content=Pieces(b"ab", b"cde", length=length)).read()
        assert self.get(transport, server.url("/next")).read() == b""
        assert {request.target for request in server.requests} <= {"/", "/next"}

    def test_header_case_and_repeats_are_kept(self, transport: Transport, server: LoopbackServer) -> None:
        """Names go out as written; each line of a repeated header is its own."""
        lines = [("X-MiXed", "One"), ("x-repeated", "1"), ("x-repeated", "2"), ("X-Latin", "caf\xe9"), ("X-Empty", "")]
        self.get(transport, server.url(), headers=Headers(lines)).read()
        sent = server.requests[0].headers
        assert [line for line in sent if line[0] != "Host"] == lines

    def test_headers_of_the_caller_stand_alone(self, transport: Transport, server: LoopbackServer) -> None:
        """Where a backend has a default of its own, the caller's header takes its place."""
        lines = {"User-Agent": "sdk/1", "Accept": "text/a", "Accept-Encoding": "identity", "Host": "other.example"}
        self.get(transport, server.url(), headers=Headers(lines)).read()
        assert dict(server.requests[0].headers) == lines
        assert len(server.requests[0].headers) == len(lines)

    def test_cookies_are_not_remembered(self, transport: Transport, server: LoopbackServer) -> None:
        """A cookie of one request has no business in the next."""
        server.script("/", answer(headers=[("Set-Cookie", "a=1; Path=/")]))
        for _ in range(2):
            self.get(transport, server.url()).read()
        assert server.requests[1].header("cookie") == []

    def test_netrc_and_user_info_are_not_credentials(
        self, transport: Transport, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Only the SDK adds an `Authorization`."""
        netrc = tmp_path / ".netrc"
        netrc.write_text("machine 127.0.0.1 login me password s3cret\n")
        netrc.chmod(0o600)  # some libraries do not read one that others may read
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(netrc))
        self.get(transport, server.url().replace("//", "//me:s3cret@", 1)).read()
        assert [name for name, _ in server.requests[0].headers] == ["Host"]

    @pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
    def test_environment_is_not_read(self, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """A transport uses the proxy it is told to use, and it is told none."""
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        transport = self.open_transport(TransportSettings())
        assert self.get(transport, server.url()).read() == b""
        transport.close()
