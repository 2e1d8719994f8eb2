"""What a command printed: all ways of reading it, large and oddly cut output too."""

from __future__ import annotations

import gc
import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilde_core.sandbox_io.output import OutputStream, OutputWriter, RunResult
from tilde_core.transfer import limits

MIB = 1024 * 1024


def test_all_ways_of_reading_again_and_again() -> None:
    stream = OutputStream("a\nbß\r\nc".encode())
    for _ in range(2):
        assert stream.read() == b"a\nb\xc3\x9f\r\nc"
        assert stream.text() == "a\nbß\r\nc"
        assert list(stream.iter_bytes(3)) == [b"a\nb", b"\xc3\x9f\r", b"\nc"]
        assert list(stream.iter_text(4)) == ["a\nb", "ß\r\nc"]
        assert list(stream.iter_lines()) == ["a", "bß", "c"]
    assert len(stream) == 8


def test_nothing() -> None:
    stream = OutputStream()
    assert (stream.read(), stream.text(), bool(stream)) == (b"", "", False)
    assert [*stream.iter_bytes(), *stream.iter_text(), *stream.iter_lines()] == []


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"\n", [""]),
        (b"a\n\nb", ["a", "", "b"]),
        (b"a\r\n", ["a"]),
        (b"a\r\r\nb\r", ["a\r", "b\r"]),
        ("a\x0bb\x0cc\x1cd\x85e\u2028f\n".encode(), ["a\x0bb\x0cc\x1cd\x85e\u2028f"]),
        (b"10%\r20%\rdone\n", ["10%\r20%\rdone"]),
    ],
)
def test_only_line_ends_end_lines(data: bytes, lines: list[str]) -> None:
    assert list(OutputStream(data).iter_lines()) == lines


@given(text=st.text(alphabet=st.sampled_from("aß€😀\r\n\x0c\u2028")), size=st.integers(1, 9))
def test_where_it_is_cut_makes_no_difference(text: str, size: int) -> None:
    stream = OutputStream(text.encode())
    assert b"".join(stream.iter_bytes(size)) == text.encode()
    assert "".join(stream.iter_text(size)) == text
    expected = [line.removesuffix("\r") for line in text.split("\n")]
    if not text.split("\n")[-1]:
        expected.pop()
    elif text.endswith("\r"):
        expected[-1] += "\r"
    assert list(stream.iter_lines()) == expected


def test_lines_across_chunks() -> None:
    line = "ß" * 50_001 + "\r\n"
    assert list(OutputStream(line.encode() * 3).iter_lines()) == ["ß" * 50_001] * 3


def test_what_is_no_text() -> None:
    stream = OutputStream(b"ok\n\xff\xc3")
    with pytest.raises(UnicodeDecodeError):
        stream.text()
    with pytest.raises(UnicodeDecodeError):
        list(stream.iter_lines())
    assert stream.text(errors="replace") == "ok\n\ufffd\ufffd"
    assert stream.text("latin-1") == "ok\nÿÃ"
    assert list(stream.iter_lines(errors="replace")) == ["ok", "\ufffd\ufffd"]
    assert list(stream.iter_text(1, errors="ignore")) == ["o", "k", "\n"]
    assert list(OutputStream("a\nb".encode("utf-16")).iter_lines("utf-16")) == ["a", "b"]


@pytest.mark.parametrize(("size", "error"), [(0, ValueError), (-1, ValueError), (True, TypeError), ("1", TypeError)])
def test_a_size_that_is_none_is_refused_at_once(size: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="chunk_size"):
        OutputStream().iter_bytes(size)
    with pytest.raises(error, match="chunk_size"):
        OutputStream().iter_text(size)
    with pytest.raises(LookupError):
        OutputStream().iter_lines("no-such-encoding")


def test_much_of_it_lies_in_a_file_that_goes_with_it() -> None:
    writer = OutputWriter()
    tracemalloc.start()
    try:
        for _ in range(100):
            writer.write(b"x" * MIB)
        assert sum(map(len, writer.stream.iter_bytes())) == len(writer.stream) == 100 * MIB
        assert tracemalloc.get_traced_memory()[1] < 3 * limits.SPOOL_MEMORY
    finally:
        tracemalloc.stop()
    file = writer.stream._spool._file
    assert writer.stream._spool.is_on_disk
    assert not file.closed
    del writer
    gc.collect()
    assert file.closed


def test_reading_while_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SPOOL_MEMORY", 3)
    writer = OutputWriter()
    writer.write(b"one")
    chunks = writer.stream.iter_bytes(2)
    assert next(chunks) == b"on"
    writer.write(b"two")
    assert writer.stream.read() == b"onetwo"
    assert list(chunks) == [b"et", b"wo"]


@pytest.mark.parametrize("memory", [10, 10 * MIB])
def test_many_readers_at_once(monkeypatch: pytest.MonkeyPatch, memory: int) -> None:
    monkeypatch.setattr(limits, "SPOOL_MEMORY", memory)
    text = "".join(f"{number}\n" for number in range(20_000))
    stream = OutputStream(text.encode())
    with ThreadPoolExecutor(8) as pool:
        for lines in pool.map(lambda _: list(stream.iter_lines()), range(16)):
            assert lines == text.split("\n")[:-1]


def test_a_result_shows_little_and_pickles() -> None:
    result = RunResult(stdout=OutputStream(b"x" * MIB), exit_code=3, commit_id="c1", duration=1.23456)
    assert repr(result) == (
        "RunResult(exit_code=3, stdout=1048576 bytes, stderr=0 bytes, commit_id='c1', duration=1.23)"
    )
    copy = pickle.loads(pickle.dumps(result))
    assert copy.stdout.read() == b"x" * MIB
    assert (copy.exit_code, copy.commit_id, copy.duration) == (3, "c1", 1.23456)
    assert repr(RunResult()) == "RunResult(exit_code=None, stdout=0 bytes, stderr=0 bytes, duration=0)"


def test_a_result_shows_why_a_command_did_not_run() -> None:
    shown = repr(RunResult(exit_code=127, reason="command not found: nope"))
    assert (
        shown
        == "RunResult(exit_code=127, reason='command not found: nope', stdout=0 bytes, stderr=0 bytes, duration=0)"
    )
