"""The messages of `/exec` and `/terminal`: the first byte tells what one is. Nothing here sends or waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from tilde_core.exceptions import SerializationError

__all__ = [
    "INPUT_SIZE",
    "Exit",
    "Output",
    "StreamName",
    "end_of_input",
    "input_messages",
    "launch",
    "read_exec",
    "read_terminal",
    "resize",
    "terminal_input",
]

INPUT_SIZE = 64 * 1024 - 1  # bytes of input in one message: larger ones may not pass
_OUTPUTS: dict[int, StreamName] = {3: "stdout", 4: "stderr"}
_EXEC_EXIT, _TERMINAL_OUTPUT, _TERMINAL_EXIT = 5, 1, 3

StreamName: TypeAlias = Literal["stdout", "stderr"]


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes that a command wrote to one of its outputs."""

    stream: StreamName
    data: bytes


class Exit(msgspec.Struct, frozen=True):
    """How it ended. `reason` (a word) and `error` (a sentence) tell why it could not be started or was ended."""

    exit_code: int | None = None
    reason: str | None = None
    error: str | None = None

    @property
    def text(self) -> str:
        """Reason and error in one; `""` if there is neither. What the error says anyway is not said twice."""
        reason, error = (self.reason or "").replace("_", " "), self.error or ""
        if reason.lower() in error.lower():
            return error
        return f"{reason}: {error}" if error else reason


def launch(argv: Sequence[str], env: Mapping[str, str] | None, cwd: str | None) -> bytes:
    """Return the first message of a command."""
    wanted = {"cmd": list(argv), "env": dict(env) if env else None, "cwd": cwd}
    return b"\x00" + msgspec.json.encode({name: value for name, value in wanted.items() if value is not None})


def input_messages(data: bytes | bytearray | memoryview) -> Iterator[bytes]:
    """Yield messages that put `data` into the command's standard input."""
    return _pieces(b"\x01", data)


def end_of_input() -> bytes:
    """Return the message that closes the command's standard input."""
    return b"\x02"


def read_exec(message: bytes) -> Output | Exit | None:
    """Return what a command's message says; `None` for one of a kind that is not known, which may be passed over.

    Raises `SerializationError`.
    """
    kind = message[0] if message else -1
    if kind in _OUTPUTS:
        return Output(_OUTPUTS[kind], message[1:])
    return _exit(message) if kind == _EXEC_EXIT else None


def terminal_input(data: bytes) -> Iterator[bytes]:
    """Yield messages that type `data` into the terminal."""
    return _pieces(b"\x00", data)


def resize(columns: int, rows: int) -> bytes:
    """Return the message that gives the terminal another size."""
    return b"\x02" + msgspec.json.encode({"cols": columns, "rows": rows})


def read_terminal(message: bytes) -> bytes | Exit | None:
    """Return what the terminal shows, or how it ended; `None` for a message of a kind that is not known.

    Raises `SerializationError`.
    """
    kind = message[0] if message else -1
    if kind == _TERMINAL_OUTPUT:
        return message[1:]
    return _exit(message) if kind == _TERMINAL_EXIT else None


def _pieces(kind: bytes, data: bytes | bytearray | memoryview) -> Iterator[bytes]:
    view = memoryview(data).cast("B")
    for start in range(0, len(view), INPUT_SIZE):
        yield kind + view[start : start + INPUT_SIZE]


def _exit(message: bytes) -> Exit:
    try:
        return msgspec.json.decode(message[1:], type=Exit)
    except msgspec.MsgspecError as error:
        raise SerializationError(f"the service told in an unknown way how the command ended: {error}") from error
