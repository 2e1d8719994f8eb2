"""`ObjectReader` as a file, and what it does when connections, stores and objects misbehave."""

from __future__ import annotations

import csv
import gc
import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from object_service import ObjectService, call_name, commit_objects, download, headers_of, pieces
from support import FakeClock, fake_client
from tilde_core.exceptions import (
    APIError,
    IntegrityError,
    NotFoundError,
    OutcomeUnknownError,
    TildeError,
)
from tilde_core.http import Request, Response
from tilde_core.resources.objects import CommitObjects
from tilde_core.transfer import limits

DATA = bytes(range(256)) * 40  # 10240 bytes, in pieces of 1000


@pytest.fixture(autouse=True)
def nothing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """`DATA` stands for an object that is too large to be read when it is opened."""
    monkeypatch.setattr(limits, "AT_ONCE", 0)


class Store(ObjectService):
    """Has `DATA` at `a`; `store_requests` counts what reaches the object store."""

    def __init__(self) -> None:
        super().__init__()
        self.objects["a"] = DATA
        self.ranges: list[str] = []
        self.answers: list[Callable[[Request], Response]] = []
        self.overrides.append(self.from_list)

    def from_list(self, request: Request) -> Response | None:
        if call_name(request) != "GET store":
            return None
        self.ranges.append(request.headers.get("Range", ""))
        return self.answers.pop(0)(request) if self.answers else None


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def setup(store: Store) -> tuple[CommitObjects, FakeClock]:
    client, _, clock = fake_client(store)
    return commit_objects(client), clock


@pytest.fixture
def objects(setup: tuple[CommitObjects, FakeClock]) -> CommitObjects:
    return setup[0]


def breaks_after(count: int, error: Exception | None = None, **changed: str) -> Callable[[Request], Response]:
    """An answer whose body stops after so many bytes: without a word, or with an error."""

    def behave(request: Request) -> Response:
        whole = download(request, DATA)
        body = whole.read()

        def broken() -> Iterator[bytes]:
            yield from pieces(body[:count], 100)
            if error is not None:
                raise error

        headers = whole.headers
        for name, value in changed.items():
            headers = headers.set(name.replace("_", "-"), value)
        return Response(whole.status, headers, broken())

    return behave


def with_id(response: Response) -> Response:
    return Response(response.status, response.headers.set("X-Request-Id", "r1"), response.iter_bytes())


def ignores_ranges(request: Request) -> Response:
    return Response(200, headers_of(DATA), pieces(DATA))


def test_what_the_headers_say(objects: CommitObjects) -> None:
    with objects.get("a") as f:
        assert f.etag == headers_of(DATA)["ETag"].strip('"')
        assert (f.content_type, f.content_length, f.content_range) == ("text/plain", len(DATA), None)
        assert f.reproducible is True
        assert f.metadata == {}
        assert (f.name, f.mode) == ("a", "rb")
        assert f.read() == DATA
        assert f.read() == b""
    assert f.closed
    assert f.content_length == len(DATA)
    assert repr(f) == "ObjectReader('a', closed)"


def test_a_missing_object_is_told_by_get(objects: CommitObjects) -> None:
    with pytest.raises(NotFoundError, match="no such object"):
        objects.get("b")
    with pytest.raises(NotFoundError, match="there is no object 'b' in commit c1"):
        objects.head("b")
    assert not objects.exists("b")


def test_an_empty_object(store: Store, objects: CommitObjects) -> None:
    store.objects["empty"] = b""
    with objects.get("empty") as f:
        assert f.content_length == 0
        assert f.read() == f.read1() == f.read(5) == f.readline() == f.peek() == b""
        assert list(f.iter_bytes()) == []
        assert f.seek(0, 2) == 0
    with pytest.raises(APIError, match=r"byte_range=\(0, 3\) begins beyond the end of 'empty'"):
        objects.get("empty", byte_range=(0, 3))


def test_closed(objects: CommitObjects) -> None:
    f = objects.get("a")
    f.close()
    f.close()
    for call in (f.read, f.read1, f.peek, f.tell, f.readable, f.seekable, f.readline, f.iter_bytes):
        with pytest.raises(ValueError, match="closed"):
            call()
    with pytest.raises(ValueError, match="closed"):
        f.seek(0)


@pytest.mark.parametrize("cache", [True, False])
def test_dropping_it_frees_the_connection(store: Store, objects: CommitObjects, cache: bool) -> None:
    closed: list[bool] = []
    store.answers.append(
        lambda request: Response(200, headers_of(DATA), iter(pieces(DATA)), close=lambda: closed.append(True))
    )
    f = objects.get("a", cache=cache)
    f.read(5000)
    del f
    gc.collect()
    assert closed == [True]


