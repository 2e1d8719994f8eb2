"""Directories that show blobs under the paths of objects: made of hard links, so they cost no space and little time.

A tree is built under a temporary name and renamed when it is whole. Trees are a cache: whoever starts removes what lies
about, and nothing is lost.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path

from tilde_local.blobs import Blobs
from tilde_local.runner.base import RunnerError
from tilde_local.runner.identity import Identity

__all__ = ["Tree", "TreeEntries", "Trees"]

# What makes up a tree: paths of objects, each with the digests of the blobs that its bytes are made of, in order.
TreeEntries = Iterable[tuple[str, Sequence[bytes]]]

_NAMED = 5
_MAX_NAME_BYTES = 255
# Too many links to one file, another disk, a file system without links, or a file of somebody else.
_NO_LINK = frozenset({errno.EMLINK, errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.ENOSYS})
_UNFIT = frozenset({errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ})


class Tree:
    """A tree in use: it stays until `release()`."""

    def __init__(self, path: Path, release: Callable[[], None]) -> None:
        self.path = path
        self._release = release
        self._lock = threading.Lock()
        self._released = False

    def release(self) -> None:
        """It may be removed now. Twice is fine."""
        with self._lock:
            released, self._released = self._released, True
        if not released:
            self._release()


class _Cached:
    def __init__(self) -> None:
        self.built: Future[Path] = Future()
        self.users = 0


class Trees:
    """The trees below `root`, which is this object's alone, created if missing and emptied.

    `owner` is who commands run as: a privileged server gives him the files, blobs included, since only the owner of a
    file can change his copy of it. Trees that nobody uses are removed, but for the `keep` used last.
    """

    def __init__(self, root: Path, blobs: Blobs, owner: Identity | None = None, keep: int = 4) -> None:
        self._root = root
        self._blobs = blobs
        self._owner = owner if owner is not None and owner.privileged else None
        self._keep = keep
        self._lock = threading.Lock()
        # In the order of their last use.
        self._cached: dict[str, _Cached] = {}
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(mode=0o700, parents=True)

    def use(self, key: str, entries: Callable[[], TreeEntries]) -> Tree:
        """The tree of `entries`, which is asked only if there is none for `key` yet; `release()` it after use.

        The same key must stand for the same entries. Raises RunnerError (storage_not_ready) if a path cannot be a file
        in a file system, or the disk does not play along, and whatever `entries` raises.
        """
        with self._lock:
            known = self._cached.pop(key, None)
            cached = self._cached[key] = known or _Cached()
            cached.users += 1
        if known is None:
            self._build(key, cached, entries)
        try:
            path = cached.built.result()
        except BaseException:
            self._release(cached)
            raise
        return Tree(path, lambda: self._release(cached))

    def _build(self, key: str, cached: _Cached, entries: Callable[[], TreeEntries]) -> None:
        place = self._root / secrets.token_hex(8)
        unfinished = place.with_suffix(".part")
        try:
            _Builder(unfinished, self._blobs, self._owner).build(entries())
            unfinished.rename(place)
        except BaseException as error:  # noqa: BLE001 - raised again, to all who wait for the tree
            shutil.rmtree(unfinished, ignore_errors=True)
            with self._lock:
                if self._cached.get(key) is cached:
                    del self._cached[key]
            cached.built.set_exception(_explained(error))
        else:
            cached.built.set_result(place)

    def _release(self, cached: _Cached) -> None:
        with self._lock:
            cached.users -= 1
            idle = [key for key, other in self._cached.items() if other.users == 0]
            removed = [self._cached.pop(key) for key in idle[: max(len(idle) - self._keep, 0)]]
        for other in removed:
            shutil.rmtree(other.built.result(), ignore_errors=True)

    def close(self) -> None:
        """Remove all trees."""
        shutil.rmtree(self._root, ignore_errors=True)


def _explained(error: BaseException) -> BaseException:
    if not isinstance(error, OSError):
        return error
    explained = RunnerError("storage_not_ready", f"cannot lay out the files: {error}")
    explained.__cause__ = error
    return explained


class _Builder:
    def __init__(self, root: Path, blobs: Blobs, owner: Identity | None) -> None:
        self._root = str(root)
        self._blobs = blobs
        self._owner = owner
        self._folders: set[str] = set()
        self._unfit: list[str] = []

    def build(self, entries: TreeEntries) -> None:
        self._make_folder("")
        for path, digests in entries:
            if not self._add(path, digests):
                self._unfit.append(path)
        if self._unfit:
            raise RunnerError("storage_not_ready", _complaint(self._unfit))

    def _add(self, path: str, digests: Sequence[bytes]) -> bool:
        """Make the file; False if there can be none of that name."""
        if not _fits(path):
            return False
        place = f"{self._root}/{path}"
        try:
            self._make_folder(path.rpartition("/")[0])
            self._fill(place, [self._blobs.path(digest) for digest in digests])
        except OSError as error:
            if error.errno in _UNFIT:
                return False
            raise
        self._give_away(place)
        return True

    def _make_folder(self, folder: str) -> None:
        if folder in self._folders:
            return
        if folder:
            self._make_folder(folder.rpartition("/")[0])
        place = f"{self._root}/{folder}"
        os.mkdir(place)  # noqa: PTH102 - a Path for every folder takes longer than the folder
        self._folders.add(folder)
        self._give_away(place)

    def _fill(self, place: str, blobs: Sequence[Path]) -> None:
        if len(blobs) == 1:
            try:
                os.link(blobs[0], place)
            except OSError as error:
                if error.errno not in _NO_LINK:
                    raise
            else:
                return
        with open(place, "xb") as file:  # noqa: PTH123 - as above
            for blob in blobs:
                with blob.open("rb") as source:
                    shutil.copyfileobj(source, file, 1 << 20)

    def _give_away(self, place: str) -> None:
        if self._owner is not None:
            os.chown(place, self._owner.uid, self._owner.gid)


def _fits(path: str) -> bool:
    if "\0" in path:
        return False
    for part in path.split("/"):
        if part in ("", ".", "..") or len(part) > _MAX_NAME_BYTES or len(part.encode()) > _MAX_NAME_BYTES:
            return False
    return True


def _complaint(paths: Sequence[str]) -> str:
    named = ", ".join(repr(path) for path in paths[:_NAMED])
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return (
        f"objects that cannot be files, because of their name or because another object is called like one of their "
        f"folders: {named}{more}. Rename them, or leave them out with path_prefix"
    )
