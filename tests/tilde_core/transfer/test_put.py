"""`put` in one piece: what it accepts, what it sends, and what it refuses."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from object_service import ObjectService, call_name, session_objects
from support import FakeClock, answer, fake_client
from tilde_core.client import Client
from tilde_core.exceptions import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    IntegrityError,
    NotSentError,
    OutcomeUnknownError,
    SessionClosedError,
)
from tilde_core.hooks.events import TransferProgress
from tilde_core.hooks.spec import hookimpl
from tilde_core.http import Request, Response
from tilde_core.resources.objects import SessionObjects
from tilde_core.resources.sessions import Session
from tilde_core.transfer import limits
from tilde_core.transfer.sources import FileSource

DATA = bytes(range(256)) * 3000  # three pieces, the last of them short


class Unseekable(io.RawIOBase):
    """A file of which only `read` works, and that gives less than it is asked for."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(memoryview(buffer)[:1000])


@pytest.fixture
def service() -> ObjectService:
    return ObjectService()


@pytest.fixture
def objects(service: ObjectService) -> SessionObjects:
    return session_objects(fake_client(service)[0])


def on_disk(tmp_path: Path, data: bytes = DATA) -> Path:
    path = tmp_path / "data.bin"
    path.write_bytes(data)
    return path


def grid(data: bytes) -> memoryview:
    """The bytes in two dimensions; of no bytes, a grid cannot be cast back."""
    view = memoryview(data or b"x" * 256).cast("B", [-(-len(data) // 256) or 1, 256])
    return view if data else view[:0]


SOURCES: dict[str, Callable[[Path], Any]] = {
    "bytes": lambda path: path.read_bytes(),
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "memoryview": lambda path: memoryview(path.read_bytes()),
    "words": lambda path: memoryview(path.read_bytes()).cast("I"),
    "strided": lambda path: memoryview(bytes(b for byte in path.read_bytes() for b in (byte, 0)))[::2],
    "path": lambda path: path,
    "list": lambda path: [path.read_bytes()[:5], b"", bytearray(path.read_bytes()[5:])],
    "generator": lambda path: (path.read_bytes()[i : i + 999] for i in range(0, len(DATA), 999)),
    "strided pieces": lambda path: [memoryview(bytes(b for byte in path.read_bytes() for b in (byte, 0)))[::2]],
    "grids": lambda path: [grid(path.read_bytes()), grid(b"")],
    "BytesIO": lambda path: io.BytesIO(path.read_bytes()),
    "unseekable": lambda path: Unseekable(path.read_bytes()),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("size", [0, len(DATA)])
def test_every_kind_of_source(
    service: ObjectService, objects: SessionObjects, tmp_path: Path, kind: str, size: int
) -> None:
    data = DATA[:size]
    result = objects.put("a/b.csv", SOURCES[kind](on_disk(tmp_path, data)))
    assert service.objects == {"a/b.csv": data}
    assert service.calls == ["PUT object", "PUT store", "POST object/finalize"]
    assert result.path == "a/b.csv"
    assert service.details["a/b.csv"]["content_type"] == "text/csv"
    assert service.details["a/b.csv"]["checksum"] == result.etag
    assert "metadata" not in service.details["a/b.csv"]


def test_the_files_of_the_standard_library(service: ObjectService, objects: SessionObjects, tmp_path: Path) -> None:
    with on_disk(tmp_path).open("rb") as file:
        objects.put("buffered", file)
        assert not file.closed
    with on_disk(tmp_path).open("rb", buffering=0) as raw:
        objects.put("raw", raw)
    with tempfile.SpooledTemporaryFile(max_size=10) as spooled, tempfile.NamedTemporaryFile() as named:
        for temporary in (spooled, named):
            temporary.write(DATA)
            temporary.seek(0)
        objects.put("spooled", spooled)
        objects.put("named", named)
    with gzip.open(tmp_path / "z.gz", "wb") as packed:
        packed.write(DATA)
    with gzip.open(tmp_path / "z.gz", "rb") as unpacked:
        objects.put("unpacked", unpacked)
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as pipe:
        with os.fdopen(write_end, "wb") as end:
            end.write(DATA[:5000])
        objects.put("pipe", pipe)
    assert service.objects.pop("pipe") == DATA[:5000]
    assert set(service.objects) == {"buffered", "raw", "spooled", "named", "unpacked"}
    assert all(data == DATA for data in service.objects.values())


def test_a_file_goes_from_its_position(service: ObjectService, objects: SessionObjects, tmp_path: Path) -> None:
    with on_disk(tmp_path).open("rb") as file:
        file.seek(1000)
        objects.put("a", file)
        assert service.objects["a"] == DATA[1000:]
        assert file.tell() == len(DATA)
        objects.put("rest", file)
        assert service.objects["rest"] == b""
        file.seek(len(DATA) + 5)
        objects.put("behind", file)
        assert service.objects["behind"] == b""


def test_a_generator_may_refill_its_buffer(service: ObjectService, objects: SessionObjects) -> None:
    def refilled() -> Iterator[bytearray]:
        buffer = bytearray()
        for number in range(5):
            buffer[:] = str(number).encode() * (number + 1)
            yield buffer

    objects.put("a", refilled())
    assert service.objects["a"] == b"011222333344444"


ONLINE = Path("/sys/devices/system/cpu/online")


@pytest.mark.skipif(not ONLINE.exists(), reason="no /sys")
def test_a_file_that_states_more_bytes_than_it_has(service: ObjectService, objects: SessionObjects) -> None:
    expected = ONLINE.read_bytes()
    assert len(expected) < ONLINE.stat().st_size
    objects.put("path", ONLINE)
    with ONLINE.open("rb") as file:
        file.seek(1)
        objects.put("file", file)
    assert service.objects == {"path": expected, "file": expected[1:]}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_a_file_that_has_bytes_and_no_size(service: ObjectService, objects: SessionObjects) -> None:
    objects.put("a", Path("/proc/self/status"))
    assert b"Pid:" in service.objects["a"]


def texts(tmp_path: Path) -> dict[str, Any]:
    path = on_disk(tmp_path, b"text")
    return {
        "str": "text",
        "StringIO": io.StringIO("text"),
        "list": ["text"],
        "generator": (part for part in ["te", "xt"]),
        "codecs": codecs.getreader("utf-8")(io.BytesIO(b"text")),
        "dict": {"a": b"1"},
        "int": 5,
        "ints": [1, 2],
        "None": None,
        "pandas-like": Reads("text"),
        "empty pandas-like": Reads(""),
        "path": path,
    }


class Reads:
    def __init__(self, what: Any) -> None:
        self.read = lambda size: what


@pytest.mark.parametrize("kind", [name for name in texts(Path(tempfile.gettempdir())) if name != "path"])
def test_text_is_refused_before_anything_is_sent(
    service: ObjectService, objects: SessionObjects, tmp_path: Path, kind: str
) -> None:
    with pytest.raises(TypeError):
        objects.put("a", texts(tmp_path)[kind])
    with on_disk(tmp_path).open("r") as file, pytest.raises(TypeError, match='"rb"'):
        objects.put("a", file)  # type: ignore[arg-type]
    assert service.calls == []


def test_files_that_cannot_be_read(service: ObjectService, objects: SessionObjects, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        objects.put("a", tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        objects.put("a", tmp_path)
    with (tmp_path / "new").open("wb") as file, pytest.raises(io.UnsupportedOperation):
        objects.put("a", file)
    with pytest.raises(BlockingIOError):
        objects.put("a", Reads(None))
    assert service.calls == []


@pytest.mark.parametrize("path", ["", "/a", "a\nb", "a\0b", "\x7f", "a\ud800"])
def test_bad_paths(service: ObjectService, objects: SessionObjects, path: str) -> None:
    for call in (
        lambda: objects.put(path, b""),
        lambda: objects.head(path),
        lambda: objects.exists(path),
        lambda: objects.get(path),
        lambda: objects.delete(path),
        lambda: objects.delete_many(["good", path]),
        lambda: objects.copy("good", path),
        lambda: objects.copy(path, "good"),
        lambda: objects.open(path, "wb"),
    ):
        with pytest.raises(ValueError, match=r"path|source|destination"):
            call()
    assert service.calls == []


def test_bad_arguments(service: ObjectService, objects: SessionObjects) -> None:
    for bad in ({"a": 1}, {1: "a"}, [("a", "b")]):
        with pytest.raises(TypeError, match="metadata"):
            objects.put("a", b"", metadata=bad)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="content_type"):
        objects.put("a", b"", content_type=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="path must be a str"):
        objects.put(Path("a"), b"")  # type: ignore[arg-type]
    assert service.calls == []


def test_content_type_and_metadata(service: ObjectService, objects: SessionObjects) -> None:
    objects.put("a.parquet", b"1", metadata={"who": "me"})
    assert service.details["a.parquet"]["content_type"] == "application/vnd.apache.parquet"
    assert service.details["a.parquet"]["metadata"] == {"who": "me"}
    objects.put("a.b/c", b"1")
    assert service.details["a.b/c"]["content_type"] == "application/octet-stream"
    objects.put("x.CSV.GZ", b"1")
    assert service.details["x.CSV.GZ"]["content_type"] == "application/gzip"
    objects.put("x.csv", b"1", content_type="text/x-mine")
    assert service.details["x.csv"]["content_type"] == "text/x-mine"


@pytest.mark.parametrize("kind", SOURCES)
def test_a_repeat_sends_the_same_bytes(service: ObjectService, tmp_path: Path, kind: str) -> None:
    client, _, clock = fake_client(service)
    failures: list[Exception | Response] = [OutcomeUnknownError("broken"), Response(503), NotSentError("no")]

    def fail(request: Request) -> Response | None:
        if call_name(request) != "PUT store" or not failures:
            return None
        failure = failures.pop(0)
        if isinstance(failure, Exception):
            raise failure
        return failure

    service.overrides.append(fail)
    session_objects(client).put("a", SOURCES[kind](on_disk(tmp_path)))
    assert service.objects["a"] == DATA
    assert service.calls.count("PUT store") == 4
    assert len(clock.sleeps) == 3


class OnlyReads:
    """A file that says nothing of seeking; `tell` leads nowhere."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)
        self.read = self._file.read
        self.tell = self._file.tell


def spooled(data: bytes, max_size: int) -> Any:
    file = tempfile.SpooledTemporaryFile(max_size=max_size)  # noqa: SIM115 - closed by the test
    file.write(data)
    return file


FILES: dict[str, Callable[[Path], Any]] = {
    "on disk": lambda path: path.open("rb"),
    "unbuffered": lambda path: path.open("rb", buffering=0),
    "BytesIO": lambda path: io.BytesIO(path.read_bytes()),
    "spooled in memory": lambda path: spooled(path.read_bytes(), 2 * len(DATA)),
    "spooled on disk": lambda path: spooled(path.read_bytes(), 10),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_failed_put_can_be_tried_again_with_the_same_file(
    service: ObjectService, objects: SessionObjects, tmp_path: Path, kind: str
) -> None:
    service.overrides.append(lambda request: Response(400) if call_name(request) == "PUT store" else None)
    with FILES[kind](on_disk(tmp_path)) as file:
        file.seek(7)
        with pytest.raises(Exception, match="400"):
            objects.put("a", file)
        assert file.tell() == 7
        service.overrides.clear()
        objects.put("a", file)
    assert service.objects["a"] == DATA[7:]


def test_a_file_that_cannot_be_rewound_fails_with_what_went_wrong(
    service: ObjectService, objects: SessionObjects
) -> None:
    service.overrides.append(lambda request: Response(400) if call_name(request) == "PUT store" else None)
    with pytest.raises(BadRequestError):
        objects.put("a", OnlyReads(DATA))


class Choppy:
    """A file that gives fewer bytes than it is asked for."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)
        self.seek, self.tell = self._file.seek, self._file.tell

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, 3))


def test_a_file_that_gives_its_bytes_in_small_pieces() -> None:
    file: Any = Choppy(b"0123456789")
    source = FileSource(file, "the file")
    assert source.read_at(1, 8) == b"12345678"
    with pytest.raises(IntegrityError, match="the file became shorter"):
        source.read_at(5, 8)


def test_an_upload_url_that_expired(service: ObjectService, objects: SessionObjects) -> None:
    refusals = [Response(403), Response(503)]

    def refuse(request: Request) -> Response | None:
        return refusals.pop() if call_name(request) == "PUT store" and refusals else None

    service.overrides.append(refuse)
    objects.put("a", DATA)
    assert service.objects["a"] == DATA
    once = ["PUT object", "PUT store", "PUT store"]
    assert service.calls == [*once, "PUT object", "PUT store", "POST object/finalize"]
    refusals[:] = [Response(403), Response(403)]
    with pytest.raises(ForbiddenError, match="object store"):
        objects.put("a", DATA)


def loses_answer(service: ObjectService, name: str, repeat: Response, *, happens: bool = True) -> None:
    """Let the first call of that name lose its answer, whether it `happens` or not, and the others be answered so."""
    calls: list[Request] = []

    def lose(request: Request) -> Response | None:
        if call_name(request) != name:
            return None
        calls.append(request)
        if len(calls) > 1:
            return repeat
        if happens:
            service._answer(name, request)
        raise OutcomeUnknownError("the answer was lost")

    service.overrides.append(lose)


@pytest.mark.parametrize("status", [400, 404, 409, 503])
def test_a_lost_answer_of_finalize_and_a_repeat_that_is_refused(
    service: ObjectService, objects: SessionObjects, status: int
) -> None:
    loses_answer(service, "POST object/finalize", Response(status))
    assert objects.put("a", DATA, metadata={"k": "v"}).etag == service.etags["a"]
    assert service.objects["a"] == DATA
    assert service.calls[-1] == "HEAD object"


@pytest.mark.parametrize("before", ["nothing", "other bytes", "other metadata", "other type", "forbidden"])
def test_what_cannot_be_proven_staged_is_the_error_that_it_was(
    service: ObjectService, objects: SessionObjects, before: str
) -> None:
    if before != "nothing":
        data = DATA[::-1] if before == "other bytes" else DATA
        metadata = {} if before == "other metadata" else {"k": "v"}
        objects.put("a", data, metadata=metadata, content_type="text/x" if before == "other type" else "text/y")
    if before == "forbidden":
        service.overrides.append(lambda request: Response(403) if call_name(request) == "HEAD object" else None)
    loses_answer(service, "POST object/finalize", answer(409, {"message": "the first"}), happens=False)
    with pytest.raises(ConflictError, match="the first"):
        objects.put("a", DATA, metadata={"k": "v"}, content_type="text/y")
    assert service.calls[-1] == "HEAD object"


def test_finalize_that_is_refused_at_once_did_not_happen(service: ObjectService, objects: SessionObjects) -> None:
    objects.put("a", DATA)
    service.overrides.append(lambda request: Response(409) if "finalize" in request.url else None)
    with pytest.raises(ConflictError):
        objects.put("a", DATA)
    assert "HEAD object" not in service.calls


@pytest.mark.parametrize(
    ("etag", "expected"),
    [
        ('"abc-2"', "abc-2"),
        ('W/"x"', "x"),
        ("", ""),
    ],
)
def test_an_etag_that_is_no_md5(service: ObjectService, objects: SessionObjects, etag: str, expected: str) -> None:
    def store(request: Request) -> Response | None:
        if call_name(request) != "PUT store":
            return None
        service._store(request)
        return Response(200, {"ETag": etag} if etag else {})

    service.overrides.append(store)
    assert objects.put("a", b"1").etag == expected
    assert "checksum" not in service.details["a"]


def test_the_service_knows_the_etag_best(service: ObjectService, objects: SessionObjects) -> None:
    service.overrides.append(
        lambda request: answer(201, {"path": "a", "etag": '"best"'}) if "finalize" in request.url else None
    )
    assert objects.put("a", b"1").etag == "best"


def test_a_damaged_upload(service: ObjectService, objects: SessionObjects) -> None:
    service.overrides.append(
        lambda request: (
            Response(200, {"ETag": f'"{"0" * 32}"', "X-Request-Id": "r1"})
            if call_name(request) == "PUT store"
            else None
        )
    )
    with pytest.raises(IntegrityError, match=r"'a/b' was damaged") as caught:
        objects.put("a/b", b"1")
    assert (caught.value.operation, caught.value.request_id) == ("objects.put", "r1")
    assert service.calls == ["PUT object", "PUT store"]


@pytest.mark.parametrize(("change", "how"), [(-1, "shorter"), (1, "longer"), (-len(DATA), "shorter")])
def test_a_file_that_changes_its_size(
    service: ObjectService, objects: SessionObjects, tmp_path: Path, change: int, how: str
) -> None:
    path = on_disk(tmp_path)

    def resize(request: Request) -> None:
        if call_name(request) == "PUT object":
            os.truncate(path, len(DATA) + change)

    service.overrides.append(resize)
    with pytest.raises(IntegrityError, match=f"data.bin became {how}"):
        objects.put("a", path)
    assert "POST object/finalize" not in service.calls


def test_a_closed_session(service: ObjectService) -> None:
    client, transport, _ = fake_client(service)
    session = Session(client, "org", "repo", "s1")
    session._become("committed", commit_id="c1")
    objects = SessionObjects(client, "org", "repo", session)
    for call in (
        lambda: objects.put("a", b""),
        lambda: objects.get("a"),
        lambda: objects.head("a"),
        lambda: objects.exists("a"),
        lambda: objects.list(),
        lambda: objects.copy("a", "b"),
        lambda: objects.delete("a"),
        lambda: objects.delete_many([]),
        lambda: objects.open("a", "w"),
        lambda: objects.open("a"),
    ):
        with pytest.raises(SessionClosedError):
            call()
    assert transport.requests == []


class Observer:
    def __init__(self) -> None:
        self.events: list[TransferProgress] = []

    @hookimpl
    def tilde_event(self, event: object) -> None:
        if isinstance(event, TransferProgress):
            self.events.append(event)


def test_progress(service: ObjectService) -> None:
    observer = Observer()
    client, _, _ = fake_client(service, plugins=[observer])
    objects = session_objects(client)
    objects.put("a", DATA)
    assert [event.transferred for event in observer.events] == [0, limits.PIECE, 2 * limits.PIECE, len(DATA)]
    assert {(e.operation, e.path, e.total) for e in observer.events} == {("objects.put", "a", len(DATA))}
    observer.events.clear()
    objects.get("a").read()
    assert observer.events[-1] == TransferProgress(
        operation="objects.get", path="a", transferred=len(DATA), total=len(DATA)
    )


class Swallow:
    """A transport that keeps nothing of what it sends."""

    def __init__(self, service: ObjectService) -> None:
        self.sizes: list[int] = []
        self._service = service

    def send(self, request: Request) -> Response:
        if call_name(request) == "PUT store":
            self.sizes.append(sum(len(piece) for piece in request.content))  # type: ignore[misc, arg-type]
            return Response(200, {"ETag": '"x-1"'})
        if "finalize" in request.url or "complete" in request.url:
            return answer(201, {"path": "a", "etag": "x"})
        return self._service(request)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("has_multipart", [True, False])
def test_memory_stays_flat(service: ObjectService, has_multipart: bool) -> None:
    transport = Swallow(service)
    service.has_multipart = has_multipart
    client = Client(api_key="k", endpoint_url="https://tilde.test", transport=transport, clock=FakeClock().clock)

    def zeros() -> Iterator[bytes]:
        for _ in range(160):
            yield bytes(1024 * 1024)

    tracemalloc.start()
    try:
        session_objects(client).put("a", zeros())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(transport.sizes) == 160 * 1024 * 1024
    assert peak < 64 * 1024 * 1024