def test_reading_to_the_end_frees_the_connection(store: Store, objects: CommitObjects) -> None:
    closed: list[bool] = []
    body = iter(pieces(DATA))
    store.answers.append(lambda request: Response(200, headers_of(DATA), body, close=lambda: closed.append(True)))
    f = objects.get("a")
    f.read(len(DATA))
    assert closed == [True]
    assert next(body, None) is None
    f.close()


@pytest.mark.parametrize("byte_range", [None, (0, None)])
def test_a_small_object_holds_no_connection(
    store: Store,
    objects: CommitObjects,
    monkeypatch: pytest.MonkeyPatch,
    byte_range: tuple[int, int | None] | None,
) -> None:
    monkeypatch.setattr(limits, "AT_ONCE", len(DATA))
    closed: list[bool] = []

    def behave(request: Request) -> Response:
        answer = download(request, DATA)
        return Response(answer.status, answer.headers, iter(pieces(DATA)), close=lambda: closed.append(True))

    store.answers = [behave]
    f = objects.get("a", byte_range=byte_range)
    assert closed == [True]
    assert f.read() == DATA
    assert len(store.ranges) == 1
    f.close()
    store.answers = [behave]
    monkeypatch.setattr(limits, "AT_ONCE", len(DATA) - 1)
    objects.get("a", byte_range=byte_range).close()
    assert closed == [True, True]


