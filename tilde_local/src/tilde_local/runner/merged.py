"""An overlay read from outside: the upper directory, and what of the tree shows through it."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

__all__ = ["LinkError", "Merged", "Place"]

_MAX_LINKS = 40
_OPAQUE = "user.overlay.opaque"


class LinkError(Exception):
    """A symbolic link that does not lead to a file in the mount; the text says why."""


class Place(NamedTuple):
    """Where a file is: relative to the upper directory or to the tree."""

    layer: int
    path: bytes
    status: os.stat_result


class Merged:
    """The directory with the descriptor `upper` over `tree`, as seen at `mountpoint`. All paths are relative to it.

    Without a tree, what is there is all in `upper`. Nothing may change meanwhile. `close()` it; the descriptor stays
    the caller's.
    """

    def __init__(self, upper: int, tree: Path | None, mountpoint: str) -> None:
        self._upper = upper
        self._lower = -1 if tree is None else os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
        self._mountpoint = _components(os.fsencode(mountpoint))

    def close(self) -> None:
        """Close the tree."""
        if self._lower >= 0:
            os.close(self._lower)

    def names(self, folder: bytes) -> list[bytes]:
        """What the upper directory has in `folder`, whoever may list it."""
        path = folder or b"."
        status = os.lstat(path, dir_fd=self._upper)
        if status.st_mode & 0o700 != 0o700:
            os.chmod(path, status.st_mode | 0o700, dir_fd=self._upper)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._upper)
        try:
            return sorted(os.fsencode(name) for name in os.listdir(fd))  # noqa: PTH208 - of a descriptor
        finally:
            os.close(fd)

    def upper_status(self, path: bytes) -> os.stat_result | None:
        """What the upper directory has at `path`."""
        return _status(self._upper, path)

    def upper_place(self, path: bytes, status: os.stat_result) -> Place:
        """The file that the upper directory has at `path`."""
        return Place(self._upper, path, status)

    def lower_status(self, path: bytes) -> os.stat_result | None:
        """What the tree has at `path`, whether it shows or not."""
        return _status(self._lower, path) if self._lower >= 0 else None

    def is_opaque(self, folder: bytes) -> bool:
        """Whether a folder of the upper directory hides that of the tree instead of adding to it."""
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._upper)
        try:
            return os.getxattr(fd, _OPAQUE) == b"y"
        except OSError:
            return False
        finally:
            os.close(fd)

    def find(self, path: bytes) -> Place | None:
        """What is seen at `path`; links are not followed."""
        parts = path.split(b"/")
        shows_through = self._lower >= 0
        for length in range(1, len(parts) + 1):
            prefix = b"/".join(parts[:length])
            above = _status(self._upper, prefix)
            if above is None:
                below = _status(self._lower, path) if shows_through else None
                return below and Place(self._lower, path, below)
            if is_whiteout(above):
                return None
            if length == len(parts):
                return Place(self._upper, path, above)
            if not stat.S_ISDIR(above.st_mode):
                return None
            shows_through = shows_through and not self.is_opaque(prefix)
        return None

    def resolve(self, path: bytes) -> Place:
        """The regular file that is seen at `path`, or that a link there leads to. Raises LinkError."""
        seen: list[bytes] = []
        waiting = _components(path)[::-1]
        links = 0
        while waiting:
            part = waiting.pop()
            if part == b"..":
                if not seen:
                    raise LinkError("it is a link that points out of the mount")
                seen.pop()
                continue
            place = self.find(b"/".join([*seen, part]))
            if place is None:
                raise LinkError("it is a link to nothing")
            if not stat.S_ISLNK(place.status.st_mode):
                seen.append(part)
                continue
            links += 1
            if links > _MAX_LINKS:
                raise LinkError("it is a link in a circle")
            target = os.readlink(place.path, dir_fd=place.layer)
            if target.startswith(b"/"):
                seen, target = [], self._in_mount(target)
            waiting += _components(target)[::-1]
        return self._regular(seen)

    def _in_mount(self, target: bytes) -> bytes:
        parts = _components(target)
        depth = len(self._mountpoint)
        if parts[:depth] != self._mountpoint:
            raise LinkError("it is a link that points out of the mount")
        return b"/".join(parts[depth:])

    def _regular(self, parts: list[bytes]) -> Place:
        place = self.find(b"/".join(parts)) if parts else None
        if place is None or stat.S_ISDIR(place.status.st_mode):
            raise LinkError("it is a link to a folder")
        if not stat.S_ISREG(place.status.st_mode):
            raise LinkError("it is a link to something that is no file")
        return place

    def open(self, place: Place) -> int:
        """A descriptor to read the regular file at `place`, whoever may read it. Raises OSError."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        with contextlib.suppress(PermissionError):
            return os.open(place.path, flags, dir_fd=place.layer)
        os.chmod(place.path, 0o600, dir_fd=place.layer)
        return os.open(place.path, flags, dir_fd=place.layer)


def is_whiteout(status: os.stat_result) -> bool:
    """Whether this is the mark of the overlay for: what the tree has here was deleted."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _status(fd: int, path: bytes) -> os.stat_result | None:
    try:
        return os.lstat(path, dir_fd=fd)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _components(path: bytes) -> list[bytes]:
    return [part for part in path.split(b"/") if part not in (b"", b".")]
