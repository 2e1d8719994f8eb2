"""The log of a sandbox, line by line as it is written."""

from __future__ import annotations

import codecs
from collections import deque
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
        self._lines: deque[str] = deque()
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
        while not self._lines:
            data = self._read()
            self._add(self._decoder.decode(data, final=not data))
            if not data:
                self._end_last_line()
                break
        if not self._lines:
            raise StopIteration
        return self._lines.popleft()

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

    def _add(self, text: str) -> None:
        *ended, rest = text.split("\n")
        for line in ended:
            self._put("".join([*self._begun, line, "\n"]))
            self._begun = []
        if rest:
            self._begun.append(rest)

    def _end_last_line(self) -> None:
        self._put("".join(self._begun))
        self._begun = []

    def _put(self, line: str) -> None:
        line = line if self._keep_ends else line.rstrip("\r\n")
        if line:
            self._lines.append(line)

    def __enter__(self) -> LogStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"LogStream({self._name!r}{', closed' if self._is_closed else ''})"