def test_ctrl_c_while_a_small_object_is_opened(
    store: Store, objects: CommitObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []

    def interrupted() -> Iterator[bytes]:
        yield DATA[:500]
        raise KeyboardInterrupt

    def behave(request: Request) -> Response:
        answer = download(request, DATA)
        return Response(answer.status, answer.headers, interrupted(), close=lambda: closed.append(True))

    monkeypatch.setattr(limits, "AT_ONCE", len(DATA))
    with objects.get("a", cache=False) as f:
        f.read()
        f.seek(5)
        store.answers = [behave]
        with pytest.raises(KeyboardInterrupt):
            f.read()
        assert closed == [True]
        assert f.read() == DATA[5:]
    store.answers = [behave]
    with pytest.raises(KeyboardInterrupt):
        objects.get("a")
    assert closed == [True, True]


def test_iter_bytes(objects: CommitObjects) -> None:
    with objects.get("a", cache=False) as f:
        sizes = [len(chunk) for chunk in f.iter_bytes(chunk_size=4096)]
        assert sizes == [4096, 4096, 2048]
    for bad in (0, -1, True, 1.5, None):
        with objects.get("a") as f, pytest.raises(ValueError, match="chunk_size"):
            f.iter_bytes(bad)  # type: ignore[arg-type]


def test_as_a_file(store: Store, objects: CommitObjects) -> None:
    rows = [[str(n), f'say "{n}"\n', "é"] for n in range(500)]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    store.objects["rows.csv"] = text.getvalue().encode()
    with objects.get("rows.csv") as f:
        assert list(csv.reader(io.TextIOWrapper(f, "utf-8", newline=""))) == rows
    with objects.get("rows.csv") as f:
        assert b"".join(f) == store.objects["rows.csv"]
    with objects.open("rows.csv", "r", newline="") as lines:
        assert list(csv.reader(lines)) == rows
        lines.seek(0)
        assert lines.readline().startswith("0,")
        position = lines.tell()
        rest = lines.read()
        lines.seek(position)
        assert lines.read() == rest
    out = io.BytesIO()
    with objects.get("a") as f:
        shutil.copyfileobj(f, out)
        assert out.getvalue() == DATA
        f.seek(-6, 2)
        buffer = bytearray(10)
        assert f.readinto(buffer) == 6
        assert f.readinto1(buffer) == 0
        assert bytes(buffer[:6]) == DATA[-6:]
        f.seek(10)
        assert f.peek()[:3] == DATA[10:13]
        assert f.read1(3) == DATA[10:13]
        assert f.read1(0) == b""
        some = f.read1()
        assert some
        assert DATA[13:].startswith(some)


def test_a_zip_file(store: Store, objects: CommitObjects) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(5):
            archive.writestr(f"{number}.bin", DATA)
    store.objects["a.zip"] = made.getvalue()
    for cache in (True, False):
        with zipfile.ZipFile(objects.get("a.zip", cache=cache)) as archive:
            assert archive.testzip() is None
            assert archive.read("3.bin") == DATA
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(objects.get("a"))


@pytest.mark.parametrize("mode", ["w", "wb", "wt"])
def test_a_commit_cannot_be_written(objects: CommitObjects, mode: str) -> None:
    with pytest.raises(io.UnsupportedOperation, match="session"):
        objects.open("a", mode)


def test_modes(store: Store, objects: CommitObjects) -> None:
    for mode in ("x", "a", "r+", "br", "", "U"):
        with pytest.raises(ValueError, match="must be one of"):
            objects.open("a", mode)
    with pytest.raises(ValueError, match="binary"):
        objects.open("a", "rb", encoding="utf-8")
    assert store.calls == []
    with objects.open("a") as f:
        assert f.read() == DATA
    with pytest.raises(LookupError):
        objects.open("a", "r", encoding="no such")
    store.objects["latin"] = "é".encode("latin-1")
    with objects.open("latin", "rt", encoding="latin-1") as text:
        assert text.read() == "é"


def test_seeking_back_costs_no_request_with_the_cache(
    store: Store, objects: CommitObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SPOOL_MEMORY", 100)
    with objects.get("a") as f:
        for _ in range(3):
            f.seek(0)
            assert f.read() == DATA
    assert store.ranges == [""]
    with objects.get("a", cache=False) as f:
        f.read()
        f.seek(0)
        assert f.read() == DATA
    assert store.ranges == ["", "", "bytes=0-10239"]


def test_a_short_way_ahead_is_read_over_and_a_long_one_asked_for(
    store: Store, objects: CommitObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SKIP", 2000)
    with objects.get("a") as f:
        f.seek(2000)
        assert f.read(3) == DATA[2000:2003]
        assert store.ranges == [""]
        f.seek(9000)
        assert f.read(3) == DATA[9000:9003]
        assert store.ranges == ["", "bytes=9000-10239"]
        f.seek(20000)
        assert f.read() == b""
        assert f.tell() == 20000
    for position, whence, kind in ((-1, 0, ValueError), (-20000, 2, OSError), (-1, 1, OSError), (0, 5, ValueError)):
        with objects.get("a") as f, pytest.raises(kind):
            f.seek(position, whence)


@pytest.mark.parametrize(
    ("byte_range", "content_range"),
    [
        ((0, 3), "bytes 0-3/10240"),
        ((1024, None), "bytes 1024-10239/10240"),
        ((10239, 99999), "bytes 10239-10239/10240"),
        ((0, None), "bytes 0-10239/10240"),
        ((5000, 6000), "bytes 5000-6000/10240"),
    ],
)
@pytest.mark.parametrize("has_ranges", [True, False])
def test_ranges(
    store: Store,
    objects: CommitObjects,
    byte_range: tuple[int, int | None],
    content_range: str,
    has_ranges: bool,
) -> None:
    if not has_ranges:
        store.answers = [ignores_ranges] * 3
    start, end = byte_range
    expected = DATA[start : None if end is None else end + 1]
    with objects.get("a", byte_range=byte_range, cache=False) as f:
        assert f.content_range == content_range
        assert f.content_length == len(expected)
        assert f.read() == expected
        assert f.tell() == len(expected)
        assert f.seek(1) == 1
        assert f.read(2) == expected[1:3]
        assert f.seek(-1, 2) == len(expected) - 1
        assert f.read() == expected[-1:]


def test_a_range_beyond_the_end(store: Store, objects: CommitObjects) -> None:
    with pytest.raises(APIError, match="beyond the end of 'a'") as caught:
        objects.get("a", byte_range=(10240, None))
    assert caught.value.status_code == 416
    store.answers.append(lambda request: with_id(ignores_ranges(request)))
    with pytest.raises(APIError, match="which has 10240 bytes") as caught:
        objects.get("a", byte_range=(10240, 10245))
    assert (caught.value.status_code, caught.value.request_id) == (416, "r1")


@pytest.mark.parametrize(
    "bad", [(-1, 5), (5, 4), (0, -1), (1,), "0-5", 5, (0, "5"), (True, 5), (0.0, 5), (None, 5), (0, 1, 2)]
)
def test_bad_ranges(store: Store, objects: CommitObjects, bad: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="byte_range"):
        objects.get("a", byte_range=bad)
    assert store.calls == []


WRONG: dict[str, dict[str, str]] = {
    "elsewhere": {"Content-Range": "bytes 100-103/10240"},
    "too long": {"Content-Range": "bytes 0-9/10240"},
    "too short": {"Content-Range": "bytes 0-2/10240"},
    "no number": {"Content-Range": "bytes */10240"},
    "none": {},
    "other length": {"Content-Range": "bytes 0-3/10240", "Content-Length": "5"},
    "no length": {"Content-Range": "bytes 0-3/10240", "Content-Length": "four"},
    "impossible": {"Content-Range": "bytes 0-3/2"},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_content_range(store: Store, objects: CommitObjects, wrong: str) -> None:
    closed: list[bool] = []
    headers = {**WRONG[wrong], "X-Request-Id": "r1"}
    store.answers.append(lambda request: Response(206, headers, [b"four"], close=lambda: closed.append(True)))
    with pytest.raises(IntegrityError) as caught:
        objects.get("a", byte_range=(0, 3))
    assert closed == [True]
    assert (caught.value.operation, caught.value.request_id) == ("objects.get", "r1")


def test_a_part_that_nobody_asked_for(store: Store, objects: CommitObjects) -> None:
    store.answers.append(lambda request: Response(206, {"Content-Range": "bytes 0-3/10240"}, [b"four"]))
    with pytest.raises(IntegrityError, match="asked for the whole object"):
        objects.get("a")


BREAKS: dict[str, Callable[[], Callable[[Request], Response]]] = {
    "ends early": lambda: breaks_after(150),
    "breaks": lambda: breaks_after(150, OutcomeUnknownError("reset")),
    "breaks at once": lambda: breaks_after(0, OutcomeUnknownError("reset")),
    "fails": lambda: lambda request: Response(503),
}


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("byte_range", [None, (0, 10239), (1000, 9000)])
@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("at_once", [0, len(DATA)])
def test_a_broken_download_goes_on_where_it_stopped(
    store: Store,
    setup: tuple[CommitObjects, FakeClock],
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    byte_range: tuple[int, int | None] | None,
    cache: bool,
    at_once: int,
) -> None:
    monkeypatch.setattr(limits, "AT_ONCE", at_once)
    objects, clock = setup
    store.answers = [breaks_after(500, OutcomeUnknownError("reset")), BREAKS[how](), BREAKS[how]()]
    first, last = byte_range or (0, 10239)
    assert last is not None
    with objects.get("a", byte_range=byte_range, cache=cache) as f:
        assert f.read() == DATA[first : last + 1]
    assert store.ranges[1] == f"bytes={first + 500}-{last}"
    assert 2 <= len(clock.sleeps) <= 3


def test_progress_resets_the_count_of_failures(store: Store, setup: tuple[CommitObjects, FakeClock]) -> None:
    objects, clock = setup
    store.answers = [breaks_after(100 * n, OutcomeUnknownError("reset")) for n in (1, 0, 0) * 4]
    with objects.get("a") as f:
        assert f.read() == DATA
    assert len(clock.sleeps) == 12


@pytest.mark.parametrize("cache", [True, False])
def test_without_progress_it_is_an_error_and_the_position_stays(store: Store, cache: bool) -> None:
    client, _, clock = fake_client(store, max_retries=2)
    store.answers = [breaks_after(500)] + [breaks_after(0)] * 2
    with commit_objects(client).get("a", cache=cache) as f:
        f.read(100)
        with pytest.raises(
            OutcomeUnknownError, match=r"objects\.get: the body of 'a' ended at byte 500 of 10240.*3 attempts"
        ):
            f.read()
        assert f.tell() == 100
        assert f.read() == DATA[100:]
    assert len(clock.sleeps) == 2


def test_no_retries_means_no_resuming(store: Store) -> None:
    client, _, clock = fake_client(store, max_retries=0)
    store.answers = [breaks_after(500)]
    with commit_objects(client).get("a") as f, pytest.raises(OutcomeUnknownError):
        f.read()
    assert clock.sleeps == []
    assert store.ranges == [""]


def test_a_resumed_download_of_a_store_without_ranges(store: Store, objects: CommitObjects) -> None:
    store.answers = [breaks_after(5000), ignores_ranges]
    with objects.get("a", cache=False) as f:
        assert f.read() == DATA
    store.answers = [breaks_after(5000), *[breaks_after(4000, OutcomeUnknownError("reset"))] * 2]
    store.overrides.insert(0, lambda request: None)
    with objects.get("a", cache=False) as f:
        assert f.read() == DATA


OTHER = bytes(reversed(DATA))


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: Response(412),
        lambda request: Response(416),
        lambda request: Response(200, headers_of(OTHER), pieces(OTHER)),
        breaks_after(9000, ETag='"other"'),
        breaks_after(9000, ETag=""),
        breaks_after(9000, Content_Range="bytes 500-10239/10241"),
        breaks_after(9000, Content_Range="bytes 499-10239/10240"),
        lambda request: Response(200, {**headers_of(DATA), "Content-Length": "10241"}, pieces(DATA)),
    ],
)
def test_an_object_that_changes_meanwhile(
    store: Store, objects: CommitObjects, answer: Callable[[Request], Response]
) -> None:
    store.answers = [breaks_after(500), lambda request: with_id(answer(request))]
    with objects.get("a") as f, pytest.raises(IntegrityError) as caught:
        f.read()
    assert (caught.value.operation, caught.value.request_id) == ("objects.get", "r1")


def test_further_requests_are_pinned(store: Store, objects: CommitObjects) -> None:
    seen: list[str] = []

    def note(request: Request) -> None:
        seen.append(request.headers.get("If-Match", ""))

    store.overrides.insert(0, note)
    store.answers = [breaks_after(500, ETag='W/"x"'), breaks_after(9999, ETag='"x"')]
    with objects.get("a") as f:
        assert len(f.read()) == len(DATA)
    assert set(seen) == {""}  # a weak ETag matches nothing
    seen.clear()
    with objects.get("a", cache=False) as f:
        f.read()
        f.seek(0)
        f.read(1)
    assert seen == ["", "", headers_of(DATA)["ETag"], headers_of(DATA)["ETag"]]


def test_without_an_etag_nothing_is_resumed(store: Store, objects: CommitObjects) -> None:
    store.answers = [lambda request: with_id(Response(200, {"Content-Length": "10240"}, pieces(DATA[:500])))]
    with objects.get("a") as f, pytest.raises(IntegrityError, match="no ETag") as caught:
        f.read()
    assert caught.value.request_id == "r1"


@pytest.mark.parametrize("error", [None, OutcomeUnknownError("reset")])
@pytest.mark.parametrize("at_once", [0, len(DATA)])
def test_a_body_that_breaks_off_names_its_request(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception | None, at_once: int
) -> None:
    monkeypatch.setattr(limits, "AT_ONCE", at_once)
    client, _, _ = fake_client(store, max_retries=0)
    store.answers = [breaks_after(500, error, X_Request_Id="r1")]
    with commit_objects(client).get("a") as f:
        assert f.read(500) == DATA[:500]
        with pytest.raises(OutcomeUnknownError) as caught:
            f.read()
    assert (caught.value.operation, caught.value.request_id) == ("objects.get", "r1")


def test_an_answer_without_a_length(store: Store, objects: CommitObjects) -> None:
    def chunked(request: Request) -> Response:
        return Response(200, {"ETag": headers_of(DATA)["ETag"]}, iter(pieces(DATA)))

    store.answers = [chunked] * 5
    with objects.get("a") as f:
        f.read(10)
        assert f.content_length == len(DATA)
        assert f.read() == DATA[10:]
    with objects.get("a") as f:
        f.read(10)
    with pytest.raises(ValueError, match="closed"):
        _ = f.content_length
    with objects.get("a", cache=False) as f:
        f.read(10)
        assert f.seek(-10, 2) == len(DATA) - 10
        assert f.read() == DATA[-10:]
    with objects.get("a", byte_range=(5, 9)) as f:
        assert f.read() == DATA[5:10]
    store.answers = [chunked]
    with objects.get("a") as f:
        f.seek(10**9)
        assert f.read() == b""
        assert f.content_length == len(DATA)


def test_a_length_that_is_none(store: Store, objects: CommitObjects) -> None:
    store.answers = [lambda request: Response(200, {"Content-Length": "many"}, [b"x"])]
    with pytest.raises(IntegrityError, match="'many'"):
        objects.get("a")


@pytest.mark.parametrize("headers", [headers_of(DATA), {"ETag": headers_of(DATA)["ETag"]}])
def test_ctrl_c_in_a_read_loses_nothing(store: Store, objects: CommitObjects, headers: dict[str, str]) -> None:
    def interrupted() -> Iterator[bytes]:
        yield DATA[:500]
        raise KeyboardInterrupt

    store.answers = [lambda request: Response(200, headers, interrupted())]
    with objects.get("a", cache=False) as f:
        with pytest.raises(KeyboardInterrupt):
            f.read()
        assert f.read() == DATA


def test_every_failure_is_a_tilde_error(store: Store, objects: CommitObjects) -> None:
    store.answers = [breaks_after(500), lambda request: Response(404)]
    with objects.get("a") as f, suppress(TildeError):
        f.read()
