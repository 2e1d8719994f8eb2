"""Every failure is one of two errors, and which one tells whether something may have left the machine."""

from __future__ import annotations

import socket
from functools import cache

import pytest

from tilde_core.exceptions import ConfigurationError, NotSentError, OutcomeUnknownError, TransportError
from tilde_core.hooks.offers import Transport
from tilde_core.http import Headers, Timeout
from tilde_core.testing import behaviors
from tilde_core.testing.contract.base import SHORT, TransportRules
from tilde_core.testing.exchange import Behavior
from tilde_core.testing.loopback import LoopbackServer

__all__ = ["FailureRules", "unused_port"]

BAD_URLS = ["ftp://127.0.0.1/", "127.0.0.1/", "/path", "http://", "http:///path", "http://[::1/", "http://a b/"]
BAD_URLS += [
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:x/",
    "http://127.0.0.1/a b",
    "http://127.0.0.1/\xe9",
    "http://a..b/",
    f"http://{'a' * 64}.test/",
]
NO_ANSWER: dict[str, Behavior] = {
    "hang up": behaviors.hang_up(),
    "reset": behaviors.reset(),
    "reset after request": behaviors.reset_after_request(),
    "garbage": behaviors.garbage(),
    "binary status": behaviors.garbage(b"HTTP/1.1 abc Status\r\n\r\n"),
    "half a head": behaviors.garbage(b"HTTP/1.1 200 OK\r\nContent-"),
    "endless header": behaviors.garbage(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 400_000 + b"\r\n\r\n"),
    "NUL in a header": behaviors.garbage(b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n"),
}
HALF_ANSWER: dict[str, Behavior] = {
    "short": behaviors.truncated(b"half", 8),
    "nothing of it": behaviors.truncated(b"", 8),
    "large": behaviors.truncated(b"x" * 500_000, 500_001),
    "half a chunk": behaviors.truncated_chunk(b"half"),
}


@cache
def unused_port() -> int:
    """Return a port on 127.0.0.1 that nothing listens on, nor will: it is taken until this process ends."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    port: int = taken.getsockname()[1]
    taken.detach()
    return port


class FailureRules(TransportRules):
    """Rules about failures."""

    def test_refused_connection_was_not_sent(self, transport: Transport, server: LoopbackServer) -> None:
        """And the message names the host and asks after the server."""
        port = unused_port()
        with pytest.raises(NotSentError, match=f"127.0.0.1:{port} refused the connection.*running"):
            self.get(transport, f"http://127.0.0.1:{port}/x", method="POST", content=b"abc")

    def test_unknown_host_was_not_sent(self, transport: Transport, server: LoopbackServer) -> None:
        """And the message names it."""
        with pytest.raises(NotSentError, match=r"nosuchhost\.invalid"):
            self.get(transport, "http://nosuchhost.invalid/")

    @pytest.mark.parametrize("url", BAD_URLS)
    def test_unusable_url_is_refused(self, transport: Transport, server: LoopbackServer, url: str) -> None:
        """An unknown protocol or a malformed URL will never work: no error that would be tried again."""
        with pytest.raises(ConfigurationError, match=r"contract\.test: ") as caught:
            self.get(transport, f"{url}?sig=s3cret")
        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize("character", ["\u20ac", "\x01", "\x0b", "\x7f"])
    def test_unusable_header_is_refused(self, transport: Transport, server: LoopbackServer, character: str) -> None:
        """HTTP knows Latin-1 without control characters; the message names the header, never the value."""
        with pytest.raises(ConfigurationError, match=r"header X-Bad") as caught:
            self.get(transport, server.url(), headers=Headers({"X-Bad": f"s3cret {character}"}))
        assert "s3cret" not in str(caught.value)
        assert server.requests == []

    def test_failed_tls_handshake_was_not_sent(self, transport: Transport, server: LoopbackServer) -> None:
        """The request goes out after the handshake."""
        server.on_connect(behaviors.garbage(b"HTTP/1.1 400 this port speaks no TLS\r\n\r\n"))
        with pytest.raises(NotSentError, match=f"127.0.0.1:{server.port}"):
            self.get(transport, server.url().replace("http", "https", 1), method="POST", content=b"abc")

    def test_stalled_tls_handshake_was_not_sent(self, transport: Transport, server: LoopbackServer) -> None:
        """The time-out for connecting covers the handshake."""
        server.on_connect(behaviors.stall(server.gate()))
        with pytest.raises(NotSentError, match=f"127.0.0.1:{server.port}"):
            self.get(transport, server.url().replace("http", "https", 1), timeout=Timeout(connect=0.2))

    @pytest.mark.parametrize("behavior", NO_ANSWER.values(), ids=NO_ANSWER.keys())
    def test_no_answer_leaves_the_outcome_unknown(
        self, transport: Transport, server: LoopbackServer, behavior: Behavior
    ) -> None:
        """And the request is not sent a second time."""
        server.enqueue(behavior)
        with pytest.raises(OutcomeUnknownError, match=f"127.0.0.1:{server.port}|malformed header"):
            self.get(transport, server.url("/x"), method="POST", content=b"abc")
        assert len(server.requests) == 1

    @pytest.mark.parametrize("behavior", [behaviors.hang_up(), behaviors.reset_after_request()], ids=["end", "reset"])
    def test_no_answer_on_a_used_connection_leaves_the_outcome_unknown(
        self, transport: Transport, server: LoopbackServer, behavior: Behavior
    ) -> None:
        """The server has read the request: that the connection was an old one makes it no safer to send it twice."""
        assert self.get(transport, server.url()).read() == b""
        server.enqueue(behavior)
        with pytest.raises(OutcomeUnknownError, match=f"127.0.0.1:{server.port}"):
            self.get(transport, server.url("/x"), method="POST", content=b"abc")
        assert [request.target for request in server.requests] == ["/", "/x"]

    def test_hang_up_at_once_leaves_the_outcome_unknown(self, transport: Transport, server: LoopbackServer) -> None:
        """What a server read before it went cannot be known, and there is no second try behind the caller's back."""
        server.on_connect(behaviors.hang_up())
        with pytest.raises(OutcomeUnknownError):
            self.get(transport, server.url())
        assert (server.connections, len(server.requests)) == (1, 0)

    def test_reset_at_once_is_a_transport_error(self, transport: Transport, server: LoopbackServer) -> None:
        """Of either kind, as it may come before or after the request; there is no second try here either."""
        server.on_connect(behaviors.reset())
        with pytest.raises(TransportError):
            self.get(transport, server.url())
        assert (server.connections, len(server.requests)) == (1, 0)

    @pytest.mark.parametrize("behavior", HALF_ANSWER.values(), ids=HALF_ANSWER.keys())
    def test_half_an_answer_leaves_the_outcome_unknown(
        self, transport: Transport, server: LoopbackServer, behavior: Behavior
    ) -> None:
        """A body that ends before its length is not a shorter body."""
        server.enqueue(behavior)
        response = self.get(transport, server.url())
        with pytest.raises(OutcomeUnknownError, match=f"127.0.0.1:{server.port}"):
            response.read()
        assert self.get(transport, server.url()).read() == b""

    def test_reset_in_the_body_leaves_the_outcome_unknown(self, transport: Transport, server: LoopbackServer) -> None:
        """Also when some of it was read."""
        read = server.gate()
        server.enqueue(behaviors.reset_in_body(b"half", 8, read))
        pieces = self.get(transport, server.url()).iter_bytes()
        assert next(pieces) == b"half"
        read.set()
        with pytest.raises(OutcomeUnknownError):
            next(pieces)

    def test_silence_times_out(self, transport: Transport, server: LoopbackServer) -> None:
        """The message says for how long there was nothing."""
        server.enqueue(behaviors.stall(server.gate()))
        with pytest.raises(OutcomeUnknownError, match=r"sent nothing for 0\.2 seconds"):
            self.get(transport, server.url(), timeout=SHORT)

    def test_silence_in_the_body_times_out(self, transport: Transport, server: LoopbackServer) -> None:
        """The limit is for each wait, also for those in the body."""
        server.enqueue(behaviors.dribble([b"first", b"rest"], [server.gate()]))
        # On a machine that is busy, already the first bytes may come too late.
        with pytest.raises(OutcomeUnknownError, match=r"sent nothing for 0\.2 seconds"):
            self.get(transport, server.url(), timeout=SHORT).read()

    def test_server_that_reads_nothing_times_out(self, transport: Transport, server: LoopbackServer) -> None:
        """The limit for writing ends an upload that nobody takes."""
        server.enqueue(behaviors.read_nothing(server.gate()))
        with pytest.raises(OutcomeUnknownError, match=r"took nothing for 0\.2 seconds"):
            self.get(transport, server.url(), method="PUT", content=b"x" * 2**25, timeout=Timeout(write=0.2))

    @pytest.mark.parametrize("behavior", [behaviors.hang_up(), behaviors.truncated(b"half", 8)], ids=["send", "read"])
    def test_error_says_which_request_it_was(
        self, transport: Transport, server: LoopbackServer, behavior: Behavior
    ) -> None:
        """Method, URL without query, operation; and the cause is kept."""
        server.enqueue(behavior)
        with pytest.raises(TransportError) as caught:
            self.get(transport, server.url("/x?sig=s3cret"), method="PUT", content=b"abc").read()
        error = caught.value
        assert type(error) in (NotSentError, OutcomeUnknownError)
        assert (error.method, error.url, error.operation) == ("PUT", server.url("/x"), "contract.test")
        assert error.__cause__ is not None
