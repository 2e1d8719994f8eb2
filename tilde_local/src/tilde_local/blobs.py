"""Bytes on disk, named by their SHA-256.

A blob is written to a temporary file, synced, renamed into place, and its directory synced: only then may a row name
it. A blob never changes, and equal bytes are stored once.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, NamedTuple

__all__ = ["BlobWriter", "Blobs", "StoredBlob", "sync_directory", "sync_file"]

if sys.platform != "win32":
    import fcntl

_SYNCING = 16


class StoredBlob(NamedTuple):
    """A blob that is safely on disk."""

    digest: bytes
    size: int
    md5: str


def sync_file(descriptor: int) -> None:
    """Return when the file's bytes are on the disk itself, not in a cache."""
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def sync_directory(directory: Path) -> None:
    """Return when the names in `directory` are on the disk. Windows has no such call and needs none."""
    if sys.platform == "win32":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Blobs:
    """The blobs under one directory."""

    def __init__(self, root: Path, temporary: Path) -> None:
        self._root = root
        self._temporary = temporary
        for directory in (root, temporary):
            directory.mkdir(mode=0o700, exist_ok=True)

    def path(self, digest: bytes) -> Path:
        """Where the blob is, or would be."""
        name = digest.hex()
        return self._root / name[:2] / name

    def open(self, digest: bytes) -> BinaryIO:
        """The blob, to read; the caller closes it. Raises FileNotFoundError."""
        return self.path(digest).open("rb", buffering=0)

    def create(self) -> BlobWriter:
        """A writer for one new blob; call its `finish()` or `discard()`."""
        return BlobWriter(self, self._temporary / secrets.token_hex(16))

    def adopt(self, temporary: Path, digest: bytes) -> None:
        """Give a synced temporary file its place and sync the directory."""
        sync_directory(self._move(temporary, digest))

    def _move(self, temporary: Path, digest: bytes) -> Path:
        """Give a synced temporary file its place; the directory that is to be synced."""
        place = self.path(digest)
        if not place.parent.exists():
            place.parent.mkdir(mode=0o700, exist_ok=True)
            sync_directory(self._root)
        temporary.replace(place)
        return place.parent

    def finish_all(self, writers: Sequence[BlobWriter]) -> list[StoredBlob]:
        """Make several blobs permanent at once. A disk syncs many files in hardly more time than one."""
        with ThreadPoolExecutor(_SYNCING) as pool:
            list(pool.map(BlobWriter.sync, writers))
            folders = {self._move(writer.temporary, writer.stored.digest) for writer in writers}
            list(pool.map(sync_directory, folders))
        return [writer.stored for writer in writers]

    def remove(self, digest: bytes) -> None:
        """Delete a blob that no row names."""
        self.path(digest).unlink(missing_ok=True)

    def remove_temporary(self, older_than: float) -> None:
        """Delete what interrupted uploads left behind before `older_than` (seconds since the epoch)."""
        for path in self._temporary.iterdir():
            if path.stat().st_mtime < older_than:
                path.unlink(missing_ok=True)


class BlobWriter:
    """Hashes while it writes. Use from one thread at a time."""

    def __init__(self, blobs: Blobs, temporary: Path) -> None:
        self._blobs = blobs
        self.temporary = temporary
        self._file = temporary.open("xb", buffering=0)
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append `data`."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self._sha256.update(data)
        self._md5.update(data)
        self.size += len(data)

    @property
    def stored(self) -> StoredBlob:
        """What the blob will be, or is."""
        return StoredBlob(self._sha256.digest(), self.size, self._md5.hexdigest())

    def sync(self) -> None:
        """Return when all that was written is on the disk; there must be no more."""
        sync_file(self._file.fileno())
        self._file.close()

    def finish(self) -> StoredBlob:
        """Make the blob permanent: when this returns, a crash cannot lose it."""
        self.sync()
        self._blobs.adopt(self.temporary, self.stored.digest)
        return self.stored

    def discard(self) -> None:
        """Drop the temporary file; nothing happens after `finish()`."""
        self._file.close()
        self.temporary.unlink(missing_ok=True)
