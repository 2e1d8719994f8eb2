from __future__ import annotations

from collections.abc import Iterator

import pytest

from tilde_core.exceptions import NotSentError, OutcomeUnknownError
from tilde_core.hooks.offers import Transport
from tilde_core.http import Request, Response
from tilde_core.testing import FakeTransport


class Stream:
    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[bytes]:
        yield b"ab"
        yield b"cd"


def test_is_a_transport() -> None:
    assert isinstance(FakeTransport(), Transport)


def test_answers_in_order_and_records() -> None:
    first, second = Response(200, body=b"one"), Response(404)
    transport = FakeTransport([first, second])
    assert transport.send(Request(method="GET", url="http://a/")) is first
    assert transport.send(Request(method="PUT", url="http://b/", content=Stream())) is second
    assert [(request.url, request.content) for request in transport.requests] == [
        ("http://a/", b""),
        ("http://b/", b"abcd"),
    ]


def test_raises_an_exception_in_its_turn() -> None:
    transport = FakeTransport([OutcomeUnknownError("lost"), Response(200)])
    with pytest.raises(OutcomeUnknownError, match="lost"):
        transport.send(Request(method="GET", url="http://a/"))
    assert transport.send(Request(method="GET", url="http://a/")).status == 200


def test_answers_with_a_function() -> None:
    transport = FakeTransport(lambda request: Response(200, body=request.method.encode()))
    assert transport.send(Request(method="GET", url="http://a/")).read() == b"GET"


def test_request_too_many_names_itself_without_the_query() -> None:
    with pytest.raises(AssertionError, match=r"no answer left.*GET http://a/,"):
        FakeTransport().send(Request(method="GET", url="http://a/?sig=s3cret"))


def test_closed() -> None:
    transport = FakeTransport([Response(200)])
    transport.close()
    transport.close()
    with pytest.raises(NotSentError, match="client is closed"):
        transport.send(Request(method="GET", url="http://a/"))
