"""Objects against the embedded server, on each transport: written, read, listed, copied, deleted."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import FakeClock
from tilde import Client, Timeout
from tilde.exceptions import APIError, ConfigurationError, IntegrityError, NotFoundError, OutcomeUnknownError
from tilde.models import Commit, Repository
from tilde.plugins import Request, Response, Transport, TransportSettings, hookimpl
from tilde_core.transfer import limits
from tilde_local import Server

MIB = 1024 * 1024
DATA = bytes(range(256)) * 2048  # 512 KiB


def committed(repo: Repository, **files: bytes) -> Commit:
    with repo.session() as session:
        for path, data in files.items():
            session.objects.put(path, data)
        commit_id = session.commit("objects")
    assert commit_id
    return repo.commits.get(commit_id)


def test_what_is_put_is_what_is_got(repo: Repository, tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(DATA)
    session = repo.session()
    with path.open("rb") as file:
        sources = {
            "bytes": DATA,
            "path": path,
            "file": file,
            "pieces": (DATA[i : i + 999] for i in range(0, len(DATA), 999)),
        }
        for name, source in sources.items():
            result = session.objects.put(f"{name}.csv", source, metadata={"who": "é"})  # type: ignore[arg-type]
            with session.objects.get(f"{name}.csv") as read:
                assert read.read() == DATA
                assert read.etag == result.etag
                assert read.content_type == "text/csv"
            head = session.objects.head(f"{name}.csv")
            assert (head.etag, head.content_length, head.content_type) == (result.etag, len(DATA), "text/csv")
            assert head.metadata == {"who": "é"}
    assert session.objects.put("empty", b"").path == "empty"
    with session.objects.get("empty") as read:
        assert (read.read(), read.content_length) == (b"", 0)
    session.rollback()


def test_listing_copying_deleting(repo: Repository) -> None:
    commit = committed(repo, **{"a": b"1", "d/a": b"22", "d/e/b": b"333", "dé": b""})
    assert [entry.path for entry in commit.objects.list(page_size=1)] == ["a", "d/a", "d/e/b", "dé"]
    assert [entry.path for entry in commit.objects.list(after="d/a", amount=1)] == ["d/e/b"]
    found = [(entry.type, entry.path) for entry in commit.objects.list(prefix="d/", delimiter="/")]
    assert found == [("object", "d/a"), ("prefix", "d/e/")]
    session = repo.session()
    copied = session.objects.copy("d/a", "copy")
    assert (copied.source_path, copied.destination_path) == ("d/a", "copy")
    with session.objects.get("copy") as read:
        assert read.read() == b"22"
    session.objects.delete("a")
    assert session.objects.delete_many(["d/a", "d/e/b"]) == 2
    assert [entry.path for entry in session.objects.list()] == ["copy", "dé"]
    assert not session.objects.exists("a")
    assert commit.objects.exists("a")
    for call in (session.objects.get, session.objects.head):
        with pytest.raises(NotFoundError, match=r"'?a'?"):
            call("a")
    with pytest.raises(NotFoundError):
        session.objects.copy("a", "b")
    session.rollback()


def test_ranges_and_seeking(repo: Repository) -> None:
    objects = committed(repo, a=DATA).objects
    with objects.get("a", byte_range=(0, 3)) as f:
        assert f.read() == DATA[:4]
        assert f.content_length == 4
    with objects.get("a", byte_range=(1024, None)) as f:
        assert f.content_range == f"bytes 1024-{len(DATA) - 1}/{len(DATA)}"
        assert f.read() == DATA[1024:]
        assert f.seek(-4, 2) == len(DATA) - 1028
        assert f.read() == DATA[-4:]
    with objects.get("a", cache=False) as f:
        f.seek(400_000)
        assert f.read(5) == DATA[400_000:400_005]
        f.seek(0)
        assert b"".join(f.iter_bytes(chunk_size=10_000)) == DATA
    with pytest.raises(APIError, match="beyond the end of 'a'") as caught:
        objects.get("a", byte_range=(len(DATA), None))
    assert caught.value.status_code == 416


def test_as_files(repo: Repository) -> None:
    rows = [["a", "b"], ["1", "é\n"]]
    with repo.session() as session:
        with session.objects.open("t.csv", "w", newline="") as text:
            csv.writer(text).writerows(rows)
        with session.objects.open("z.zip", "wb") as written, zipfile.ZipFile(written, "w") as archive:
            archive.writestr("x", DATA)
        commit_id = session.commit("files")
    assert commit_id
    objects = repo.commits.get(commit_id).objects
    with objects.open("t.csv", "r", newline="") as lines:
        assert list(csv.reader(lines)) == rows
    with objects.get("t.csv") as f:
        assert list(csv.reader(io.TextIOWrapper(f, "utf-8", newline=""))) == rows
    with zipfile.ZipFile(objects.get("z.zip", cache=False)) as archive:
        assert archive.read("x") == DATA
    with tempfile.TemporaryFile() as out, objects.get("z.zip") as f:
        shutil.copyfileobj(f, out)
        assert zipfile.is_zipfile(out)


def test_small_objects_that_nobody_reads_hold_no_connection(server: Server, transport: str, repo: Repository) -> None:
    commit = committed(repo, a=b"small")
    impatient = Timeout(pool=0.01)
    with Client(
        api_key=server.api_key, endpoint_url=server.endpoint_url, transport=transport, timeout=impatient, max_retries=0
    ) as client:
        objects = client.repository(repo.path).commits.get(commit.id).objects
        unread = [objects.get("a") for _ in range(2 * TransportSettings().max_connections)]
        assert {f.read() for f in unread} == {b"small"}


def test_what_can_never_be_sent_is_not_tried_again(server: Server, transport: str) -> None:
    clock = FakeClock()
    with (
        Client(
            api_key=server.api_key,
            endpoint_url=server.endpoint_url,
            transport=transport,
            user_agent="\u20ac",
            clock=clock.clock,
        ) as client,
        pytest.raises(ConfigurationError, match=r"organizations\.list: header User-Agent"),
    ):
        client.organizations.list().first()
    assert clock.sleeps == []


def test_an_object_that_is_put_again_while_it_is_read(repo: Repository) -> None:
    session = repo.session()
    session.objects.put("a", DATA)
    with session.objects.get("a", cache=False) as f:
        f.read(10)
        session.objects.put("a", DATA[::-1])
        f.seek(400_000)
        with pytest.raises(IntegrityError, match="changed while it was being read"):
            f.read(1)
    session.rollback()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts must be of 5 MiB at least, but when they begin is ours to say."""
    monkeypatch.setattr(limits, "MULTIPART_THRESHOLD", 6 * MIB)
    monkeypatch.setattr(limits, "PART_SIZE", 5 * MIB)


