"""A copy of a tree, and what was changed in it since."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from tilde_local.runner.base import Change, Deleted, Written
from tilde_local.runner.changes import overlay_changes
from tilde_local.runner.merged import Merged

__all__ = ["Copy"]

_Seen = tuple[int, int, int, int]


class Copy:
    """Copies `tree` to `place`, which must not exist, and remembers it. `close()` it. Raises OSError."""

    def __init__(self, tree: Path, place: Path) -> None:
        shutil.copytree(tree, place, copy_function=shutil.copyfile)
        for folder, _, _ in os.walk(place):
            Path(folder).chmod(0o755)
        self._seen = dict(_files(str(place), ""))
        self._fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        self._merged = Merged(self._fd, None, str(place))
        self._closed = False

    def changes(self) -> Iterator[Change]:
        """The changes since, deletions first. Raises OSError."""
        present = list(overlay_changes(self._merged))
        names = {change.path for change in present if isinstance(change, Written)}
        yield from (Deleted(path) for path in self._seen if path not in names)
        for change in present:
            if not isinstance(change, Written) or self._differs(change.path):
                yield change

    def _differs(self, path: str) -> bool:
        # No program can set the time of the last change of a file's status.
        status = os.lstat(path, dir_fd=self._fd)
        return self._seen.get(path) != _seen(status)

    def close(self) -> None:
        """Close what is open. Twice is fine."""
        if not self._closed:
            self._closed = True
            self._merged.close()
            os.close(self._fd)


def _seen(status: os.stat_result) -> _Seen:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _files(root: str, folder: str) -> Iterator[tuple[str, _Seen]]:
    with os.scandir(f"{root}/{folder}") as entries:
        for entry in entries:
            path = f"{folder}{entry.name}"
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                yield from _files(root, f"{path}/")
            else:
                yield path, _seen(status)
