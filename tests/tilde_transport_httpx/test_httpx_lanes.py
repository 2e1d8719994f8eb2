"""The pool of connections: which one is taken, and that no place in it is lost."""

from __future__ import annotations

import ssl

import pytest

pytest.importorskip("httpx")
pytest.importorskip("tilde_transport_httpx")

from tilde.plugins import Request, TransportSettings
from tilde_core.testing import LoopbackServer
from tilde_transport_httpx import HttpxTransport, lanes
from tilde_transport_httpx.lanes import Lane, Lanes


def test_the_lane_of_the_host_is_taken_and_else_the_one_that_was_idle_longest() -> None:
    pool = Lanes(3)
    a, b, c = (pool.take(host, 0) for host in "abc")
    assert pool.take("d", 0) is None
    for lane in (a, b, c):
        assert lane is not None
        pool.give_back(lane)
    assert pool.take("b", 0) is b
    taken = pool.take("d", 0)
    assert taken is a
    assert taken is not None
    assert taken.origin == "d"
    pool.close()


def test_a_connection_that_is_taken_over_from_another_host() -> None:
    with LoopbackServer() as one, LoopbackServer() as other:
        transport = HttpxTransport(TransportSettings(max_connections=1))
        for server in (one, one, other, one):
            assert transport.send(Request(method="GET", url=server.url())).status == 200
        transport.close()
        assert (one.connections, other.connections) == (2, 1)
        assert (len(one.requests), len(other.requests)) == (3, 1)


def test_a_lane_that_cannot_be_made_leaves_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: ssl.SSLContext) -> Lane:
        raise MemoryError

    pool = Lanes(1)
    monkeypatch.setattr(lanes, "Lane", fail)
    for _ in range(3):
        with pytest.raises(MemoryError):
            pool.take("a", 0)
    monkeypatch.undo()
    assert pool.take("a", 0) is not None
    assert pool.take("a", 0) is None
    pool.close()


def test_certificates_that_cannot_be_read_are_told_when_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> ssl.SSLContext:
        raise FileNotFoundError("cacert.pem")

    monkeypatch.setattr(lanes, "_ssl_context", fail)
    with pytest.raises(FileNotFoundError, match=r"cacert\.pem"):
        HttpxTransport()
