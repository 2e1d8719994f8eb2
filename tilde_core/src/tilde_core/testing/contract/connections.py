"""Connections are reused, bounded, given back, and never shared with another process."""

from __future__ import annotations

import os
import pickle
import signal
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tilde_core.exceptions import NotSentError, OutcomeUnknownError
from tilde_core.hooks.offers import Transport, TransportSettings
from tilde_core.http import Timeout
from tilde_core.testing import behaviors
from tilde_core.testing.behaviors import answer, echo
from tilde_core.testing.contract.base import SHORT, TransportRules
from tilde_core.testing.exchange import Exchange
from tilde_core.testing.loopback import LoopbackServer

__all__ = ["ConnectionRules", "ended_well", "in_child", "needs_fork", "start_child"]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


class ConnectionRules(TransportRules):
    """Rules about connections."""

    def test_connection_is_reused(self, transport: Transport, server: LoopbackServer) -> None:
        """Reading to the end gives the connection back."""
        server.script("/body", answer(body=b"body"))
        server.script("/chunked", behaviors.chunked([b"ab", b"c"]))
        for target in ("/body", "/chunked", "/body"):
            self.get(transport, server.url(target)).read()
        assert server.connections == 1

    @pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304), ("PUT", 200)])
    def test_answer_without_body_needs_no_reading(
        self, transport: Transport, server: LoopbackServer, method: str, status: int
    ) -> None:
        """The connection is free at once: who looks at the status alone holds nothing up."""
        server.script("/", answer(status, b"" if method == "PUT" else b"12345"))
        for _ in range(3):
            assert self.get(transport, server.url(), method=method).status == status
        assert server.connections == 1

    def test_connection_closed_by_the_server_is_replaced(self, transport: Transport, server: LoopbackServer) -> None:
        """An idle connection that the server has closed is no reason to fail."""
        done = server.gate()
        server.enqueue(behaviors.hang_up_after(answer(body=b"one"), done))
        assert self.get(transport, server.url()).read() == b"one"
        assert done.wait(self.guard)
        assert self.get(transport, server.url(), method="POST").read() == b""
        assert server.connections == 2

    def test_closing_early_gives_the_connection_back(self, narrow: Transport, server: LoopbackServer) -> None:
        """However much of the body is still to come, and more often than there are connections."""
        server.script("/slow", behaviors.dribble([b"first", b"rest"], [server.gate()]))
        kept = []  # so that nothing but `close` closes them
        for _ in range(4):
            response = self.get(narrow, server.url("/slow"), timeout=Timeout.of(self.guard))
            kept.append((response, response.iter_bytes()))
            assert next(kept[-1][1]) == b"first"
            response.close()
            response.close()
        assert self.get(narrow, server.url(), timeout=Timeout.of(self.guard)).read() == b""

    def test_failures_give_the_connection_back(self, narrow: Transport, server: LoopbackServer) -> None:
        """A pool that shrinks with each error would end in a standstill."""
        for _ in range(2):
            server.enqueue(behaviors.hang_up(), behaviors.truncated(b"half", 8), behaviors.garbage())
            for _ in range(3):
                with pytest.raises(Exception, match=str(server.port)):
                    self.get(narrow, server.url(), timeout=Timeout.of(self.guard)).read()
        assert self.get(narrow, server.url(), timeout=Timeout.of(self.guard)).read() == b""

    def test_pool_is_bounded(self, narrow: Transport, server: LoopbackServer) -> None:
        """The third request waits for one of two connections, and gets one when an answer is closed."""
        server.script("/slow", behaviors.dribble([b"first", b"rest"], [server.gate()]))
        held = [self.get(narrow, server.url("/slow")) for _ in range(2)]
        with pytest.raises(NotSentError, match=r"busy for 0\.2 seconds"):
            self.get(narrow, server.url(), timeout=SHORT)
        assert (server.connections, len(server.requests)) == (2, 2)
        held[0].close()
        assert self.get(narrow, server.url(), timeout=Timeout.of(self.guard)).read() == b""
        held[1].close()

    def test_threads_share_the_transport(self, narrow: Transport, server: LoopbackServer) -> None:
        """Sixteen threads, two connections, and each gets the answer to its own request."""
        server.script("/", echo())

        def send(number: int) -> bool:
            body = b"%d," % number * (number * 10)
            return self.get(narrow, server.url(), method="PUT", content=body).read() == body

        with ThreadPoolExecutor(16) as threads:
            assert all(threads.map(send, range(160)))
        assert server.connections <= 2

    def test_close_twice_and_send_no_more(self, transport: Transport, server: LoopbackServer) -> None:
        """The error says that it is the client that is closed."""
        self.get(transport, server.url()).read()
        transport.close()
        transport.close()
        with pytest.raises(NotSentError, match="client is closed"):
            self.get(transport, server.url())
        assert len(server.requests) == 1

    @pytest.mark.parametrize("head", [("Content-Length", "99"), ("Transfer-Encoding", "chunked")])
    def test_close_cuts_off_what_is_unread(
        self, transport: Transport, server: LoopbackServer, head: tuple[str, str]
    ) -> None:
        """Every connection is freed, nothing hangs, and half a body is not taken for a whole one."""
        gone = server.gate()

        def wait_for_the_end(exchange: Exchange) -> None:
            exchange.send_head(200, [head])
            exchange.send(b"2\r\nab\r\n")
            exchange.read_to_end()
            gone.set()

        server.script("/", wait_for_the_end)
        response = self.get(transport, server.url())
        pieces = response.iter_bytes()
        assert next(pieces)
        transport.close()
        assert gone.wait(self.guard), "the connection of an answer that is being read is still open"
        with pytest.raises(OutcomeUnknownError):
            next(pieces)
        response.close()

    def test_pickled_transport_opens_anew(self, server: LoopbackServer) -> None:
        """With the same settings, and connections of its own."""
        transport = self.open_transport(TransportSettings(max_connections=1))
        self.get(transport, server.url()).read()
        copy: Transport = pickle.loads(pickle.dumps(transport))
        server.script("/slow", behaviors.dribble([b"first", b"rest"], [server.gate()]))
        with self.get(copy, server.url("/slow")), pytest.raises(NotSentError):
            self.get(copy, server.url(), timeout=SHORT)
        assert self.get(transport, server.url()).read() == b""
        transport.close()
        copy.close()

    @needs_fork
    def test_forked_process_can_open_its_own(self, transport: Transport, server: LoopbackServer) -> None:
        """And the transport of the parent goes on."""
        self.get(transport, server.url()).read()
        assert in_child(lambda: self.get(self.open_transport(TransportSettings()), server.url()).read() == b"")
        assert self.get(transport, server.url()).read() == b""
        assert server.connections == 2

    @needs_fork
    def test_forked_process_does_not_share_connections(self, transport: Transport, server: LoopbackServer) -> None:
        """Two processes on one connection would read each other's answers."""
        server.script("/", echo())
        self.get(transport, server.url()).read()
        assert in_child(lambda: self.get(transport, server.url(), method="PUT", content=b"child").read() == b"child")
        assert self.get(transport, server.url(), method="PUT", content=b"parent").read() == b"parent"
        assert server.connections == 2


def in_child(check: Callable[[], bool]) -> bool:
    """Return what `check` says in a forked process."""
    return ended_well(start_child(check))


def start_child(check: Callable[[], bool]) -> int:
    """Fork a process that looks into `check`, and return its id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 on warns of threads, and the server has some
        child = os.fork()
    if not child:
        signal.alarm(30)  # whoever waits for a lock that nobody holds here would wait for ever
        status = 1
        try:
            status = 0 if check() else 1
        finally:
            os._exit(status)
    return child


def ended_well(child: int) -> bool:
    """Wait for the end of a forked process, and return what its `check` said."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
