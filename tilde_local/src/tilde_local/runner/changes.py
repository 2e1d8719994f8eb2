"""What commands changed, read from the upper directory of an overlay: only what is in it is looked at.

The upper directory was written by code that nobody trusts, and is read when that is dead. It is walked relative to its
descriptor, no link in it is followed by the kernel, and only regular files are opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from tilde_local.runner.base import Change, Deleted, Skipped, Written
from tilde_local.runner.merged import LinkError, Merged, Place, is_whiteout

__all__ = ["overlay_changes"]

# Far above what a store takes as a path, below what the kernel takes.
_LONGEST_PATH = 3000

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def overlay_changes(merged: Merged) -> Iterator[Change]:
    """The changes in the upper directory of `merged`; deletions first. Raises OSError."""
    walk = _Walk(merged)
    walk.run()
    yield from (Deleted(path) for path in walk.deleted)
    yield from walk.others


class _Walk:
    def __init__(self, merged: Merged) -> None:
        self._merged = merged
        self.deleted: list[str] = []
        self.others: list[Written | Skipped] = []

    def run(self) -> None:
        waiting = [b""]
        while waiting:
            folder = waiting.pop()
            for name in self._merged.names(folder):
                path = folder + b"/" + name if folder else name
                if self._visit(path):
                    waiting.append(path)

    def _visit(self, path: bytes) -> bool:
        """Note what is at `path`; whether it is a folder to go into."""
        status = self._merged.upper_status(path)
        if status is None or is_whiteout(status):
            self._delete(path)
            return False
        if len(path) > _LONGEST_PATH:
            self._skip(path[:100] + b"...", "its path is too long")
            return False
        if stat.S_ISDIR(status.st_mode):
            self._visit_folder(path)
            return True
        self._visit_file(path, status)
        return False

    def _visit_folder(self, path: bytes) -> None:
        below = self._merged.lower_status(path)
        if below is not None and (not stat.S_ISDIR(below.st_mode) or self._merged.is_opaque(path)):
            self._delete(path)

    def _visit_file(self, path: bytes, status: os.stat_result) -> None:
        kind = _KINDS.get(stat.S_IFMT(status.st_mode))
        if kind is not None:
            self._replace_by_nothing(path, f"it is {kind}")
        elif not _is_text(path):
            self._skip(path, "its name is not UTF-8")
        elif stat.S_ISLNK(status.st_mode):
            self._follow(path)
        else:
            self._take_in(path, self._merged.upper_place(path, status))

    def _follow(self, path: bytes) -> None:
        try:
            self._take_in(path, self._merged.resolve(path))
        except LinkError as error:
            self._replace_by_nothing(path, str(error))

    def _take_in(self, path: bytes, place: Place) -> None:
        below = self._merged.lower_status(path)
        if below is not None and stat.S_ISDIR(below.st_mode):
            self._delete(path)
        self.others.append(Written(path.decode(), lambda: self._open(place)))

    def _open(self, place: Place) -> BinaryIO:
        return os.fdopen(self._merged.open(place), "rb")

    def _replace_by_nothing(self, path: bytes, why: str) -> None:
        """Something that is not taken in is there: what the tree has there is gone all the same."""
        self._delete(path)
        self._skip(path, why)

    def _delete(self, path: bytes) -> None:
        # What the tree has is UTF-8.
        if self._merged.lower_status(path) is not None:
            self.deleted.append(path.decode())

    def _skip(self, path: bytes, why: str) -> None:
        self.others.append(Skipped(path.decode("utf-8", "backslashreplace"), why))


def _is_text(path: bytes) -> bool:
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True
