"""The server as an object, as a command and as a pytest fixture."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import tilde_local
from tilde_local import Server, cli
from tilde_local.errors import Conflict

if TYPE_CHECKING:
    from conformance import Conformance
    from tilde_local.conftest import Api


def test_start_use_stop(connect: Callable[[str, str], Api]) -> None:
    server = Server()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.api_key
    with server as entered:
        assert entered is server
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.endpoint_url)
        assert server.api_key.startswith("tuk-")
        assert connect(server.endpoint_url, server.api_key).call("GET", "/auth/me").status == 200
        with pytest.raises(RuntimeError, match="running already"):
            server.start()
    server.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.endpoint_url


def test_a_stopped_server_can_start_again(tmp_path: Path, connect: Callable[[str, str], Api]) -> None:
    server = Server(tmp_path)
    with server:
        root = connect(server.endpoint_url, server.api_key).new_repository().root
    with server:
        assert connect(server.endpoint_url, server.api_key).call("GET", root).status == 200


def test_secrets_are_not_in_reprs(shared_server: Server) -> None:
    assert shared_server.endpoint_url in repr(shared_server)
    assert shared_server.api_key not in repr(shared_server)
    assert "stopped" in repr(Server())


def test_servers_run_side_by_side(connect: Callable[[str, str], Api]) -> None:
    with Server() as one, Server() as two:
        connect(one.endpoint_url, one.api_key).new_repository()
        assert connect(two.endpoint_url, two.api_key).call("GET", "/organizations").results == []
        assert connect(two.endpoint_url, one.api_key).call("GET", "/organizations").status == 401


def test_it_listens_on_loopback_only(shared_server: Server) -> None:
    port = int(shared_server.endpoint_url.rpartition(":")[2])
    with socket.socket() as probe:
        # All of 127.0.0.0/8 is this machine: a server on every interface would answer there too.
        assert probe.connect_ex(("127.0.0.2", port)) != 0
    table = Path("/proc/net/tcp")
    if table.exists():
        local = [line.split()[1] for line in table.read_text().splitlines()[1:] if line.split()[3] == "0A"]
        assert [each for each in local if each.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


def test_without_a_directory_the_data_is_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Server():
        (made,) = tmp_path.iterdir()
        assert (made / "tilde.db").exists()
    assert list(tmp_path.iterdir()) == []


def test_create_user(shared_server: Server, connect: Callable[[str, str], Api]) -> None:
    api = connect(shared_server.endpoint_url, shared_server.create_user("bob"))
    assert api.call("GET", "/auth/me").json["user"]["username"] == "bob"
    with pytest.raises(Conflict, match="bob"):
        shared_server.create_user("bob")


def test_nothing_is_logged_about_requests(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    repo = api.new_repository()
    repo.commit({"a": b"1"})
    assert repo.read("a").status == 200
    assert api.api_key not in caplog.text
    assert "signature=" not in caplog.text


def test_a_bug_is_a_500_in_json(
    api: Api, refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch, conformance: Conformance
) -> None:
    monkeypatch.setattr("tilde_local.store.organizations.list_of", lambda db, user: 1 / 0)
    refused(api.call("GET", "/auth/me"), 500, code="internal_error")
    (complaint,) = conformance.complaints
    assert complaint.startswith("GET /auth/me answered 500: the status is not described")
    conformance.complaints.clear()


def test_the_fixture_of_the_package(tilde_server: Server, connect: Callable[[str, str], Api]) -> None:
    api = connect(tilde_server.endpoint_url, tilde_server.api_key)
    assert api.call("GET", "/organizations").results == []


def test_the_plugin_imports_nothing_heavy() -> None:
    code = (
        "import sys, tilde_local.pytest_plugin;"
        "print([name for name in ('starlette', 'uvicorn', 'msgspec', 'sqlite3') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_attributes_of_the_package() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = tilde_local.nothing


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command(tmp_path: Path, connect: Callable[[str, str], Api], number: signal.Signals) -> None:
    command = [sys.executable, "-W", "error", "-m", "tilde_local", "serve", "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        url = re.fullmatch(r"export TILDE_ENDPOINT_URL=(http://127\.0\.0\.1:\d+)\n", lines[0])
        key = re.fullmatch(r"export TILDE_API_KEY=(tuk-[\w-]+)\n", lines[1])
        assert url is not None
        assert key is not None
        api = connect(url[1], key[1])
        assert api.call("GET", "/auth/me").status == 200
        api.close()
        process.send_signal(number)
        out, error = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert str(tmp_path) in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "arguments", [[], ["serve", "--port", "x"], ["serve", "--port", "70000"], ["serve", "--host", "::"]]
)
def test_wrong_arguments_are_explained(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        cli.main(arguments)
    assert exit_info.value.code == 2
    assert "usage: tilde-local" in capfd.readouterr().err


def test_the_command_is_installed() -> None:
    script = Path(sys.executable).with_name("tilde-local")
    if not script.exists():
        pytest.skip("the package is not installed next to this interpreter")
    done = subprocess.run([script, "serve", "--help"], capture_output=True, text=True, check=True, env={**os.environ})
    assert "--data-dir" in done.stdout
