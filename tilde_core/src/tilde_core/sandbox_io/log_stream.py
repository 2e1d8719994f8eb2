"""The log of a sandbox, line by line as it is written."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from types import TracebackType

from tilde_core.completion import PublicNames
from tilde_core.operation import Operation
from tilde_core.pipeline import Pipeline
from tilde_core.sandbox_io.log_reader import LogReader

__all__ = ["LogStream"]


class LogStream(PublicNames, Iterator[str]):
    r"""Yields the lines of a log from its start, and those to come until the sandbox has ended. For one thread.

    Lines end at line feeds alone. They keep their ends as in a file, so that `print(line, end="")` shows what was
    written, or (not `keep_ends`) come without, and empty ones are left out. Bytes that are no UTF-8 become `\ufffd`.

    A silence of any length and connections that break do not matter. Raises `NotFoundError`, `GoneError` if the log is
    kept no longer, and `TransportError` if the service cannot be reached; to read on is possible then.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        operation: Operation,
        *,
        is_over: Callable[[], bool],
        has_ended: bool = False,
        keep_ends: bool = True,
    ) -> None:
        self._reader = LogReader(pipeline, operation, is_over=is_over, has_ended=has_ended)
        self._name = operation.name
        self._keep_ends = keep_ends
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lines: Iterator[str] = iter(())
        self._begun: list[str] = []  # of a line that has not ended yet
        self._is_closed = False

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._is_closed

    def __iter__(self) -> LogStream:
        return self

    def __next__(self) -> str:
        """Return the next line, waiting until there is one."""
        # Logs have millions of lines: what is done for each is next to nothing.
        for line in self._lines:
            return line
        while data := self._read():
            self._lines = iter(self._lines_in(self._decoder.decode(data)))
            for line in self._lines:
                return line
        for line in self._last_line():
            return line
        raise StopIteration

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield what comes as it comes, in pieces of any size, and as the bytes that were written.

        What has been read as lines is past, and so is what was read with the last of them.
        """
        return iter(self._read, b"")

    def close(self) -> None:
        """Free the connection; the sandbox goes on. May be called twice. Reading afterwards is a `ValueError`."""
        self._is_closed = True
        self._reader.close()

    def _read(self) -> bytes:
        if self._is_closed:
            raise ValueError("read of a closed log")
        return self._reader.read()

    def _lines_in(self, text: str) -> list[str]:
        """The lines that end in `text`; what follows them is kept."""
        first, *others = text.split("\n")
        self._begun.append(first)
        if not others:
            return []
        lines = ["".join(self._begun), *others[:-1]]
        self._begun = others[-1:]
        if self._keep_ends:
            return [line + "\n" for line in lines]
        return [line for line in (line.removesuffix("\r") for line in lines) if line]

    def _last_line(self) -> list[str]:
        """What was kept, if there is any: a line without an end."""
        last = "".join([*self._begun, self._decoder.decode(b"", final=True)])
        self._begun = []
        return [last] if last else []

    def __enter__(self) -> LogStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"LogStream({self._name!r}{', closed' if self._is_closed else ''})"
