"""How an upload is cut into parts: at most 10,000, all but the last of 5 MiB or more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tilde_core.transfer import limits
from tilde_core.transfer.sources import Source, StreamSource
from tilde_core.transfer.spool import Spool

__all__ = ["Part", "part_size", "parts_of_source", "parts_of_stream", "stream_part_size"]


@dataclass(frozen=True, slots=True)
class Part:
    """Part `number`, counted from 1: `size` bytes of `source` from `position` on. `close` frees its `spool`."""

    number: int
    source: Source
    position: int
    size: int
    spool: Spool | None = None

    def close(self) -> None:
        """Free what was kept for this part alone."""
        if self.spool is not None:
            self.spool.close()


def part_size(size: int) -> int:
    """Return the size of the parts for an upload of `size` bytes."""
    return max(limits.PART_SIZE, -(-size // limits.MAX_PARTS))


def stream_part_size(number: int) -> int:
    """Return the size of part `number` of a stream. It grows, as the end is not known."""
    return limits.PART_SIZE << ((number - 1) // limits.PARTS_PER_SIZE)


def parts_of_source(source: Source) -> Iterator[Part]:
    """Cut `source` into stretches, copying nothing."""
    size = part_size(source.size)
    for number, position in enumerate(range(0, source.size, size), start=1):
        yield Part(number, source, position, min(size, source.size - position))


def parts_of_stream(head: Spool, stream: StreamSource) -> Iterator[Part]:
    """Cut what was read already and then the rest of the stream, copying one part at a time. Raises `ValueError`."""
    rest = _Chained(head, stream)
    for number in range(1, limits.MAX_PARTS + 2):
        part = _next_part(number, rest)
        if part is None:
            return
        yield part
    raise AssertionError("unreachable")


def _next_part(number: int, rest: _Chained) -> Part | None:
    spool = Spool()
    try:
        spool.fill(rest, stream_part_size(number))
        if spool.size and number > limits.MAX_PARTS:
            raise ValueError(f"data is too long: {limits.MAX_PARTS} parts do not hold it")
    except BaseException:
        spool.close()
        raise
    if not spool.size:
        spool.close()
        return None
    return Part(number, spool, 0, spool.size, spool)


class _Chained:
    """The bytes of a spool, followed by those of a stream."""

    def __init__(self, head: Spool, stream: StreamSource) -> None:
        self._head = head
        self._stream = stream
        self._position = 0

    def read(self, size: int) -> bytes:
        data = self._head.read_at(self._position, size)
        self._position += len(data)
        return data or self._stream.read(size)
