"""The bytes of files and of objects: whether they are the same, and how those become these."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import BinaryIO

from tilde_local.blobs import Blobs, BlobWriter
from tilde_local.services import Services
from tilde_local.store import uploads
from tilde_local.store.records import Entry

__all__ = ["is_same", "pieces_of", "write"]

_PIECE = 1 << 20


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece


def is_same(services: Services, entry: Entry, file: BinaryIO) -> bool:
    """Whether the file has the bytes of the object. Raises OSError."""
    if os.fstat(file.fileno()).st_size != entry.size:
        return False
    parts = pieces_of(services, entry)
    digest = hashlib.sha256()
    for piece in _pieces(file):
        digest.update(piece)
    if len(parts) == 1:
        return digest.digest() == parts[0][0]
    whole = hashlib.sha256()
    for part, _ in parts:
        with services.blobs.open(part) as blob:
            for piece in _pieces(blob):
                whole.update(piece)
    return digest.digest() == whole.digest()


def pieces_of(services: Services, entry: Entry) -> list[tuple[bytes, int]]:
    """The blobs that make up the object, with their sizes: one, unless it was uploaded in parts."""
    with services.database.read() as db:
        return list(uploads.segments(db, entry.blob, entry.size))


def write(blobs: Blobs, file: BinaryIO) -> BlobWriter:
    """The bytes of a file, in a blob that is not permanent yet. Raises OSError."""
    writer = blobs.create()
    try:
        for piece in _pieces(file):
            writer.write(piece)
    except BaseException:
        writer.discard()
        raise
    return writer
