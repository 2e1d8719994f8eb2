"""Trees of hard links."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tilde_local.blobs import Blobs
from tilde_local.runner.base import RunnerError
from tilde_local.runner.identity import Identity, identity_of_commands
from tilde_local.runner.trees import Tree, TreeEntries, Trees


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs", tmp_path / "tmp")


@pytest.fixture
def trees(tmp_path: Path, blobs: Blobs) -> Iterator[Trees]:
    trees = Trees(tmp_path / "trees", blobs, keep=2)
    yield trees
    trees.close()


def store(blobs: Blobs, content: str) -> bytes:
    writer = blobs.create()
    writer.write(content.encode())
    return writer.finish().digest


def entries(blobs: Blobs, files: dict[str, str]) -> Callable[[], TreeEntries]:
    """Each file is made of as many blobs as its content has parts between bars."""
    return lambda: [(path, [store(blobs, part) for part in text.split("|")]) for path, text in files.items()]


def never() -> TreeEntries:
    raise AssertionError("the tree is there already")


def contents(tree: Tree) -> dict[str, str]:
    files = (path for path in tree.path.rglob("*") if path.is_file())
    return {str(path.relative_to(tree.path)): path.read_text() for path in files}


def test_files_are_links_to_blobs(trees: Trees, blobs: Blobs) -> None:
    files = {"a": "1", "d/b": "2", "d/e/c c/ü": "1", "empty": ""}
    tree = trees.use("key", entries(blobs, files))
    assert contents(tree) == files
    assert (tree.path / "d/b").stat().st_ino == blobs.path(hashlib.sha256(b"2").digest()).stat().st_ino
    tree.release()


def test_a_file_of_several_blobs_is_put_together(trees: Trees, blobs: Blobs) -> None:
    with_parts = trees.use("key", lambda: [("a", [store(blobs, "1"), store(blobs, "2")]), ("none", [])])
    assert contents(with_parts) == {"a": "12", "none": ""}


def test_no_files_are_a_tree_too(trees: Trees, blobs: Blobs) -> None:
    assert list(trees.use("key", list).path.iterdir()) == []


def test_a_tree_is_made_once(trees: Trees, blobs: Blobs) -> None:
    first = trees.use("key", entries(blobs, {"a": "1"}))
    second = trees.use("key", never)
    assert first.path == second.path
    first.release()
    first.release()
    assert contents(second) == {"a": "1"}
    second.release()
    assert contents(trees.use("key", never)) == {"a": "1"}


def test_those_who_come_meanwhile_wait_for_it(trees: Trees, blobs: Blobs) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow() -> TreeEntries:
        asked.set()
        assert go_on.wait(60)
        return entries(blobs, {"a": "1"})()

    with ThreadPoolExecutor(5) as threads:
        first = threads.submit(trees.use, "key", slow)
        assert asked.wait(60)
        others = [threads.submit(trees.use, "key", never) for _ in range(4)]
        # Another one need not wait.
        assert contents(trees.use("other", entries(blobs, {"b": "2"}))) == {"b": "2"}
        go_on.set()
        assert {future.result(60).path for future in others} == {first.result(60).path}


def test_the_last_few_are_kept(trees: Trees, blobs: Blobs) -> None:
    used = [trees.use(str(number), entries(blobs, {"a": str(number)})) for number in range(4)]
    assert all(tree.path.exists() for tree in used)
    for tree in used:
        tree.release()
    assert [tree.path.exists() for tree in used] == [False, False, True, True]
    assert contents(trees.use("0", entries(blobs, {"a": "again"}))) == {"a": "again"}


def test_what_is_in_use_is_kept_however_old(trees: Trees, blobs: Blobs) -> None:
    first = trees.use("first", entries(blobs, {"a": "1"}))
    for number in range(4):
        trees.use(str(number), entries(blobs, {"a": "2"})).release()
    assert contents(first) == {"a": "1"}


@pytest.mark.parametrize(
    "path",
    [
        "../a", "a/../b", "..", ".", "a/./b", "a//b", "/a", "a/", "", "a\0b", "x" * 256, "ü" * 128, "d/" + "x" * 256,
    ],
)  # fmt: skip
def test_names_that_no_file_can_have(trees: Trees, blobs: Blobs, path: str) -> None:
    with pytest.raises(RunnerError, match="objects that cannot be files") as caught:
        trees.use("key", lambda: [("good", [store(blobs, "1")]), (path, [store(blobs, "2")])])
    assert caught.value.reason == "storage_not_ready"
    assert repr(path) in caught.value.message
    assert "'good'" not in caught.value.message


@pytest.mark.parametrize("paths", [["a", "a/b"], ["a/b", "a"], ["a/b/c", "a/b"], ["a", "a"]])
def test_a_file_and_a_folder_of_one_name(trees: Trees, blobs: Blobs, paths: list[str]) -> None:
    with pytest.raises(RunnerError, match=f"{paths[1]!r}.*path_prefix"):
        trees.use("key", lambda: [(path, [store(blobs, "1")]) for path in paths])


def test_many_bad_names_are_counted(trees: Trees, blobs: Blobs) -> None:
    with pytest.raises(RunnerError, match="'3/', '4/' and 95 more"):
        trees.use("key", lambda: [(f"{number}/", [store(blobs, "1")]) for number in range(100)])


def test_what_failed_leaves_nothing_and_can_be_tried_again(trees: Trees, blobs: Blobs, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(RunnerError, match="No such file"):
            trees.use("key", lambda: [("a", [store(blobs, "1")]), ("b", [bytes(32)])])
    assert list((tmp_path / "trees").iterdir()) == []
    with pytest.raises(AssertionError, match="there already"):
        trees.use("key", never)
    assert contents(trees.use("key", entries(blobs, {"a": "1"}))) == {"a": "1"}


@pytest.mark.parametrize("code", [errno.EMLINK, errno.EXDEV, errno.EPERM, errno.ENOTSUP])
def test_where_there_can_be_no_link_a_copy_is_made(
    trees: Trees, blobs: Blobs, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(source: object, place: object) -> None:
        raise OSError(code, os.strerror(code))

    digest = store(blobs, "1")
    monkeypatch.setattr(os, "link", refuse)
    tree = trees.use("key", lambda: [("a", [digest])])
    assert contents(tree) == {"a": "1"}
    assert (tree.path / "a").stat().st_ino != blobs.path(digest).stat().st_ino


def test_leftovers_are_removed_at_start(tmp_path: Path, blobs: Blobs) -> None:
    root = tmp_path / "trees"
    (root / "old.part" / "d").mkdir(parents=True)
    (root / "old.part" / "d" / "file").touch()
    trees = Trees(root, blobs)
    assert list(root.iterdir()) == []
    trees.close()
    assert not root.exists()


def test_a_tree_does_not_change_when_its_blob_is_removed(trees: Trees, blobs: Blobs) -> None:
    tree = trees.use("key", entries(blobs, {"a": "1"}))
    blobs.remove(store(blobs, "1"))
    assert contents(tree) == {"a": "1"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_files_belong_to_who_runs_commands(tmp_path: Path, blobs: Blobs) -> None:
    identity = identity_of_commands()
    trees = Trees(tmp_path / "trees", blobs, identity)
    tree = trees.use("key", entries(blobs, {"d/a": "1"}))
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in (tree.path, *tree.path.rglob("*"))}
    assert owners == {(identity.uid, identity.gid)}
    assert identity.uid > 0
    trees.close()


def test_an_ordinary_server_gives_nothing_away(tmp_path: Path, blobs: Blobs) -> None:
    trees = Trees(tmp_path / "trees", blobs, Identity(12345, 12345, privileged=False))
    tree = trees.use("key", entries(blobs, {"a": "1"}))
    assert (tree.path / "a").stat().st_uid == os.geteuid()
    trees.close()
