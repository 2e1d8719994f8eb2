"""A directory that holds everything a server knows, and the lock that keeps a second server out of it.

tilde.db      SQLite: accounts, repositories, commits, who stages what
blobs/        object bytes by SHA-256
tmp/          uploads under way
secret.key    the HMAC secret of presigned URLs, mode 0600
encryption.key  what stored secrets are encrypted with, mode 0600
lock          held while a server runs
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tilde_local.blobs import Blobs, sync_directory
from tilde_local.errors import DataDirectoryError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["DataDirectory", "explained"]

_SECRET_BYTES = 32


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise DataDirectoryError, which names the directory, for what the disk or SQLite objects to."""
    try:
        yield
    except sqlite3.Error as error:
        raise DataDirectoryError(f"cannot use {path.absolute() / 'tilde.db'}: {error}") from error
    except OSError as error:
        raise DataDirectoryError(f"cannot use the data directory {path.absolute()}: {error}") from error


class DataDirectory:
    """Opens `path`, created if missing, for this process alone. `close()` lets others in.

    Raises DataDirectoryError if another server uses it or it is a file, OSError if it cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        if self.path.is_file():
            raise DataDirectoryError(f"cannot use {self.path} as data directory: it is a file")
        if not self.path.is_dir():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_directory(self.path.parent)
        self.blobs = Blobs(self.path / "blobs", self.path / "tmp")
        self._lock = _lock(self.path / "lock")

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.path / "tilde.db"

    def secret(self) -> bytes:
        """The signing secret: made on first use, the same ever after, so that URLs survive a restart.

        Raises DataDirectoryError if it is too short to keep anyone from forging URLs.
        """
        return self._key(
            "secret.key",
            "remove it and start again; a new secret is made then, and presigned URLs from before are refused",
        )

    def encryption_key(self) -> bytes:
        """The key that stored secrets are encrypted with: made on first use, the same ever after.

        Raises DataDirectoryError if it is damaged.
        """
        return self._key(
            "encryption.key",
            "put it back from a backup; without it the stored secrets cannot be read, so that removing it loses them",
        )

    def _key(self, name: str, way_out: str) -> bytes:
        place = self.path / name
        if not place.exists():
            fresh = self.path / "tmp" / secrets.token_hex(16)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(_SECRET_BYTES))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(place)
            sync_directory(self.path)
        secret = place.read_bytes()
        if len(secret) != _SECRET_BYTES:
            raise DataDirectoryError(f"{place} has {len(secret)} bytes instead of {_SECRET_BYTES}: {way_out}")
        return secret

    def close(self) -> None:
        """Release the lock. The lock file stays: removing it would let two servers in."""
        self._lock.close()


def _lock(path: Path) -> IO[bytes]:
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "ab")
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise DataDirectoryError(f"another Tilde server is using the data directory {path.parent}") from error
    return file
