"""Files to write to: what is written becomes an object when they are closed."""

from __future__ import annotations

import io
import os
import tempfile
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, cast

from tilde_core.models.objects import PutObjectResult
from tilde_core.transfer import limits

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["ObjectWriter", "TextObjectWriter"]


class ObjectWriter(io.BufferedIOBase):
    """A binary file that `close` uploads. Nothing is sent before that; a few MiB stay in memory, more go to disk.

    Leaving a `with` block by an exception discards what was written, and so does dropping the file without closing it.
    `result` is what `put` returned.
    """

    mode = "wb"

    def __init__(self, path: str, put: Callable[[BinaryIO], PutObjectResult]) -> None:
        self.name = path
        self.result: PutObjectResult | None = None
        self._put = put
        self._spool = tempfile.SpooledTemporaryFile(max_size=limits.SPOOL_MEMORY)  # noqa: SIM115 - closed by close

    def writable(self) -> bool:
        """Return `True`."""
        self._check_open()
        return True

    def seekable(self) -> bool:
        """Return `True`."""
        self._check_open()
        return True

    def write(self, data: Buffer, /) -> int:
        """Take `data` and return how many bytes that are."""
        self._check_open()
        return self._spool.write(cast("bytes", data))

    def tell(self) -> int:
        """Return the position."""
        self._check_open()
        return self._spool.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a position, to write over what is there."""
        self._check_open()
        self._spool.seek(offset, whence)
        return self._spool.tell()

    def truncate(self, size: int | None = None, /) -> int:
        """Cut off what lies behind `size` bytes, or behind the position; fill up with NULs what is missing."""
        self._check_open()
        position = self._spool.tell()
        size = position if size is None else size
        self._spool.truncate(size)
        self._spool.seek(0, os.SEEK_END)
        # A file on disk has grown by that already; in memory it is cut only.
        self._spool.write(bytes(size - self._spool.tell()))
        self._spool.seek(position)
        return size

    def close(self) -> None:
        """Upload what was written. Raises as `put` does; the file is closed all the same. May be called twice."""
        if self.closed:
            return
        super().close()
        with self._spool:
            self._spool.seek(0)
            self.result = self._put(cast("BinaryIO", self._spool))

    def discard(self) -> None:
        """Close without uploading. May be called twice."""
        if not self.closed:
            super().close()
            self._spool.close()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("write to a closed object")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.discard()
        self.close()

    def __del__(self) -> None:
        if not self.closed:
            warnings.warn(f"{self!r} was not closed; nothing is uploaded", ResourceWarning, source=self, stacklevel=2)
            self.discard()

    def __repr__(self) -> str:
        return f"ObjectWriter({self.name!r}{', closed' if self.closed else ''})"


class TextObjectWriter(io.TextIOWrapper):
    """A text file that `close` uploads, and that an exception in its `with` block discards."""

    def __init__(self, writer: ObjectWriter, encoding: str, errors: str | None, newline: str | None) -> None:
        self._writer = writer
        super().__init__(cast("BinaryIO", writer), encoding=encoding, errors=errors, newline=newline)

    @property
    def result(self) -> PutObjectResult | None:
        """What `put` returned; `None` before that."""
        return self._writer.result

    def discard(self) -> None:
        """Close without uploading. May be called twice."""
        self._writer.discard()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.discard()
        self.close()

    def __del__(self) -> None:
        if not self.closed:
            warnings.warn(
                f"{self._writer!r} was not closed; nothing is uploaded", ResourceWarning, source=self, stacklevel=2
            )
            self.discard()
