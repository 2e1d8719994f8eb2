"""`ObjectReader`: an object as a binary file."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from tilde_core.operation import Operation
from tilde_core.transfer import limits
from tilde_core.transfer.answers import Span
from tilde_core.transfer.body import ObjectBody
from tilde_core.transfer.cache import ByteCache
from tilde_core.transfer.checksums import unquoted
from tilde_core.transfer.headers import is_reproducible, user_metadata
from tilde_core.transfer.progress import Progress
from tilde_core.transfer.ranges import ContentRange, checked_byte_range

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["ObjectReader", "open_reader"]

_PEEK = 8192


def open_reader(
    client: Client, operation: Operation, byte_range: tuple[int, int | None] | None, cache: bool
) -> ObjectReader:
    """Send the request and return a reader for its answer. Raises as `ReadableObjects.get` says."""
    body = ObjectBody(client, operation, checked_byte_range(byte_range))
    path = str(operation.query["path"])
    length = None if body.span.end is None else body.span.end - body.span.first
    progress = Progress(client, operation.name, path, length)
    return ObjectReader(path, body, ByteCache() if cache else None, byte_range is not None, progress.add)


class ObjectReader(io.BufferedIOBase):
    """An object, or a range of one, as a binary file that can be read and sought. For one thread at a time.

    Bytes come when they are read. Seeking costs one more request at most, and none where the bytes were read before and
    the reader caches. All bytes are of one version: `IntegrityError` if the object changes meanwhile. A read that fails
    leaves the position where it was.
    """

    mode = "rb"

    def __init__(
        self,
        path: str,
        body: ObjectBody,
        cache: ByteCache | None,
        is_ranged: bool,
        received: Callable[[int], None],
    ) -> None:
        self.name = path
        self._body = body
        self._cache = cache
        self._is_ranged = is_ranged
        self._received = received
        self._position = 0
        self._window_start = 0
        self._window = b""

    @property
    def etag(self) -> str:
        """The ETag of the object, without quotes."""
        return unquoted(self._body.headers.get("ETag", ""))

    @property
    def content_type(self) -> str:
        """The content type of the object."""
        return self._body.headers.get("Content-Type", "")

    @property
    def content_length(self) -> int:
        """How many bytes there are to read: those of the range, if there is one. Raises `TildeError`.

        It is known at once, unless the store did not say: then it is found by reading on.
        """
        position = self._position
        while self._span.end is None:
            self._check_open()
            position += len(self._at_hand(position))
        return self._span.end - self._span.first

    @property
    def content_range(self) -> str | None:
        """Which bytes these are, such as `"bytes 1024-49151/49152"`; `None` unless a range was asked for."""
        span = self._span
        if not self._is_ranged or span.end is None:
            return None
        return str(ContentRange(span.first, span.end - 1, span.total))

    @property
    def reproducible(self) -> bool:
        """Whether the service can make the object anew from its source."""
        return is_reproducible(self._body.headers)

    @property
    def metadata(self) -> dict[str, str]:
        """The user metadata that came with the bytes; `head` asks the service for them."""
        return user_metadata(self._body.headers)

    def readable(self) -> bool:
        """Return `True`."""
        self._check_open()
        return True

    def seekable(self) -> bool:
        """Return `True`."""
        self._check_open()
        return True

    def tell(self) -> int:
        """Return the position, counted from the start of the range."""
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a position, counted from the start of the range; beyond the end is allowed. Sends nothing."""
        self._check_open()
        position = self._base(whence) + offset
        if position < 0 and whence == os.SEEK_SET:
            raise ValueError(f"negative seek position {position}")
        if position < 0:
            raise OSError(errno.EINVAL, "the position would lie before the start")
        self._position = position
        return position

    def _base(self, whence: int) -> int:
        if whence == os.SEEK_SET:
            return 0
        if whence == os.SEEK_CUR:
            return self._position
        if whence == os.SEEK_END:
            return self.content_length
        raise ValueError(f"whence={whence!r}: must be 0, 1 or 2")

    def read(self, size: int | None = -1, /) -> bytes:
        """Return `size` bytes, all that are left for `None` or -1, fewer only at the end. Raises `TildeError`."""
        self._check_open()
        left = sys.maxsize if size is None or size < 0 else size
        position = self._position
        pieces = []
        while left and (piece := self._at_hand(position)[:left]):
            pieces.append(piece)
            position += len(piece)
            left -= len(piece)
        self._position = position
        return b"".join(pieces)

    def read1(self, size: int = -1, /) -> bytes:
        """Return what can be had at once, at least one byte unless at the end, at most `size`. Raises `TildeError`."""
        self._check_open()
        if size == 0:
            return b""
        data = bytes(self._at_hand(self._position)[: None if size < 0 else size])
        self._position += len(data)
        return data

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return the rest of the line with its line feed, at most `size` bytes of it. Raises `TildeError`."""
        # Not the inherited one: it counts `size` anew for each piece that `peek` gives it.
        self._check_open()
        left = sys.maxsize if size is None or size < 0 else size
        position = self._position
        pieces: list[memoryview] = []
        while left and (piece := self._at_hand(position)[:left]):
            offset = position - self._window_start
            feed = self._window.find(b"\n", offset, offset + len(piece))
            pieces.append(piece if feed < 0 else piece[: feed + 1 - offset])
            position += len(pieces[-1])
            left = left - len(pieces[-1]) if feed < 0 else 0
        self._position = position
        return b"".join(pieces)

    def peek(self, size: int = 0, /) -> bytes:
        """Return some bytes without going on, `b""` only at the end. Raises `TildeError`."""
        self._check_open()
        return bytes(self._at_hand(self._position)[: max(size, _PEEK)])

    def iter_bytes(self, chunk_size: int = 64 * 1024) -> Iterator[bytes]:
        """Yield what is left in pieces of `chunk_size` bytes, the last of which may be shorter. Raises `TildeError`."""
        if isinstance(chunk_size, bool) or not isinstance(chunk_size, int) or chunk_size < 1:
            raise ValueError(f"chunk_size={chunk_size!r}: must be 1 or more")
        self._check_open()
        return iter(partial(self.read, chunk_size), b"")

    def close(self) -> None:
        """Free the connection and the cache. May be called twice."""
        if self.closed:
            return
        super().close()
        self._window = b""
        self._body.close()
        if self._cache is not None:
            self._cache.close()

    @property
    def _span(self) -> Span:
        return self._body.span

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("read of a closed object")

    def _at_hand(self, position: int) -> memoryview:
        """Some bytes at `position`, from the last piece, the cache or the network; none at the end."""
        offset = position - self._window_start
        if not 0 <= offset < len(self._window):
            self._window = self._kept(position) or self._fetched(position)
            self._window_start, offset = position, 0
        return memoryview(self._window)[offset:]

    def _kept(self, position: int) -> bytes:
        return b"" if self._cache is None else self._cache.read(position, limits.PIECE)

    def _fetched(self, position: int) -> bytes:
        data = self._body.read_from(self._span.first + position)
        if data:
            self._received(len(data))
            if self._cache is not None:
                self._cache.add(position, data)
        return data

    def __repr__(self) -> str:
        return f"ObjectReader({self.name!r}{', closed' if self.closed else ''})"
