"""Uploads in parts: how they are cut, sent in parallel, repeated and given up."""

from __future__ import annotations

import io
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from object_service import ObjectService, call_name, session_objects
from support import answer, fake_client
from tilde_core.exceptions import (
    BadRequestError,
    ForbiddenError,
    IntegrityError,
    NotFoundError,
    OutcomeUnknownError,
    ServerError,
    TildeError,
)
from tilde_core.http import Request, Response
from tilde_core.resources.objects import SessionObjects
from tilde_core.transfer import limits, parts, workers
from tilde_core.transfer.parts import part_size, parts_of_source, parts_of_stream, stream_part_size
from tilde_core.transfer.sources import MemorySource, StreamSource
from tilde_core.transfer.spool import Spool
from tilde_core.transfer.workers import Workers

DATA = bytes(range(256)) * 10  # 2560 bytes: 9 parts


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, size in {"MULTIPART_THRESHOLD": 1000, "PART_SIZE": 300, "PIECE": 100, "SPOOL_MEMORY": 200}.items():
        monkeypatch.setattr(limits, name, size)
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name == "tilde-upload"] == []


@pytest.fixture
def service() -> ObjectService:
    return ObjectService()


@pytest.fixture
def objects(service: ObjectService) -> SessionObjects:
    return session_objects(fake_client(service)[0])


def chunks(data: bytes, size: int = 70) -> Iterator[bytes]:
    yield from (data[start : start + size] for start in range(0, len(data), size))


