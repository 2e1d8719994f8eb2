"""A directory that holds everything a server knows, and the lock that keeps a second server out of it.

tilde.db      SQLite: accounts, repositories, commits, who stages what
blobs/        object bytes by SHA-256
tmp/          uploads under way
secret.key    the HMAC secret of presigned URLs, mode 0600
lock          held while a server runs
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import IO

from tilde_local.blobs import Blobs, sync_directory
from tilde_local.errors import DataDirectoryError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["DataDirectory"]


class DataDirectory:
    """Opens `path`, created if missing, for this process alone. `close()` lets others in.

    Raises DataDirectoryError if another server uses it, OSError if it cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        if not self.path.is_dir():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_directory(self.path.parent)
        self._lock = _lock(self.path / "lock")
        self.blobs = Blobs(self.path / "blobs", self.path / "tmp")

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.path / "tilde.db"

    def secret(self) -> bytes:
        """The signing secret: made on first use, the same ever after, so that URLs survive a restart."""
        place = self.path / "secret.key"
        if not place.exists():
            fresh = self.path / "tmp" / secrets.token_hex(16)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(32))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(place)
            sync_directory(self.path)
        return place.read_bytes()

    def close(self) -> None:
        """Release the lock. The lock file stays: removing it would let two servers in."""
        self._lock.close()


def _lock(path: Path) -> IO[bytes]:
    file = path.open("ab")
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise DataDirectoryError(f"another Tilde server is using the data directory {path.parent}") from error
    return file
