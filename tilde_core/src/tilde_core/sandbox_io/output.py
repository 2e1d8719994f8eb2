"""What a command printed: read it as often as you like, in whatever way; much of it lies in a temporary file."""

from __future__ import annotations

import codecs
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tilde_core.transfer.spool import Spool

if TYPE_CHECKING:
    from tilde_core.models.sandboxes import SandboxStatus

__all__ = ["CHUNK_SIZE", "LiveStream", "OutputStream", "OutputWriter", "RunResult"]

CHUNK_SIZE = 64 * 1024  # bytes


class OutputStream:
    """The bytes that a command wrote to one of its outputs. `len()` tells how many; nothing is an empty one.

    It can be read any number of times, by several iterators and threads at once, also after the sandbox is gone.
    Beyond 8 MiB the bytes lie in a temporary file, which goes with this object.
    """

    def __init__(self, data: bytes = b"") -> None:
        self._spool = Spool()
        weakref.finalize(self, self._spool.close)
        if data:
            self._spool.append(data)

    def read(self) -> bytes:
        """Return all of it."""
        return b"".join(self.iter_bytes())

    def text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return all of it as text; `errors` is as for `bytes.decode`, such as `"replace"`.

        Raises `UnicodeDecodeError` for what is no such text, and `LookupError` for an unknown encoding.
        """
        return self.read().decode(encoding, errors)

    def iter_bytes(self, chunk_size: int = CHUNK_SIZE) -> Iterator[bytes]:
        """Yield all of it in chunks of `chunk_size` bytes; the last one may be shorter."""
        return self._chunks(_checked_size(chunk_size))

    def iter_text(self, chunk_size: int = CHUNK_SIZE, encoding: str = "utf-8", errors: str = "strict") -> Iterator[str]:
        """Yield all of it as text, each piece made of about `chunk_size` bytes; no character is cut in two.

        Raises what `text` raises.
        """
        return self._pieces(_checked_size(chunk_size), codecs.getincrementaldecoder(encoding)(errors))

    def iter_lines(self, encoding: str = "utf-8", errors: str = "strict") -> Iterator[str]:
        r"""Yield the lines without their ends, `\n` or `\r\n`. No other character ends a line, such as a form feed.

        Raises what `text` raises.
        """
        return _lines(self.iter_text(encoding=encoding, errors=errors))

    def tail(self, size: int) -> bytes:
        """Return the last `size` bytes, or all if there are fewer."""
        return self._spool.read_at(max(len(self) - size, 0), size)

    def _chunks(self, size: int) -> Iterator[bytes]:
        position = 0
        while data := self._spool.read_at(position, size):
            yield data
            position += len(data)

    def _pieces(self, size: int, decoder: codecs.IncrementalDecoder) -> Iterator[str]:
        yield from filter(None, map(decoder.decode, self._chunks(size)))
        if rest := decoder.decode(b"", final=True):
            yield rest

    def __len__(self) -> int:
        return self._spool.size

    def __repr__(self) -> str:
        return f"OutputStream({len(self)} bytes)"

    def __reduce__(self) -> Any:
        return OutputStream, (self.read(),)


class LiveStream(OutputStream):
    """The output of a command that may still run. All that reads it waits for more, until the command has ended."""

    def __init__(self, stream: OutputStream, has_more: Callable[[int], bool]) -> None:
        self._stream = stream  # with it goes the file
        self._spool = stream._spool
        self._has_more = has_more  # waits for bytes at a position, and tells whether any came; raises if they cannot

    def _chunks(self, size: int) -> Iterator[bytes]:
        position = 0
        while self._has_more(position):
            data = self._spool.read_at(position, size)
            yield data
            position += len(data)


class OutputWriter:
    """Fills an `OutputStream`, which may be read meanwhile: what is not there yet is not waited for."""

    def __init__(self) -> None:
        self.stream: OutputStream = OutputStream()

    def write(self, data: bytes) -> None:
        """Put `data` behind what is there. Raises `OSError` if the disk is full."""
        self.stream._spool.append(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a command did: `stdout` and `stderr`, its `exit_code` (`None` if it did not end), and what came of it.

    `reason` says why it could not be started or was ended, in the words of the service; else it is `""`.
    `duration` is in seconds. Of a sandbox that ran one command (`repo.execute`), `commit_id` names the commit of its
    changes (`""` if there is none), and `status` has the whole outcome; commands of a shell leave both empty.
    """

    stdout: OutputStream = field(default_factory=OutputStream)
    stderr: OutputStream = field(default_factory=OutputStream)
    exit_code: int | None = None
    reason: str = ""
    commit_id: str = ""
    status: SandboxStatus | None = None
    duration: float = 0.0

    def __repr__(self) -> str:
        reason = f", reason={self.reason!r}" if self.reason else ""
        commit = f", commit_id={self.commit_id!r}" if self.commit_id else ""
        return (
            f"RunResult(exit_code={self.exit_code}{reason}, stdout={len(self.stdout)} bytes, "
            f"stderr={len(self.stderr)} bytes{commit}, duration={self.duration:.3g})"
        )


def _checked_size(size: int) -> int:
    if isinstance(size, bool) or not isinstance(size, int):
        raise TypeError(f"chunk_size must be a number of bytes, not {type(size).__name__}")
    if size < 1:
        raise ValueError(f"chunk_size={size}: must be 1 or more")
    return size


def _lines(pieces: Iterator[str]) -> Iterator[str]:
    begun: list[str] = []  # of a line that has not ended yet
    for piece in pieces:
        *ended, rest = piece.split("\n")
        for text in ended:
            yield "".join([*begun, text]).removesuffix("\r")
            begun = []
        begun.append(rest)
    if last := "".join(begun):
        yield last
