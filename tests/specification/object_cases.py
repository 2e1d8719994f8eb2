"""The page's section "Objects"."""

from __future__ import annotations

from hashlib import md5

import tilde
from specification.world import World, snippet

CSV = b"col1,col2\na,b\n"
MIB = 1024 * 1024


@snippet("025")
def writing(world: World) -> None:
    old = ("data/old-file.csv", "data/a.csv", "data/b.csv", "data/c.csv")
    world.commit_all(dict.fromkeys(old, b"old"))
    (world.directory / "dataset.parquet").write_bytes(b"PAR1")
    (world.directory / "model.bin").write_bytes(b"\0\1")
    assert world.run_in_repo().lines == ["Deleted 3 objects"]
    assert world.log == ["Upload files", "Earlier"]
    assert world.paths == ["data/dataset.parquet", "data/hello-backup.txt", "data/hello.txt", "data/model.bin"]
    assert world.content("data/hello-backup.txt") == b"Hello, Tilde!"
    assert world.content("data/model.bin") == b"\0\1"


@snippet("026")
def what_put_returns(world: World) -> None:
    assert world.run_in_repo().lines == [f"data/file.csv {md5(CSV).hexdigest()}"]
    assert world.content("data/file.csv") == CSV


@snippet("027")
def metadata_in_a_session(world: World) -> None:
    outcome = world.run_in_repo()
    assert outcome.lines == [f"{md5(CSV).hexdigest()} 14 text/csv"]
    assert outcome.names["meta"].reproducible is False
    assert world.log == []


@snippet("028")
def copying(world: World) -> None:
    world.commit(data_original_csv=CSV)
    assert world.run_in_repo().lines == ["data/original.csv data/copy.csv"]
    assert world.content("data/copy.csv") == CSV


@snippet("029")
def large_uploads(world: World) -> None:
    with (world.directory / "large-dataset.parquet").open("wb") as file:
        file.truncate(64 * MIB)  # sparse: takes no room on the disk
    world.run_leaving_files_open()
    meta = world.latest.objects.head("data/large-dataset.parquet")
    assert meta.content_length == 64 * MIB
    assert meta.etag.endswith("-8")  # how stores mark an object of 8 parts


@snippet("030")
def reading(world: World) -> None:
    world.commit(data_hello_txt=b"Hello, Tilde!")
    assert world.run_in_repo().lines == ["Hello, Tilde!", f"{md5(b'Hello, Tilde!').hexdigest()} text/plain 13"]


@snippet("031")
def reading_in_a_session(world: World) -> None:
    world.commit(data_hello_txt=b"Hello, Tilde!")
    outcome = world.run_in_repo()
    assert outcome.names["content"] == b"Hello, Tilde!"
    assert "rolled back" in repr(outcome.names["session"])


@snippet("032")
def listing(world: World) -> None:
    world.commit_all({"a.csv": b"1", "data/b.csv": b"22", "data/deep/c.csv": b"333"})
    assert world.run_in_repo().lines == [
        "a.csv object 1",
        "data/b.csv object 2",
        "data/deep/c.csv object 3",
        "data/b.csv",
        "data/deep/c.csv",
        "Object: data/b.csv",
        "Directory: data/deep/",
    ]


@snippet("033")
def streaming(world: World) -> None:
    content = bytes(range(256)) * 1000
    world.commit_all({"data/large-file.parquet": content})
    world.run_in_repo()
    assert (world.directory / "local-copy.parquet").read_bytes() == content


@snippet("034")
def byte_ranges(world: World) -> None:
    content = b"PAR1" + bytes(1020) + b"x" * 48128
    world.commit(data_file_parquet=content)
    outcome = world.run(commit=tilde.repository("my-team/my-data").latest())
    assert outcome.names["magic"] == b"PAR1"
    assert outcome.names["tail"] == b"x" * 48128
    assert outcome.lines == ["bytes 1024-49151/49152", "48128"]