BIG = DATA * 25  # 12.5 MiB: three parts


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("kind", ["path", "generator"])
def test_in_parts(repo: Repository, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "big.bin"
    path.write_bytes(BIG)
    session = repo.session()
    source = path if kind == "path" else (BIG[i : i + 70_000] for i in range(0, len(BIG), 70_000))
    result = session.objects.put("big", source, metadata={"k": "v"})
    assert result.etag.endswith("-3")
    head = session.objects.head("big")
    assert (head.etag, head.content_length, head.metadata) == (result.etag, len(BIG), {"k": "v"})
    with session.objects.get("big", cache=False) as f:
        assert f.read() == BIG
    session.rollback()


class Breaks:
    """Lets bodies break: every third request to the object store, whichever way the bytes go."""

    def __init__(self) -> None:
        self.count = 0

    @hookimpl(tryfirst=True)
    def tilde_send(self, request: Request, transport: Transport) -> Response | None:
        if not (request.presigned and request.operation in ("objects.put", "objects.get")):
            return None
        self.count += 1
        if self.count % 3 == 0:
            return None
        response = transport.send(request)
        if request.method == "PUT":
            response.close()
            raise OutcomeUnknownError("the answer was lost")
        return Response(response.status, response.headers, half(response), close=response.close)


def half(response: Response) -> Iterator[bytes]:
    length = int(response.headers["Content-Length"])
    for piece in response.iter_bytes():
        yield piece[: max(1, length // 2)]
        length -= 2 * len(piece)
        if length <= 0:
            raise OutcomeUnknownError("reset")


@pytest.mark.usefixtures("small_parts")
def test_on_a_bad_line(server: Server, transport: str, repo: Repository) -> None:
    clock = FakeClock()
    with Client(
        api_key=server.api_key,
        endpoint_url=server.endpoint_url,
        transport=transport,
        plugins=[Breaks()],
        clock=clock.clock,
        max_retries=9,
    ) as client:
        session = client.repository(repo.path).session()
        for name, data in {"big": BIG, "small": DATA}.items():
            session.objects.put(name, data)
            with session.objects.get(name, cache=False) as f:
                assert f.read() == data
        session.rollback()
    assert clock.sleeps


def test_memory_stays_flat(repo: Repository, tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(80 * MIB)
    session = repo.session()
    session.objects.put("a", tmp_path / "sparse")
    tracemalloc.start()
    try:
        with session.objects.get("a", cache=False) as f:
            assert sum(len(chunk) for chunk in f.iter_bytes(MIB)) == 80 * MIB
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * MIB
    session.rollback()
