"""Stopping: what was asked is answered, and nobody who is slow can hold it up or fill the log."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tilde_local import Server, serving
from tilde_local.store import organizations

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Repo


def open_upload(repo: Repo) -> socket.socket:
    """A PUT of which the server has read the head, and gets 3 bytes of a million."""
    url, _ = repo.begin(repo.session(), "a")
    address = urlsplit(url)
    raw = socket.create_connection(("127.0.0.1", address.port or 0))
    head = f"PUT {address.path}?{address.query} HTTP/1.1\r\nHost: {address.netloc}\r\nExpect: 100-continue\r\n"
    raw.sendall(f"{head}Content-Length: 1000000\r\n\r\n".encode())
    assert b"100 Continue" in raw.recv(1000)
    raw.sendall(b"abc")
    return raw


def said(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> list[object]:
    return [*capfd.readouterr(), *(record for record in caplog.records if record.levelno >= logging.WARNING)]


def test_an_unfinished_upload_is_dropped_at_once(
    tmp_path: Path,
    connect: Callable[[str, str], Api],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "_GRACE_SECONDS", 3600)
    with Server(tmp_path) as server:
        raw = open_upload(connect(server.endpoint_url, server.api_key).new_repository())
    raw.close()
    assert said(capfd, caplog) == ["", ""]
    assert list((tmp_path / "tmp").iterdir()) == []
    assert list((tmp_path / "blobs").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send SIGINT to one process")
def test_ctrl_c_during_an_upload(connect: Callable[[str, str], Api]) -> None:
    command = [sys.executable, "-W", "error", "-m", "tilde_local", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url, key = (process.stdout.readline().strip().partition("=")[2] for _ in range(2))
        raw = open_upload(connect(url, key).new_repository())
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
        raw.close()
    assert process.returncode == 0
    *lines, sandboxes = error.splitlines()
    assert lines == [
        "Serving; the data is temporary: use --data-dir to keep it. Press Ctrl-C to stop.",
        f"Console: {url}/console (log in with the API key)",
    ]
    assert sandboxes.startswith("Sandboxes: ")


def test_a_download_that_nobody_reads_is_dropped_in_the_end(
    connect: Callable[[str, str], Api],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "_GRACE_SECONDS", 0.01)
    with Server() as server:
        repo = connect(server.endpoint_url, server.api_key).new_repository()
        repo.commit({"large": os.urandom(1024) * 32 * 1024})
        address = urlsplit(repo.get("/object", path="large").headers["Location"])
        raw = socket.create_connection(("127.0.0.1", address.port or 0))
        raw.sendall(f"GET {address.path}?{address.query} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
        assert b"200 OK" in raw.recv(1000)
    raw.close()
    assert said(capfd, caplog) == ["", ""]


def test_a_call_that_takes_longer_is_answered(
    connect: Callable[[str, str], Api],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, impatient = threading.Event(), threading.Event()
    list_of, hang_up = organizations.list_of, serving._Protocol.hang_up

    def wait_for_impatience(*arguments: object) -> object:
        asked.set()
        assert impatient.wait(60)
        return list_of(*arguments)  # type: ignore[arg-type]

    def note(self: serving._Protocol) -> None:
        hang_up(self)
        impatient.set()

    def stop_once_asked(server: Server) -> None:
        assert asked.wait(60)
        server.stop()

    monkeypatch.setattr(serving, "_GRACE_SECONDS", 0.01)
    monkeypatch.setattr(organizations, "list_of", wait_for_impatience)
    monkeypatch.setattr(serving._Protocol, "hang_up", note)
    with Server() as server:
        api = connect(server.endpoint_url, server.api_key)
        stopping = threading.Thread(target=stop_once_asked, args=(server,))
        stopping.start()
        assert api.call("GET", "/auth/me").status == 200
        stopping.join()
    assert said(capfd, caplog) == ["", ""]
