"""The pool of connections: which one is taken, and that no place in it is lost."""

from __future__ import annotations

import pytest

pytest.importorskip("httpx")
pytest.importorskip("tilde_transport_httpx")

from tilde.plugins import Request, Route, TransportSettings
from tilde_core.testing import LoopbackServer
from tilde_transport_httpx import HttpxTransport, lanes
from tilde_transport_httpx.lanes import Lane, Lanes


def to(host: str) -> Route:
    return Route("http", host, 80)


def test_the_lane_of_the_host_is_taken_and_else_the_one_that_was_idle_longest() -> None:
    pool = Lanes(TransportSettings(max_connections=3))
    a, b, c = (pool.take(to(host), 0) for host in "abc")
    assert pool.take(to("d"), 0) is None
    for lane in (a, b, c):
        assert lane is not None
        pool.give_back(lane)
    assert pool.take(to("b"), 0) is b
    taken = pool.take(to("d"), 0)
    assert taken is a
    assert taken is not None
    assert taken.route == to("d")
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
    def fail(*_: object) -> Lane:
        raise MemoryError

    pool = Lanes(TransportSettings(max_connections=1))
    monkeypatch.setattr(lanes, "Lane", fail)
    for _ in range(3):
        with pytest.raises(MemoryError):
            pool.take(to("a"), 0)
    monkeypatch.undo()
    assert pool.take(to("a"), 0) is not None
    assert pool.take(to("a"), 0) is None
    pool.close()
