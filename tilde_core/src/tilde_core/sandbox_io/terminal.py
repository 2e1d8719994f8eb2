"""The terminal of a sandbox in interactive mode."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType

from tilde_core.completion import PublicNames
from tilde_core.exceptions import OutcomeUnknownError, WaitTimeoutError
from tilde_core.hooks.offers import WebSocket
from tilde_core.operation import Operation
from tilde_core.pipeline import Pipeline
from tilde_core.sandbox_io.frames import Exit, read_terminal, resize, terminal_input
from tilde_core.waiting import checked_timeout

__all__ = ["Terminal", "open_terminal"]


class Terminal(PublicNames):
    """A terminal: what is typed goes in, what is shown comes out, as bytes. One thread may send while another receives.

    Iterate it for what it shows until the program in it ends, or the connection is closed. A context manager: closes.
    """

    def __init__(self, websocket: WebSocket, operation: str) -> None:
        self._websocket = websocket
        self._operation = operation
        self._exit: Exit | None = None
        self._is_closed = False

    @property
    def exit_code(self) -> int | None:
        """The exit code of the program in it, once it has ended and all that it showed was received."""
        return None if self._exit is None else self._exit.exit_code

    def send(self, data: bytes) -> None:
        r"""Type `data`; Ctrl-C is `b"\x03"`. Raises `TransportError`, and `ValueError` after `close()`."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"a terminal takes bytes, not {type(data).__name__}")
        self._require_open()
        for message in terminal_input(data):
            self._websocket.send(message)

    def receive(self, timeout: float | None = None) -> bytes:
        """Return what it shows next, as soon as there is something; `b""` once the program in it has ended.

        Raises `WaitTimeoutError` if nothing comes within `timeout` seconds (`None`: without end), `TransportError` if
        the connection breaks, and `ValueError` after `close()`.
        """
        if timeout is not None:
            checked_timeout(timeout)
        while self._exit is None:
            message = self._message(timeout)
            if message is None:
                raise OutcomeUnknownError("the service closed the terminal", operation=self._operation)
            told = read_terminal(message)
            if isinstance(told, Exit):
                self._exit = told
            elif told:
                return told
        return b""

    def resize(self, columns: int, rows: int) -> None:
        """Give it another size, in characters. Raises `TransportError`, and `ValueError` after `close()`."""
        for name, value in (("columns", columns), ("rows", rows)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be a whole number, not {type(value).__name__}")
            if not 1 <= value <= 65535:  # what the kernel can hold
                raise ValueError(f"{name}={value}: must be 1 to 65535")
        self._require_open()
        self._websocket.send(resize(columns, rows))

    def close(self) -> None:
        """Close the connection. May be called twice."""
        self._is_closed = True
        self._websocket.close()

    def _message(self, timeout: float | None) -> bytes | None:
        self._require_open()
        try:
            return self._websocket.receive(timeout)
        except TimeoutError:
            error = WaitTimeoutError(f"the terminal showed nothing for {timeout:g} seconds", operation=self._operation)
            error.timeout = timeout or 0.0
        raise error

    def _require_open(self) -> None:
        if self._is_closed:
            raise ValueError("the terminal is closed; sandbox.terminal() opens another while the sandbox runs")

    def __iter__(self) -> Iterator[bytes]:
        while data := self.receive():
            yield data

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._exit is not None:
            return f"Terminal(exit code {self._exit.exit_code})"
        return f"Terminal({'closed' if self._is_closed else 'open'})"


def open_terminal(pipeline: Pipeline, path: str) -> Terminal:
    """Return the terminal at that path of the API. Raises what `Pipeline.connect` raises."""
    operation = Operation(name="sandboxes.terminal", method="GET", path=path)
    return Terminal(pipeline.connect(operation), operation.name)
