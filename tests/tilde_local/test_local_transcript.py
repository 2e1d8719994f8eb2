"""Output of programs as plain text: escapes, line ends, broken characters, wherever it was cut into pieces."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilde_local.console.transcript import Tail, Transcript, read_tail


def whole(data: bytes) -> str:
    return Transcript().add(data, is_last=True)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"plain\n\ttext", "plain\n\ttext"),
        (b"\x1b[31mred\x1b[0m \x1b[1;38;5;208mbold\x1b[m", "red bold"),
        (b"\x1b[2J\x1b[10;4Hhere\x1b[K\x1b[?25l", "here"),
        (b"\x1b]0;a title\x07text\x1b]8;;http://x.example\x1b\\link\x1b]8;;\x1b\\", "textlink"),
        (b"\x1bPsixel\x1b\\\x1b(B\x1b=\x1bcafter", "after"),
        (b"10%\r20%\r\ndone\r", "10%\n20%\ndone\n"),
        (b"\xff\xe2\x82", "\ufffd\ufffd"),
        ("\u20ac".encode(), "\u20ac"),
        # What does not come to its end is no escape: it is shown, not hidden.
        (b"a\x1b]0;title", "a\x1b]0;title"),
        (b"a\x1b[3", "a\x1b[3"),
        (b"\x1b]" + b"x" * 5000 + b"\x07", "\x1b]" + "x" * 5000 + "\x07"),
    ],
)
def test_what_is_left(data: bytes, expected: str) -> None:
    assert whole(data) == expected


PIECES = st.sampled_from(
    [b"\x1b", b"[", b"]", b"31", b"m", b"\x07", b"\\", b"\r", b"\n", b"x", b"P", b"\xe2", b"\x82\xac"]
)


@given(st.lists(PIECES, max_size=30), st.lists(st.integers(0, 40), max_size=5))
def test_where_it_was_cut_does_not_matter(pieces: list[bytes], cuts: list[int]) -> None:
    data, transcript = b"".join(pieces), Transcript()
    found, begin = "", 0
    for end in (*sorted(cuts), len(data)):
        found += transcript.add(data[begin:end])
        begin = max(begin, end)
    assert found + transcript.add(b"", is_last=True) == whole(data)


def test_a_text_is_told_as_it_comes() -> None:
    transcript = Transcript()
    assert [transcript.add(each) for each in (b"a\x1b[3", b"1mb\r", b"\nc")] == ["a", "b", "\nc"]


@pytest.mark.parametrize(
    ("content", "limit", "expected"),
    [
        (b"one\ntwo\n", 100, Tail(b"one\ntwo\n", 0)),
        (b"one\ntwo\n", 6, Tail(b"two\n", 4)),
        (b"one\ntwo\n", 4, Tail(b"two\n", 4)),
        ("\u20ac\u20ac\u20ac".encode(), 5, Tail("\u20ac".encode(), 6)),
        (b"x" * 9000 + b"\nend\n", 8000, Tail(b"x" * 7995 + b"\nend\n", 1005)),
        (b"", 5, Tail(b"", 0)),
    ],
)
def test_the_last_of_a_file(tmp_path: Path, content: bytes, limit: int, expected: Tail) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    assert read_tail(path, limit) == expected


def test_no_file_is_an_empty_one(tmp_path: Path) -> None:
    assert read_tail(tmp_path / "none", 5) == Tail(b"", 0)
