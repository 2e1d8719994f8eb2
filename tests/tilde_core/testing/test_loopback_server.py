from __future__ import annotations

import socket

import pytest

from tilde_core.testing import Behavior, Exchange, LoopbackServer, behaviors


def talk(server: LoopbackServer, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(sent)
        return b"".join(iter(lambda: client.recv(65536), b""))


GET = b"GET /x?y HTTP/1.1\r\nHost: h\r\nx-A: 1\r\nX-a: 2\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"


def test_records_the_request_as_it_came() -> None:
    with LoopbackServer() as server:
        server.script("/x", behaviors.answer_until_close(b"done"))
        assert talk(server, GET).endswith(b"\r\n\r\ndone")
        request = server.requests[0]
        assert (request.line, request.method, request.target) == ("GET /x?y HTTP/1.1", "GET", "/x?y")
        assert request.headers == [("Host", "h"), ("x-A", "1"), ("X-a", "2")]
        assert request.header("X-A") == ["1", "2"]
        assert server.connections == 1


def test_records_the_body() -> None:
    with LoopbackServer() as server:
        server.script("/x", behaviors.hang_up_after(behaviors.echo(), server.gate()))
        assert talk(server, POST).endswith(b"Content-Length: 3\r\n\r\nabc")
        assert server.requests[0].body == b"abc"


def test_two_requests_on_one_connection_and_the_queue_comes_first() -> None:
    with LoopbackServer() as server:
        server.enqueue(behaviors.answer(201))
        server.script("/x", behaviors.answer_until_close(b"end"))
        answers = talk(server, POST + GET)
        assert answers.startswith(b"HTTP/1.1 201 ")
        assert answers.endswith(b"end")
        assert (server.connections, len(server.requests)) == (1, 2)


def test_unscripted_path_is_an_empty_200() -> None:
    with LoopbackServer() as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(GET)
        assert client.recv(1000) == b"HTTP/1.1 200 Status\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("behavior", [behaviors.reset(), behaviors.reset_after_request()])
def test_reset_is_a_reset(behavior: Behavior) -> None:
    with LoopbackServer() as server:
        server.enqueue(behavior)
        with pytest.raises(ConnectionResetError):
            talk(server, POST)


def test_acts_on_connect_before_anything_is_read() -> None:
    with LoopbackServer() as server:
        server.on_connect(behaviors.hang_up())
        assert talk(server, b"") == b""
        assert (server.connections, server.requests) == (1, [])


def test_gate_holds_the_answer_back() -> None:
    with LoopbackServer() as server, socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        gate = server.gate()
        server.script("/x", behaviors.dribble([b"first", b"rest"], [gate]))
        client.sendall(GET)
        received = b""
        while not received.endswith(b"first"):
            received += client.recv(1000)
        gate.set()
        assert client.recv(1000) == b"rest"


def test_early_answer_leaves_the_body_unread() -> None:
    with LoopbackServer() as server:
        server.enqueue(behaviors.answer_early(413))
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(b"PUT /x HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc")
            assert client.recv(1000).startswith(b"HTTP/1.1 413 ")
        assert server.requests[0].body == b""


def test_close_ends_what_stalls_and_may_be_called_twice() -> None:
    server = LoopbackServer()
    server.enqueue(behaviors.dribble([b"first", b"rest"], [server.gate()]))
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client, server:
        client.sendall(GET)
        assert client.recv(10) == b"HTTP/1.1 2"
        server.close()
        assert b"".join(iter(lambda: client.recv(1000), b"")).startswith(b"00 Status")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_behavior_of_ones_own() -> None:
    def teapot(exchange: Exchange) -> None:
        exchange.send_head(418, [("X-Asked", exchange.request.target)])
        exchange.hang_up()

    with LoopbackServer() as server:
        server.script("/x", teapot)
        assert talk(server, GET) == b"HTTP/1.1 418 Status\r\nX-Asked: /x?y\r\n\r\n"
