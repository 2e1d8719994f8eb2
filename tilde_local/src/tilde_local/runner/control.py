"""The server's side of the control socket of a container's first process."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading
from collections.abc import Sequence

from tilde_local.runner.inside.messages import Message, receive, send
from tilde_local.runner.processes import Exit

__all__ = ["Control", "ControlGone", "wait_for_launch"]

_KILLED = 128 + 9


class ControlGone(Exception):
    """The first process is gone, and with it the container."""


class _Answer:
    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.message: Message | None = None
        self.fds: list[int] = []


class Control:
    """Sends requests from any thread; a thread of its own reads what comes back. `close()` it."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._answers: dict[int, _Answer] = {}
        self._exits: dict[int, Exit] = {}
        self._gone = False
        self._reader = threading.Thread(target=self._read, name="tilde-sandbox", daemon=True)
        self._reader.start()

    def ask(self, kind: str, message: Message, fds: Sequence[int] = ()) -> tuple[Message, list[int], int, Exit]:
        """Send a request: the answer, its files, the request's number, and the exit of the process it started.

        Raises ControlGone.
        """
        answer, exit_ = _Answer(), Exit()
        number = next(self._numbers)
        with self._lock:
            if self._gone:
                raise ControlGone
            self._answers[number] = answer
            self._exits[number] = exit_
        self.tell({kind: number, **message}, fds)
        answer.arrived.wait()
        if answer.message is None:
            raise ControlGone
        return answer.message, answer.fds, number, exit_

    def tell(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Send something that is not answered; nothing happens if nobody is there any more."""
        with self._lock:
            if self._gone:
                return
            try:
                send(self._channel, message, fds)
            except (BrokenPipeError, ConnectionError):
                # The reader notices too, and tells everybody who waits.
                return

    def _read(self) -> None:
        while (received := receive(self._channel)) is not None:
            message, fds = received
            if "exited" in message:
                self._end(message["exited"], message["code"])
            else:
                self._deliver(message, fds)
        self._lose_everything()

    def _end(self, number: int, code: int) -> None:
        # Of a command that did not start the end is told too.
        exit_ = self._exits.pop(number, None)
        if exit_ is not None:
            exit_.set(code)

    def _deliver(self, message: Message, fds: list[int]) -> None:
        with self._lock:
            answer = self._answers.pop(message["answer"])
        if "started" not in message:
            # Nothing was started whose end could be told.
            self._exits.pop(message["answer"], None)
        answer.message, answer.fds = message, fds
        answer.arrived.set()

    def _lose_everything(self) -> None:
        with self._lock:
            self._gone = True
            answers, exits = list(self._answers.values()), list(self._exits.values())
            self._answers.clear()
            self._exits.clear()
        for answer in answers:
            answer.arrived.set()
        for exit_ in exits:
            exit_.set(_KILLED)

    def close(self) -> None:
        """Hang up, which ends the first process if it still runs."""
        # A mere close would not wake the reader.
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is not self._reader:
            self._reader.join()
        self._channel.close()


def wait_for_launch(channel: socket.socket) -> tuple[int, int]:
    """What a container hands out while it starts: its upper directory, and a pidfd of its first process.

    Raises OSError with what went wrong inside.
    """
    fds: list[int] = []
    # They come from two processes, in any order.
    missing = {"launched", "ready"}
    while missing:
        received = receive(channel)
        message = {"failed": "it ended without a word"} if received is None else received[0]
        fds += [] if received is None else received[1]
        if "failed" in message:
            for fd in fds:
                os.close(fd)
            raise OSError(message["failed"])
        missing -= message.keys()
    return fds[0], fds[1]
