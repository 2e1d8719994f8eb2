"""One writer, many readers, on one SQLite file in WAL mode.

A write is on the disk when `write()` returns: the WAL is synced at every commit (`synchronous=FULL`).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tilde_local import migrations, schema

__all__ = ["Database"]

# fullfsync: on macOS an ordinary fsync may leave the bytes in the drive's cache.
_SETTINGS = ("journal_mode=WAL", "synchronous=FULL", "fullfsync=ON", "foreign_keys=ON", "cache_size=-16384")


class Database:
    """The connections to one database file. `close()` must be called."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        # Made here, because SQLite would let others read it; the -wal and -shm beside it take over its mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._writer = self._connect()
        try:
            migrations.prepare(self._writer)
        except BaseException:
            self._writer.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=30, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            # First of all: what belongs to a newer version is not to be touched, and WAL mode is written to the file.
            schema.check_version(connection)
            for setting in _SETTINGS:
                connection.execute(f"PRAGMA {setting}")
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one unchanging state of the database and cannot write."""
        connection = self._borrow()
        try:
            connection.execute("BEGIN")
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._give_back(connection)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """The writing connection, in a transaction: durable when the block ends, undone when it raises."""
        with self._writing:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    def _borrow(self) -> sqlite3.Connection:
        # list.pop and list.append are atomic, which is all that a pool of idle connections needs.
        try:
            return self._idle.pop()
        except IndexError:
            connection = self._connect()
            connection.execute("PRAGMA query_only=ON")
            return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def close(self) -> None:
        """Close every idle connection now, and those in use when they come back."""
        self._closed = True
        with self._writing:
            while self._idle:
                self._idle.pop().close()
            self._writer.close()
