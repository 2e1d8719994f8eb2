"""Runs the command of `credential_process`: no shell, no input, no terminal, and an end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from typing import IO

from tilde_core.credentials.configured import CredentialProcess
from tilde_core.exceptions import CredentialsError

__all__ = ["MAX_BYTES", "printed_by"]

MAX_BYTES = 64 * 1024  # of each of standard output and standard error
_LAST_WORDS = 400  # characters of standard error in a message
_GRACE = 2.0  # seconds for what a command left behind to close its outputs
# Tells a command for whom it runs, so that it cannot come to run itself.
_RUNS_FOR = "TILDE_CREDENTIAL_PROCESS_FOR"


def printed_by(process: CredentialProcess) -> bytes:
    """Return what the command printed. Raises `CredentialsError` that shows neither its arguments nor its output."""
    running = _started(process)
    assert running.stdout is not None
    assert running.stderr is not None
    output, errors = _Drain(running.stdout), _Drain(running.stderr)
    is_over = False
    try:
        output.start()
        errors.start()
        with suppress(subprocess.TimeoutExpired):  # its text has the arguments
            running.wait(process.timeout)
            is_over = True
    finally:
        _end(running)
    for drain in (output, errors):
        drain.join(_GRACE)
    if not is_over:
        raise CredentialsError(
            f"{process.described} was not done within {process.timeout:g} seconds, and was ended. Does it wait for an "
            "answer? It has no input and no terminal. credential_process_timeout gives it more time"
        )
    _check_end(process, running.returncode, output, errors)
    return bytes(output.kept)


class _Drain(threading.Thread):
    """Reads a pipe to its end, so that the command never waits, and keeps its last bytes."""

    def __init__(self, pipe: IO[bytes]) -> None:
        # A daemon: a process that the command left behind may keep the pipe open for ever.
        super().__init__(name="tilde-credential-process", daemon=True)
        self._pipe = pipe
        self.kept = bytearray()
        self.count = 0

    def run(self) -> None:
        with self._pipe:
            while piece := self._pipe.read(MAX_BYTES):
                self.count += len(piece)
                self.kept += piece
                del self.kept[:-MAX_BYTES]


def _started(process: CredentialProcess) -> subprocess.Popen[bytes]:
    if os.environ.get(_RUNS_FOR) == process.source:
        raise CredentialsError(
            f"{process.described} asked for the very token that it is to print: it needs other credentials, such as "
            "those of a profile of its own"
        )
    try:
        return subprocess.Popen(
            process.command,
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, _RUNS_FOR: process.source},
            start_new_session=True,  # so that what it starts can be ended with it
        )
    except (OSError, ValueError) as error:
        raise CredentialsError(f"{process.described} {_why_not_started(error)}") from error


def _why_not_started(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return (
            "was not found. Write its full path, each word as an entry of a list; no shell reads it, so that ~, "
            "variables and pipes mean nothing there"
        )
    if isinstance(error, PermissionError):
        return "may not be run: is it a program, and may you run it (chmod +x)?"
    why = error.strerror if isinstance(error, OSError) else "there is a null byte in it"
    return f"cannot be started ({why}): if it is a script, its first line must name a program, as in #!/bin/sh"


def _end(running: subprocess.Popen[bytes]) -> None:
    """End the command and what it started, if it is not over."""
    if running.poll() is not None:
        return
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(running.pid, signal.SIGKILL)
        else:
            running.kill()
    running.wait()


def _check_end(process: CredentialProcess, code: int, output: _Drain, errors: _Drain) -> None:
    if code != 0:
        how = f"with exit code {code}" if code > 0 else f"by signal {-code}"
        raise CredentialsError(
            f"{process.described} ended {how}; run it by hand to see what is wrong. {_last_words(output, errors)}"
        )
    if output.count > MAX_BYTES:
        raise CredentialsError(
            f"{process.described} printed more than {MAX_BYTES} bytes; it must print the token alone"
        )


def _last_words(output: _Drain, errors: _Drain) -> str:
    """The end of standard error, as far as no token can be in it.

    None of it if there was anything on standard output: then there was a token, perhaps, and tracing (`set -x`) shows
    tokens. What is left out of the rest is every word that is long enough for one, as no token has spaces.
    """
    if output.count:
        return "What it printed is not shown, as a token may be in it"
    words = errors.kept.decode("utf-8", "replace").split()
    if errors.count > len(errors.kept):
        words = words[1:]  # which has lost its beginning, and may look short
    told = " ".join(map(_shown, words))
    if not told:
        return "It printed nothing"
    return f"It said: {'…' if len(told) > _LAST_WORDS else ''}{told[-_LAST_WORDS:]}"


def _shown(word: str) -> str:
    may_be_secret = len(word) >= 16 or (len(word) >= 8 and any(character.isdigit() for character in word))
    return "***" if may_be_secret else "".join(filter(str.isprintable, word))
