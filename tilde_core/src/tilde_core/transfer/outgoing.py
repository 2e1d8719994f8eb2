"""A stretch of a source as the body of a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tilde_core.transfer import limits
from tilde_core.transfer.checksums import new_md5
from tilde_core.transfer.sources import Source

__all__ = ["Outgoing"]


class Outgoing:
    """`size` bytes of `source` from `position` on, anew at each iteration, hashed as they go out.

    Before each piece `before_piece` is called with the number of bytes that went out before it; what it raises ends the
    request.
    """

    def __init__(self, source: Source, position: int, size: int, before_piece: Callable[[int], None]) -> None:
        self._source = source
        self._position = position
        self._size = size
        self._before_piece = before_piece
        self._digest = new_md5()

    @property
    def md5(self) -> str:
        """The MD5, in hex, of what the last iteration gave."""
        return self._digest.hexdigest()

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        digest = self._digest = new_md5()
        for sent in range(0, self._size, limits.PIECE):
            self._before_piece(sent)
            piece = self._source.read_at(self._position + sent, min(limits.PIECE, self._size - sent))
            digest.update(piece)
            yield piece
