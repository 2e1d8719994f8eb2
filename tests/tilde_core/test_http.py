"""The border types."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest

from tilde.exceptions import OutcomeUnknownError
from tilde_core.http import Headers, Request, Response, Timeout, redact_url


def test_headers_keep_order_case_and_repeats() -> None:
    headers = Headers([("Set-Cookie", "a"), ("X-One", "1"), ("set-cookie", "b")])
    assert headers["SET-COOKIE"] == "a, b"
    assert headers.get_all("set-cookie") == ["a", "b"]
    assert headers.multi_items() == (("Set-Cookie", "a"), ("X-One", "1"), ("set-cookie", "b"))
    assert list(headers) == ["set-cookie", "x-one"]
    assert len(headers) == 2
    assert "x-ONE" in headers
    assert 5 not in headers  # type: ignore[comparison-overlap]
    assert headers.get("missing") is None
    assert headers.without("Set-cookie") == Headers({"x-one": "1"})
    assert headers.set("X-ONE", "2")["x-one"] == "2"
    assert headers["x-one"] == "1"
    assert hash(Headers({"A": "1"})) == hash(Headers({"a": "1"}))
    assert Headers({"A": "1"}) != {"A": "1"}


@pytest.mark.parametrize("name", ["", "a b", "a:b", "é", "a\n"])
def test_bad_header_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="header name"):
        Headers({name: "x"})


@pytest.mark.parametrize("value", ["s3cret\n", "a\r\nX: s3cret", "s3cret\0", 5])
def test_bad_header_values_are_refused_unprinted(value: str) -> None:
    with pytest.raises(ValueError, match="header X-Key") as caught:
        Headers({"X-Key": value})
    assert "s3cret" not in str(caught.value)


def test_reprs_hide_secrets() -> None:
    headers = Headers(
        {"Authorization": "Bearer s3cret", "Cookie": "s3cret", "Location": "https://u:s3cret@h/p?sig=s3cret", "A": "b"}
    )
    request = Request(method="GET", url="https://h/p?sig=s3cret", headers=headers)
    for text in (repr(headers), repr(request), repr(Response(200, headers)), request.safe_url):
        assert "s3cret" not in text
    assert "https://h/p" in repr(request)


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://user:pw@host:8/p/a?q=1#f", "https://host:8/p/a"),
        ("/relative?x", "/relative"),
        ("http://[::1", "<unreadable URL>"),
        ("", ""),
    ],
)
def test_redact_url(url: str, redacted: str) -> None:
    assert redact_url(url) == redacted


def test_timeouts() -> None:
    assert Timeout.of(3) == Timeout(3, 3, 3, 3)
    assert Timeout.of(Timeout(1)) == Timeout(1)
    assert Timeout(None, 5, 50, None).at_most(20) == Timeout(20, 5, 20, 20)
    with pytest.raises(ValueError, match="read"):
        Timeout(read=0)


class TestResponse:
    def test_the_body_is_read_once_and_kept(self) -> None:
        closed: list[int] = []
        response = Response(200, {}, iter([b"a", b"", b"b"]), close=lambda: closed.append(1))
        assert response.read() == b"ab"
        assert response.read() == b"ab"
        assert response.is_closed
        assert closed == [1]

    def test_pieces_can_be_had_once(self) -> None:
        response = Response(200, {}, iter([b"a", b"b"]))
        assert list(response.iter_bytes()) == [b"a", b"b"]
        with pytest.raises(ValueError, match="already read or closed"):
            list(response.iter_bytes())

    def test_closing_early(self) -> None:
        closed: list[int] = []
        with Response(200, {}, iter([b"a"]), close=lambda: closed.append(1)) as response:
            assert not response.is_closed
        response.close()
        assert closed == [1]
        with pytest.raises(ValueError, match="closed"):
            response.read()

    def test_a_body_that_breaks_frees_the_connection(self) -> None:
        def body() -> Iterator[bytes]:
            yield b"a"
            raise OutcomeUnknownError("x")

        response = Response(200, {}, body())
        with pytest.raises(OutcomeUnknownError):
            response.read()
        assert response.is_closed

    def test_bytes_and_pickling(self) -> None:
        assert list(Response(200, {}, b"ab").iter_bytes()) == [b"ab"]
        assert list(Response(204).iter_bytes()) == []
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(Response(200))
