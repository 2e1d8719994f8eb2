"""How the server starts, and what it says when it cannot."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tilde_local import Server, cli
from tilde_local.errors import DataDirectoryError
from tilde_local.serving import Serving, listen

Run = Callable[..., str]
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs `tilde-local serve …`, which is expected to fail; what it says."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.getsignal(number) for number in numbers]

    def fail(*arguments: str) -> str:
        capfd.readouterr()
        assert cli.main(["serve", *arguments]) == 1
        said = capfd.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
        assert said.err.startswith("tilde-local: ")
        return said.err

    yield fail
    for number, handler in zip(numbers, previous, strict=True):
        signal.signal(number, handler)


def test_a_chosen_port() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Server(port=port) as server:
        assert server.endpoint_url == f"http://127.0.0.1:{port}"


def test_a_taken_port_is_an_error(run: Run) -> None:
    with Server() as server:
        port = server.endpoint_url.rpartition(":")[2]
        with pytest.raises(OSError, match=f"port {port} .*in use"):
            Server(port=int(port)).start()
        assert f"port {port} " in run("--port", port)


def test_a_port_is_taken_before_requests_are_served() -> None:
    with listen(0) as first, pytest.raises(OSError, match="in use"):
        listen(first.getsockname()[1])


def test_what_keeps_uvicorn_from_starting_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def startup(*_: object, **__: object) -> None:
        raise OSError("out of descriptors")

    monkeypatch.setattr(Serving, "startup", startup)
    assert "out of descriptors" in run()


def test_two_servers_on_one_directory_are_an_error(tmp_path: Path, run: Run) -> None:
    with Server(tmp_path):
        with pytest.raises(DataDirectoryError, match=re.escape(str(tmp_path))):
            Server(tmp_path).start()
        assert "another Tilde server" in run("--data-dir", str(tmp_path))
    with Server(tmp_path):
        pass


def test_a_file_is_no_data_directory(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert f"{file} as data directory: it is a file" in run("--data-dir", str(file))
    assert f"the data directory {file / 'below'}: " in run("--data-dir", str(file / "below"))
    (tmp_path / "blobs").write_text("")
    assert f"the data directory {tmp_path}: " in run("--data-dir", str(tmp_path))


def test_what_is_no_database_is_refused(tmp_path: Path, run: Run) -> None:
    (tmp_path / "tilde.db").write_bytes(b"no database" * 100)
    with pytest.raises(DataDirectoryError, match=r"tilde\.db"):
        Server(tmp_path).start()
    assert "not a database" in run("--data-dir", str(tmp_path))


def test_a_database_with_other_tables_is_refused(tmp_path: Path, run: Run) -> None:
    db = sqlite3.connect(tmp_path / "tilde.db")
    db.execute("PRAGMA user_version = 1")
    db.close()
    assert f"{tmp_path / 'tilde.db'}: no such table" in run("--data-dir", str(tmp_path))


def test_a_directory_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path, run: Run) -> None:
    with Server(tmp_path):
        pass
    db = sqlite3.connect(tmp_path / "tilde.db")
    db.execute("PRAGMA journal_mode = DELETE")
    db.execute("PRAGMA user_version = 99")
    db.close()
    before = (tmp_path / "tilde.db").read_bytes()
    assert "upgrade" in run("--data-dir", str(tmp_path))
    assert (tmp_path / "tilde.db").read_bytes() == before
    assert [path.name for path in tmp_path.glob("tilde.db*")] == ["tilde.db"]


@pytest.mark.parametrize("secret", [b"", b"x" * 31])
def test_a_secret_that_is_too_short_is_refused(tmp_path: Path, run: Run, secret: bytes) -> None:
    (tmp_path / "secret.key").write_bytes(secret)
    with pytest.raises(DataDirectoryError, match=r"secret\.key has \d+ bytes.*remove it"):
        Server(tmp_path).start()
    assert "secret.key" in run("--data-dir", str(tmp_path))
    (tmp_path / "secret.key").unlink()
    with Server(tmp_path):
        assert len((tmp_path / "secret.key").read_bytes()) == 32


def test_tokens_are_not_kept(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        user_key = server.create_user("alice")
        kept = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("tilde.db*"))
        assert server.api_key.encode() not in kept
        assert user_key.encode() not in kept
        assert user_key.removeprefix("tuk-").encode() not in kept


@posix
def test_other_users_can_read_nothing(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    previous = os.umask(0o022)
    try:
        given.chmod(0o755)
        with Server(tmp_path / "made"), Server(given):
            assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700
            modes = {path.name: path.stat().st_mode & 0o777 for path in given.iterdir()}
    finally:
        os.umask(previous)
    files = dict.fromkeys(("tilde.db", "tilde.db-wal", "tilde.db-shm", "encryption.key", "secret.key", "lock"), 0o600)
    assert modes == {**files, "blobs": 0o700, "tmp": 0o700}
