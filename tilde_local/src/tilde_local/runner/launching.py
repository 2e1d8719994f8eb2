"""The launcher as the server sees it: a small process that forks containers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from tilde_local.runner.inside.messages import Message, send

__all__ = ["Launcher"]

_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from inside.launcher import main; main(int(sys.argv[2]))"


class Launcher:
    """Starts a launcher when it is first needed, and again if it died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None

    def launch(self, plan: Message) -> socket.socket:
        """Ask for a container: our side of its control socket. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs, self._lock:
                self._send(plan, theirs.fileno())
        except OSError:
            ours.close()
            raise
        return ours

    def _send(self, plan: Message, fd: int) -> None:
        try:
            send(self._running(), plan, [fd])
        except ConnectionError:
            # It was killed, by somebody who needed memory for instance.
            self._stop()
            send(self._running(), plan, [fd])

    def _running(self) -> socket.socket:
        if self._requests is None:
            self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = _start(theirs.fileno())
        return self._requests

    def _stop(self) -> None:
        if self._requests is not None:
            self._requests.close()
            self._requests = None
        if self._process is not None:
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it. What it launched goes on."""
        with self._lock:
            self._stop()


def _start(fd: int) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(Path(__file__).parent), str(fd)]
    return subprocess.Popen(
        arguments,
        env={},
        cwd=os.sep,
        pass_fds=[fd],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ctrl-C at the server's terminal is for the server.
        start_new_session=True,
    )
