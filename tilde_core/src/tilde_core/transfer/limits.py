"""The figures of transfers; sizes in bytes."""

from __future__ import annotations

__all__ = [
    "ABORT_TIMEOUT",
    "AT_ONCE",
    "MAX_PARTS",
    "MULTIPART_THRESHOLD",
    "PARTS_PER_SIZE",
    "PART_SIZE",
    "PIECE",
    "SKIP",
    "SPOOL_MEMORY",
    "WORKERS",
]

_MIB = 1024 * 1024

MULTIPART_THRESHOLD = 64 * _MIB  # from here on in parts
PART_SIZE = 8 * _MIB  # the least; the service wants 5 MiB
MAX_PARTS = 10_000
PARTS_PER_SIZE = 1_000  # of a stream of unknown length; then the size doubles, so that MAX_PARTS hold 8 TiB
WORKERS = 4
ABORT_TIMEOUT = 10.0  # seconds

PIECE = 256 * 1024  # what is read, hashed and handed to the transport at a time
SPOOL_MEMORY = 8 * _MIB  # kept in memory before it goes to a temporary file
AT_ONCE = 64 * 1024  # so little is read when it is opened, so that no connection waits for its reader
SKIP = 256 * 1024  # passing over so much of an open download is cheaper than another request
