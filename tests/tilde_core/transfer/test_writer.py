"""Files to write to: `session.objects.open(path, "wb")` and `"w"`."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import pytest

from object_service import ObjectService, session_objects
from support import fake_client
from tilde_core.exceptions import BadRequestError
from tilde_core.http import Response
from tilde_core.resources.objects import SessionObjects
from tilde_core.transfer import limits


@pytest.fixture
def service() -> ObjectService:
    return ObjectService()


@pytest.fixture
def objects(service: ObjectService) -> SessionObjects:
    return session_objects(fake_client(service)[0])


def test_close_uploads(service: ObjectService, objects: SessionObjects) -> None:
    with objects.open("a.csv", "wb", metadata={"k": "v"}) as f:
        assert f.writable()
        assert not f.readable()
        assert f.write(b"one") == 3
        assert f.write(memoryview(b"two")) == 3
        f.flush()
        assert f.tell() == 6
        assert service.calls == []
        assert f.result is None
    assert service.objects["a.csv"] == b"onetwo"
    assert service.details["a.csv"]["content_type"] == "text/csv"
    assert service.details["a.csv"]["metadata"] == {"k": "v"}
    assert f.result is not None
    assert f.result.etag
    f.close()
    f.discard()
    assert service.calls.count("PUT store") == 1
    with pytest.raises(ValueError, match="closed"):
        f.write(b"more")
    assert repr(f) == "ObjectWriter('a.csv', closed)"


def test_nothing_written_is_an_empty_object(service: ObjectService, objects: SessionObjects) -> None:
    objects.open("a", "wb", content_type="text/x").close()
    assert service.objects["a"] == b""
    assert service.details["a"]["content_type"] == "text/x"


def test_writing_over_what_was_written(
    service: ObjectService, objects: SessionObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SPOOL_MEMORY", 10)
    with objects.open("a", "wb") as f:
        assert f.seekable()
        f.write(b"x" * 100)
        assert f.seek(0) == 0
        f.write(b"head")
        assert f.seek(-1, 2) == 99
        assert f.truncate(50) == 50
        f.seek(10)
        assert f.truncate() == 10
    assert service.objects["a"] == b"headxxxxxx"


@pytest.mark.parametrize("memory", [5, 100])
def test_truncate_fills_up(
    service: ObjectService, objects: SessionObjects, monkeypatch: pytest.MonkeyPatch, memory: int
) -> None:
    monkeypatch.setattr(limits, "SPOOL_MEMORY", memory)
    with objects.open("empty", "wb") as f:
        assert f.truncate(10) == 10
        assert f.tell() == 0
    assert service.objects["empty"] == bytes(10)
    with objects.open("a", "wb") as f:
        f.write(b"abc")
        f.seek(6)
        assert f.truncate() == 6
        assert f.truncate(8) == 8
        assert f.tell() == 6
        f.write(b"x")
    assert service.objects["a"] == b"abc\0\0\0x\0"


def test_a_big_one_goes_in_parts(
    service: ObjectService, objects: SessionObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, size in {"MULTIPART_THRESHOLD": 1000, "PART_SIZE": 300, "PIECE": 100, "SPOOL_MEMORY": 200}.items():
        monkeypatch.setattr(limits, name, size)
    with objects.open("a", "wb") as f:
        for number in range(200):
            f.write(b"%9d\n" % number)
    assert service.objects["a"] == b"".join(b"%9d\n" % number for number in range(200))
    assert "POST object/multipart/complete" in service.calls


def test_text(service: ObjectService, objects: SessionObjects) -> None:
    with objects.open("a.csv", "w", newline="") as f:
        csv.writer(f).writerow(["é", 1])
    assert service.objects["a.csv"] == "é,1\r\n".encode()
    assert f.result is not None
    with objects.open("b", "wt", encoding="latin-1") as f:
        print("é", file=f)
    assert service.objects["b"] in (b"\xe9\n", b"\xe9\r\n")
    with objects.open("a.csv", "r") as text:
        assert text.read() == "é,1\n"
    with objects.open("a.csv") as read:
        assert read.read() == service.objects["a.csv"]


def test_a_zip_file_is_written(service: ObjectService, objects: SessionObjects) -> None:
    with objects.open("a.zip", "wb") as f, zipfile.ZipFile(f, "w") as archive:
        archive.writestr("x", b"1")
    with zipfile.ZipFile(io.BytesIO(service.objects["a.zip"])) as archive:
        assert archive.read("x") == b"1"


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_an_exception_discards(service: ObjectService, objects: SessionObjects, mode: str) -> None:
    def fail() -> None:
        with objects.open("a", mode) as f:
            f.write("1" if mode == "w" else b"1")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    f = objects.open("a", mode)
    f.discard()
    f.close()
    assert f.closed
    assert service.calls == []


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_dropping_discards_with_a_warning(service: ObjectService, objects: SessionObjects, mode: str) -> None:
    opened: list[Any] = [objects.open("a", mode)]
    with pytest.warns(ResourceWarning, match="ObjectWriter\\('a'\\) was not closed; nothing is uploaded"):
        opened.clear()
    assert service.calls == []


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_a_failed_upload_is_raised_by_close(service: ObjectService, objects: SessionObjects, mode: str) -> None:
    service.overrides.append(lambda request: Response(400))
    f: Any = objects.open("a", mode)
    with pytest.raises(BadRequestError):
        f.close()
    assert f.closed
    f.close()


def test_bad_arguments(service: ObjectService, objects: SessionObjects) -> None:
    with pytest.raises(ValueError, match="must be one of"):
        objects.open("a", "w+")
    with pytest.raises(ValueError, match="binary"):
        objects.open("a", "wb", newline="")
    with pytest.raises(TypeError, match="metadata"):
        objects.open("a", "wb", metadata={"a": 1})  # type: ignore[dict-item]
    with pytest.raises(LookupError):
        objects.open("a", "w", encoding="no such")
    with pytest.raises(TypeError), objects.open("a", "wb") as f:
        f.write("text")  # type: ignore[arg-type]
    assert service.calls == []
