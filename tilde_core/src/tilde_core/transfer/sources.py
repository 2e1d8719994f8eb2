"""What `put` accepts, in one of two forms: bytes that can be had at any position, or a stream to be read once."""

from __future__ import annotations

import io
import os
import stat
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol, Union

from tilde_core.exceptions import IntegrityError

__all__ = ["FileSource", "MemorySource", "ObjectData", "ReadableFile", "Source", "StreamSource", "opened_source"]


_NOTHING = memoryview(b"")


class ReadableFile(Protocol):
    """What counts as a binary file: it has `read`."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, `b""` at the end."""
        ...


_Piece = bytes | bytearray | memoryview
ObjectData = Union[
    bytes, bytearray, memoryview, "os.PathLike[Any]", ReadableFile, Iterable[bytes | bytearray | memoryview]
]
"""What can be stored as an object: bytes, a path, a binary file, or the pieces of the content one after another."""


class Source(Protocol):
    """Bytes of a known number that can be had at any position, by many threads at once."""

    size: int

    def read_at(self, position: int, size: int) -> bytes:
        """Return exactly these bytes. Raises `IntegrityError` if they are not there any more."""
        ...

    def check_size(self) -> None:
        """Raise `IntegrityError` unless the size is still what it was."""
        ...


class MemorySource:
    """Bytes in memory; not copied as a whole."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._view = _as_bytes(data)
        self.size = len(self._view)

    def read_at(self, position: int, size: int) -> bytes:
        """Return exactly these bytes."""
        return bytes(self._view[position : position + size])

    def check_size(self) -> None:
        """Pass: while there is a view of it, memory keeps its size."""


class FileSource:
    """A file with random access, from its current position to its end. Threads take turns at it."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._lock = threading.Lock()
        self._start = file.tell()
        self.size = max(0, self._end() - self._start)

    def read_at(self, position: int, size: int) -> bytes:
        """Return exactly these bytes. Raises `IntegrityError` if the file has become too short."""
        with self._lock:
            self._file.seek(self._start + position)
            data = self._file.read(size)
            while 0 < len(data) < size:
                more = self._file.read(size - len(data))
                if not more:
                    break
                data += more
        if len(data) < size:
            raise self._changed("shorter")
        return data

    def check_size(self) -> None:
        """Raise `IntegrityError` if the file is not as long as it was; leave it at its end."""
        size = max(0, self._end() - self._start)
        if size != self.size:
            raise self._changed("shorter" if size < self.size else "longer")

    def _end(self) -> int:
        with self._lock:
            self._file.seek(0, os.SEEK_END)
            return self._file.tell()

    def _changed(self, how: str) -> IntegrityError:
        return IntegrityError(
            f"{self._name} became {how} while it was being read; nothing was staged. Try again while nobody writes",
            operation="objects.put",
        )


class StreamSource:
    """A stream of unknown length, to be read once: a pipe, a generator, a file that only looks like one on disk."""

    def __init__(self, pieces: Iterator[_Piece]) -> None:
        self._pieces = pieces
        self._rest = _NOTHING

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, `b""` only at the end. Raises `TypeError` for a piece that is not bytes."""
        while not self._rest:
            try:
                self._rest = _as_bytes(_checked_piece(next(self._pieces)))
            except StopIteration:
                return b""
        data = bytes(self._rest[:size])
        # A piece that is used up is let go: a view of a bytearray would keep its owner from refilling it.
        self._rest = self._rest[size:] if size < len(self._rest) else _NOTHING
        return data


def _as_bytes(piece: _Piece) -> memoryview:
    """The bytes of `piece`, copied only if they do not lie in a row."""
    view = memoryview(piece)
    if not view.nbytes:
        return _NOTHING  # of several dimensions, it could not be cast
    return view.cast("B") if view.c_contiguous else memoryview(view.tobytes())


def _checked_piece(piece: object) -> _Piece:
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return piece
    if isinstance(piece, str):
        raise TypeError('data gives str and objects are bytes: encode it, or open the file in mode "rb"')
    raise TypeError(f"data must give bytes, not {type(piece).__name__}")


@contextmanager
def opened_source(data: ObjectData, piece_size: int) -> Iterator[Source | StreamSource]:
    """Give `data` as a source, and close what was opened for it.

    A file of the caller's stays open: behind what was read, or where it was if the upload failed, so that trying again
    sends the same. Raises `TypeError` for text and for what is no bytes at all, `OSError` for a path.
    """
    if isinstance(data, (bytes, bytearray, memoryview)):
        yield MemorySource(data)
    elif isinstance(data, os.PathLike):
        with Path(data).open("rb") as file:
            yield _file_source(file, piece_size)
    elif hasattr(data, "read"):
        with _rewound_on_failure(data):
            yield _file_source(data, piece_size)
    elif isinstance(data, Iterable) and not isinstance(data, str):
        yield StreamSource(iter(data))
    else:
        raise _refused(data)


def _refused(data: object) -> TypeError:
    if isinstance(data, str):
        return TypeError("data is a str and objects are bytes: encode it, or give a pathlib.Path to name a file")
    return TypeError(f"data must be bytes, a binary file, a path or an iterable of bytes, not {type(data).__name__}")


def _file_source(file: Any, piece_size: int) -> Source | StreamSource:
    if isinstance(file, io.TextIOBase) or getattr(file, "encoding", None) is not None:
        raise TypeError('data is a text file and objects are bytes: open it in mode "rb"')
    if _has_random_access(file):
        return FileSource(file, f"the file {getattr(file, 'name', '(in memory)')}")
    return StreamSource(_pieces_of(file, piece_size))


def _has_random_access(file: Any) -> bool:
    """Whether jumping about in `file` is cheap: so in a real one, not in one that decompresses or downloads."""
    if type(file) in (io.BytesIO, tempfile.SpooledTemporaryFile):
        return True
    raw = file.raw if type(file) in (io.BufferedReader, io.BufferedRandom) else file
    if type(raw) is not io.FileIO:
        return False
    status = os.fstat(raw.fileno())
    return stat.S_ISREG(status.st_mode) and _is_as_long(file, status.st_size)


def _is_as_long(file: BinaryIO, size: int) -> bool:
    """Whether `size` is to be believed: there is a byte where the last one should be.

    The files of /proc and /sys state 0 or 4096, whatever is in them; only reading on finds their end.
    """
    if not size:
        return False
    position = file.tell()
    try:
        file.seek(size - 1)
        return bool(file.read(1))
    finally:
        file.seek(position)


def _pieces_of(file: ReadableFile, size: int) -> Iterator[bytes]:
    while True:
        piece = file.read(size)
        if piece is None:
            raise BlockingIOError("data is a non-blocking file that has no bytes at the moment")
        if not piece:
            _checked_piece(piece)
            return
        yield piece


@contextmanager
def _rewound_on_failure(file: Any) -> Iterator[None]:
    position = _position(file)
    try:
        yield
    except BaseException:
        if position is not None:
            with suppress(AttributeError, OSError, ValueError):  # the failure itself matters more
                file.seek(position)
        raise


def _position(file: Any) -> int | None:
    try:
        # A file need not be able to say that it is seekable: a SpooledTemporaryFile cannot before Python 3.11.
        return int(file.tell()) if getattr(file, "seekable", lambda: True)() else None
    except (AttributeError, OSError, ValueError):
        return None