KINDS: dict[str, Callable[[bytes, Path], Any]] = {
    "bytes": lambda data, path: data,
    "path": lambda data, path: path,
    "BytesIO": lambda data, path: io.BytesIO(data),
    "generator": lambda data, path: chunks(data),
    "one piece": lambda data, path: iter([data]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [999, 1000, 1001, 1200, len(DATA)])
def test_in_parts_from_the_threshold_on(
    service: ObjectService, objects: SessionObjects, tmp_path: Path, kind: str, size: int
) -> None:
    data = DATA[:size]
    path = tmp_path / "data.bin"
    path.write_bytes(data)
    result = objects.put("a", KINDS[kind](data, path), metadata={"k": "v"})
    assert service.objects["a"] == data
    assert service.details["a"]["metadata"] == {"k": "v"}
    assert service.details["a"]["size_bytes"] == size
    assert service.stored == {}
    assert result.etag
    in_parts = "POST object/multipart/complete" in service.calls
    assert in_parts == (size >= 1000)
    if in_parts:
        assert service.calls.count("PUT store") == service.calls.count("GET object/multipart/part") == -(-size // 300)
        assert service.calls[-1] == "HEAD object"  # the answer had no ETag


def test_an_etag_that_cannot_be_read_is_no_failure(service: ObjectService, objects: SessionObjects) -> None:
    service.overrides.append(lambda request: Response(403) if request.method == "HEAD" else None)
    assert objects.put("a", DATA).etag == ""
    assert service.objects["a"] == DATA
    service.overrides.append(
        lambda request: answer(201, {"path": "a", "etag": '"x-9"'}) if "complete" in request.url else None
    )
    assert objects.put("a", DATA).etag == "x-9"


def test_parts_go_out_in_parallel(service: ObjectService, objects: SessionObjects) -> None:
    meeting = threading.Barrier(limits.WORKERS, timeout=30)

    def wait_for_the_others(request: Request) -> None:
        if call_name(request) == "PUT store" and int(request.url.partition("?")[0].rpartition("/")[2]) <= 8:
            meeting.wait()

    service.overrides.append(wait_for_the_others)
    objects.put("a", DATA)
    assert service.objects["a"] == DATA


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_is_repeated_by_itself(service: ObjectService, tmp_path: Path, kind: str) -> None:
    failing = {"/2", "/5"}

    def fail_once(request: Request) -> Response | None:
        number = "/" + request.url.partition("?")[0].rpartition("/")[2]
        if call_name(request) == "PUT store" and number in failing:
            failing.discard(number)
            raise OutcomeUnknownError("broken")
        return None

    service.overrides.append(fail_once)
    (tmp_path / "data.bin").write_bytes(DATA)
    client, _, clock = fake_client(service)
    session_objects(client).put("a", KINDS[kind](DATA, tmp_path / "data.bin"))
    assert service.objects["a"] == DATA
    assert service.calls.count("PUT store") == 9 + 2
    assert len(clock.sleeps) == 2


def test_a_part_url_that_expired(service: ObjectService, objects: SessionObjects) -> None:
    refused: set[str] = set()

    def refuse_first(request: Request) -> Response | None:
        base = request.url.partition("?")[0]
        if call_name(request) == "PUT store" and base.endswith("/3") and base not in refused:
            refused.add(base)
            return Response(403)
        return None

    service.overrides.append(refuse_first)
    objects.put("a", DATA)
    assert service.objects["a"] == DATA
    assert service.calls.count("GET object/multipart/part") == 10
    service.overrides[:] = [lambda request: Response(403) if call_name(request) == "PUT store" else None]
    with pytest.raises(ForbiddenError):
        objects.put("b", DATA)
    assert service.calls[-1] == "DELETE object/multipart"


COMPLETE = "POST object/multipart/complete"
FAILURES: dict[str, tuple[str, Any, type[BaseException]]] = {
    "part url": ("GET object/multipart/part", Response(400), BadRequestError),
    "part": ("PUT store", Response(400), BadRequestError),
    "no etag": ("PUT store", Response(200, {"X-Request-Id": "r1"}), IntegrityError),
    "damaged part": ("PUT store", Response(200, {"ETag": f'"{"0" * 32}"', "X-Request-Id": "r2"}), IntegrityError),
    "complete": ("POST object/multipart/complete", Response(400), BadRequestError),
    "ctrl-c in a part": ("PUT store", KeyboardInterrupt(), KeyboardInterrupt),
    "ctrl-c at the end": ("POST object/multipart/complete", KeyboardInterrupt(), KeyboardInterrupt),
    "a bug": ("PUT store", ZeroDivisionError(), ZeroDivisionError),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("kind", ["bytes", "generator"])
@pytest.mark.parametrize("abort", [204, 400])
def test_whatever_fails_the_upload_is_aborted(
    service: ObjectService,
    objects: SessionObjects,
    caplog: pytest.LogCaptureFixture,
    failure: str,
    kind: str,
    abort: int,
) -> None:
    name, outcome, kind_of_error = FAILURES[failure]

    def fail(request: Request) -> Response | None:
        if call_name(request) == "DELETE object/multipart" and abort != 204:
            return Response(abort)
        if call_name(request) != name:
            return None
        if isinstance(outcome, BaseException):
            raise outcome
        return Response(outcome.status, outcome.headers)

    service.overrides.append(fail)
    with caplog.at_level(logging.WARNING, "tilde"), pytest.raises(kind_of_error) as caught:
        objects.put("a", KINDS[kind](DATA, Path()))
    if isinstance(outcome, Response) and isinstance(caught.value, TildeError):
        assert caught.value.operation == "objects.put"
        assert caught.value.request_id == outcome.headers.get("X-Request-Id", "")
    assert service.calls[-1] == "DELETE object/multipart"
    assert service.objects == {}
    assert ("could not be aborted" in caplog.text) == (abort != 204)
    if abort == 204:
        assert service.stored == {}


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_while_parts_are_on_their_way(service: ObjectService, objects: SessionObjects) -> None:
    under_way = threading.Event()

    def source() -> Iterator[bytes]:
        yield DATA[:1500]
        assert under_way.wait(30)
        signal.raise_signal(signal.SIGINT)
        yield DATA[1500:]

    def note(request: Request) -> None:
        if call_name(request) == "PUT store":
            under_way.set()

    service.overrides.append(note)
    with pytest.raises(KeyboardInterrupt):
        objects.put("a", source())
    assert service.calls[-1] == "DELETE object/multipart"
    assert service.objects == service.stored == {}


def test_ctrl_c_does_not_wait_for_a_dead_network(
    service: ObjectService, objects: SessionObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_GRACE", 0.0)
    stalled, gate = threading.Event(), threading.Event()

    def stall(request: Request) -> None:
        if call_name(request) == "PUT store":
            stalled.set()
            assert gate.wait(30)

    def source() -> Iterator[bytes]:
        yield DATA[:1100]
        assert stalled.wait(30)
        raise KeyboardInterrupt

    service.overrides.append(stall)
    with pytest.raises(KeyboardInterrupt):
        objects.put("a", source())
    assert service.calls[-1] == "DELETE object/multipart"
    gate.set()
    for thread in threading.enumerate():
        if thread.name == "tilde-upload":
            thread.join()


def test_a_stream_that_breaks_or_turns_to_text(service: ObjectService, objects: SessionObjects) -> None:
    def source(last: object) -> Iterator[Any]:
        yield DATA[:1500]
        if isinstance(last, Exception):
            raise last
        yield last

    with pytest.raises(OSError, match="disk"):
        objects.put("a", source(OSError("disk")))
    with pytest.raises(TypeError, match="encode"):
        objects.put("a", source("text"))
    assert service.calls.count("DELETE object/multipart") == 2


@pytest.mark.parametrize(("change", "how"), [(-1, "shorter"), (1, "longer")])
def test_a_big_file_that_changes_its_size(
    service: ObjectService, objects: SessionObjects, tmp_path: Path, change: int, how: str
) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(DATA)

    def resize(request: Request) -> None:
        if call_name(request) == "POST object/multipart":
            os.truncate(path, len(DATA) + change)

    service.overrides.append(resize)
    with pytest.raises(IntegrityError, match=f"data.bin became {how}"):
        objects.put("a", path)
    assert service.calls[-1] == "DELETE object/multipart"
    assert "POST object/multipart/complete" not in service.calls


@pytest.mark.parametrize("kind", KINDS)
def test_a_service_without_multipart_is_asked_once(service: ObjectService, tmp_path: Path, kind: str) -> None:
    (tmp_path / "data.bin").write_bytes(DATA)
    service.has_multipart = False
    client, _, clock = fake_client(service)
    for name in ("a", "b"):
        session_objects(client.with_options(max_retries=1)).put(name, KINDS[kind](DATA, tmp_path / "data.bin"))
    assert service.objects == {"a": DATA, "b": DATA}
    assert service.calls.count("POST object/multipart") == 1
    assert clock.sleeps == []


def test_a_service_that_fails_is_not_one_without_multipart(service: ObjectService, objects: SessionObjects) -> None:
    service.overrides.append(lambda r: Response(500) if call_name(r) == "POST object/multipart" else None)
    with pytest.raises(ServerError):
        objects.put("a", DATA)
    assert service.calls == ["POST object/multipart"]


def test_a_multipart_upload_is_not_begun_twice_if_the_answer_is_lost(
    service: ObjectService, objects: SessionObjects
) -> None:
    def lose(request: Request) -> None:
        if call_name(request) == "POST object/multipart":
            service._answer("POST object/multipart", request)
            raise OutcomeUnknownError("the answer was lost")

    service.overrides.append(lose)
    with pytest.raises(OutcomeUnknownError):
        objects.put("a", DATA)
    assert service.calls == ["POST object/multipart"]


def loses_answer_of_complete(service: ObjectService, *, happens: bool) -> None:
    lost: list[Request] = []

    def lose(request: Request) -> Response | None:
        if call_name(request) != COMPLETE:
            return None
        lost.append(request)
        if len(lost) > 1:
            return answer(404, {"message": "no such upload"})
        if happens:
            service._answer(COMPLETE, request)
        raise OutcomeUnknownError("the answer was lost")

    service.overrides.append(lose)


def test_a_lost_answer_of_complete_and_a_repeat_that_finds_no_upload(
    service: ObjectService, objects: SessionObjects
) -> None:
    loses_answer_of_complete(service, happens=True)
    assert objects.put("a", DATA, metadata={"k": "v"}).etag == service.etags["a"]
    assert service.objects["a"] == DATA
    assert service.calls[-3:] == [COMPLETE, COMPLETE, "HEAD object"]


@pytest.mark.parametrize("etag", ["", '"secret"'])
def test_what_may_be_staged_is_not_aborted(service: ObjectService, objects: SessionObjects, etag: str) -> None:
    """It cannot be told if nothing is there, or if the ETag is one that only the store can make."""
    loses_answer_of_complete(service, happens=not etag)
    if etag:
        service.overrides.append(lambda request: Response(200, {"ETag": etag}) if request.method == "PUT" else None)
        service.objects["a"] = DATA
    else:
        service.overrides.append(lambda request: Response(404) if request.method == "HEAD" else None)
    with pytest.raises(NotFoundError, match="no such upload"):
        objects.put("a", DATA, content_type="text/plain")
    assert service.calls[-1] == "HEAD object"
    assert "DELETE object/multipart" not in service.calls


def test_a_thread_that_cannot_start(
    service: ObjectService, objects: SessionObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    spools: list[Spool] = []

    class Noted(Spool):
        def __init__(self) -> None:
            super().__init__()
            spools.append(self)

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(parts, "Spool", Noted)
    monkeypatch.setattr(threading.Thread, "start", fail)
    with pytest.raises(RuntimeError, match="new thread"):
        objects.put("a", chunks(DATA))
    assert service.calls == ["POST object/multipart", "DELETE object/multipart"]
    assert spools
    for spool in spools:
        with pytest.raises(ValueError, match="closed"):
            spool.read_at(0, 1)


class Crowded(threading.Semaphore):
    """Finds no room the first time it waits, and has `somebody_leave` then."""

    def __init__(self, somebody_leave: Callable[[], None]) -> None:
        super().__init__(1)
        self.waits = 0
        self._somebody_leave = somebody_leave

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        self.waits += 1
        if self.waits == 2:
            self._somebody_leave()
            return False
        return super().acquire(blocking, timeout)


def test_waiting_for_room() -> None:
    pool: Workers[bool] = Workers(1)
    gate = threading.Event()
    crowded = pool._free = Crowded(gate.set)
    for number in range(2):
        pool.wait_for_room()
        assert gate.is_set() == bool(number)
        pool.start(partial(gate.wait, 30))
    pool.results()
    assert crowded.waits >= 3


def test_the_size_of_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    mib = 1024 * 1024
    assert part_size(64 * mib) == 8 * mib
    for size in (5 * 1024**4, 80_000 * mib, 80_000 * mib + 1):
        assert -(-size // part_size(size)) <= limits.MAX_PARTS
    sizes = [stream_part_size(number) for number in range(1, limits.MAX_PARTS + 1)]
    assert sizes[0] == sizes[999] == 8 * mib
    assert sizes[1000] == 16 * mib
    assert sum(sizes) > 5 * 1024**4


def test_too_many_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_PARTS", 4)
    with Spool() as head:
        cut = list(parts_of_stream(head, StreamSource(chunks(DATA[:1200]))))
        assert [part.size for part in cut] == [300] * 4
        with pytest.raises(ValueError, match="too long"):
            cut += parts_of_stream(head, StreamSource(chunks(DATA[:1201])))
    for part in cut:
        part.close()
    assert [part.size for part in parts_of_source(MemorySource(DATA))] == [640] * 4


def test_workers_run_few_tasks_at_once_and_stop_at_the_first_failure() -> None:
    pool: Workers[int] = Workers(2)
    running, most = [0], [0]
    lock = threading.Lock()

    def task() -> int:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        with lock:
            running[0] -= 1
        return 1

    for _ in range(50):
        pool.wait_for_room()
        pool.start(task)
    assert pool.results() == [1] * 50
    assert most[0] <= 2
    pool.wait_for_room()
    pool.start(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        pool.results()
    with pytest.raises(ZeroDivisionError):
        pool.wait_for_room()
    pool.cancel()
