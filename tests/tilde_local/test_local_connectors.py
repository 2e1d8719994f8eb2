"""Connectors: made, tried, attached; what they are given never comes back, and is nowhere on the disk as it is."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from outside import Door, GcsServer, S3Server
from tilde_local import Server
from tilde_local.api.connectors import CreateConnector
from tilde_local.errors import BadRequest
from tilde_local.imports import settings, sources

if TYPE_CHECKING:
    from tilde_local.conftest import Answer, Api, Repo

KEYS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "s3-secret"}
ACCOUNT = {"type": "service_account", "client_email": "a@example.com", "private_key": "gcs-secret", "universe": "x"}
ANYWHERE = {"type": "s3", "source_uri": "s3://bucket/data/", "config": KEYS}
ZEROS = "00000000-0000-0000-0000-000000000000"


class Connectors:
    """The connectors of an organization."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self.root = repo.root.removesuffix("/repositories/data")

    def call(self, method: str, path: str = "", body: Any = None) -> Answer:
        return self.repo.api.call(method, f"{self.root}/connectors{path}", None, body)

    def create(self, name: str = "source", **settings: Any) -> Any:
        answer = self.call("POST", "", {"name": name, **ANYWHERE, **settings})
        assert answer.status == 201, answer
        return answer.json

    def probe(self, **settings: Any) -> Answer:
        return self.call("POST", ":test", {**ANYWHERE, **settings})

    def attach(self, connector_id: str) -> Answer:
        return self.repo.call("POST", "/connectors", None, {"connector_id": connector_id})


@pytest.fixture
def connectors(repo: Repo) -> Connectors:
    return Connectors(repo)


@pytest.fixture
def door(s3: S3Server) -> Iterator[Door]:
    with Door(s3.url) as opened:
        yield opened


def test_a_connector_comes_and_goes(connectors: Connectors, refused: Callable[..., None]) -> None:
    made = connectors.create("b")
    assert made == {
        "id": made["id"],
        "name": "b",
        "type": "s3",
        "source_uri": "s3://bucket/data/",
        "display_source": "s3://bucket/data/",
        "disabled": False,
        "created_at": made["created_at"],
    }
    first = connectors.create("a", type="gcs", source_uri="gs://bucket", config={"anonymous": True})
    assert connectors.call("GET").json == {"results": [first, made]}
    assert connectors.call("GET", f"/{made['id']}").json == made
    refused(connectors.call("POST", "", {"name": "a", **ANYWHERE}), 409, "'a'")
    assert connectors.call("DELETE", f"/{first['id']}").status == 204
    for method in ("GET", "DELETE"):
        refused(connectors.call(method, f"/{first['id']}"), 404, "deleted")
        refused(connectors.call(method, f"/{ZEROS}"), 404, ZEROS)
    refused(connectors.call("POST", f"/{first['id']}/test"), 404)
    assert connectors.call("GET").results == [made]
    assert connectors.create("a")["id"] != first["id"]


def test_of_another_organization(api: Api, connectors: Connectors, refused: Callable[..., None]) -> None:
    elsewhere = Connectors(api.new_repository()).create()["id"]
    refused(connectors.call("GET", f"/{elsewhere}"), 404)
    refused(connectors.call("DELETE", f"/{elsewhere}"), 404)
    refused(connectors.call("POST", f"/{elsewhere}/test"), 404)
    refused(connectors.attach(elsewhere), 404)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_names(connectors: Connectors, refused: Callable[..., None], name: str) -> None:
    refused(connectors.call("POST", "", {"name": name, **ANYWHERE}), 400, "name:")


def gcs_config(**account: Any) -> dict[str, Any]:
    return {"type": "gcs", "source_uri": "gs://bucket", "config": {"credentials_json": json.dumps(account)}}


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"type": "ftp"}, "type: expected one of s3, gcs, got 'ftp'"),
        ({"type": "git"}, "no connectors of type 'git'"),
        ({"type": "google_drive"}, "no connectors of type 'google_drive'"),
        ({"source_uri": "gs://bucket"}, "source_uri: expected s3://bucket/prefix/"),
        ({"source_uri": "s3:///data"}, "source_uri"),
        ({"source_uri": "s3://user:s3-secret@bucket/"}, "source_uri"),
        ({"type": "gcs"}, "source_uri: expected gs://"),
        ({"config": {**KEYS, "acess_key": "s3-secret"}}, "acess_key"),
        ({"config": {**KEYS, "region": 1}}, "region"),
        ({"config": {"access_key_id": "s3-secret"}}, "config.secret_access_key: required, unless 'anonymous'"),
        ({"config": {"secret_access_key": "s3-secret"}}, "config.access_key_id: required"),
        ({"config": {}}, "config.access_key_id"),
        ({"config": {**KEYS, "anonymous": True}}, "config.access_key_id: cannot be given if 'anonymous'"),
        ({"config": {"session_token": "s3-secret", "anonymous": True}}, "config.session_token: cannot"),
        ({"config": {**KEYS, "region": "us west"}}, "config.region"),
        ({"config": {**KEYS, "endpoint_url": "127.0.0.1:9000"}}, "config.endpoint_url"),
        ({"config": {**KEYS, "endpoint_url": "http://a:s3-secret@127.0.0.1"}}, "config.endpoint_url"),
        ({"config": {**KEYS, "endpoint_url": "http://[s3-secret"}}, "config.endpoint_url"),
        ({"config": None}, "config"),
        ({"type": "gcs", "source_uri": "gs://bucket", "config": {}}, "config.credentials_json: required"),
        (
            {"type": "gcs", "source_uri": "gs://bucket", "config": {"credentials_json": "gcs-secret"}},
            "the JSON of a key",
        ),
        (gcs_config(**{**ACCOUNT, "type": "authorized_user"}), "service account"),
        (gcs_config(**{**ACCOUNT, "private_key": ""}), "'private_key'"),
        (gcs_config(**{**ACCOUNT, "client_email": 1}), "'client_email'"),
    ],
    ids=lambda value: value.split(":")[0] if isinstance(value, str) else None,
)
def test_what_cannot_be(connectors: Connectors, refused: Callable[..., None], wrong: dict[str, Any], word: str) -> None:
    for answer in (connectors.call("POST", "", {"name": "x", **ANYWHERE, **wrong}), connectors.probe(**wrong)):
        refused(answer, 400, word)
        assert b'secret"' not in answer.body
        assert b"s3-secret" not in answer.body
    assert connectors.call("GET").results == []


def test_without_the_library(
    connectors: Connectors, refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = connectors.create()["id"]
    assert connectors.attach(made).status == 201
    monkeypatch.setitem(sys.modules, "s3fs", None)
    for answer in (
        connectors.call("POST", "", {"name": "x", **ANYWHERE}),
        connectors.probe(),
        connectors.call("POST", f"/{made}/test"),
        connectors.repo.call("POST", "/import", None, {"connector_id": made, "destination_path": ""}),
    ):
        refused(answer, 400, "pip install s3fs", code="missing_extra")


def test_the_libraries_are_imported_only_when_they_are_needed() -> None:
    program = "import sys, tilde_local\nwith tilde_local.Server(): print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"s3fs", "gcsfs", "fsspec", "aiohttp", "google"} & set(run.stdout.split()) == set()


def test_a_connection_that_works(connectors: Connectors, s3: S3Server, gcs: GcsServer) -> None:
    s3.bucket("works")
    gcs.bucket("works")
    for given in (
        {"type": "s3", "source_uri": "s3://works/", "config": {**s3.config, "force_path_style": True}},
        {"type": "gcs", "source_uri": "gs://works/", "config": gcs.config},
    ):
        assert connectors.probe(**given).json == {"status": "ok"}
        made = connectors.create(str(given["type"]), **given)["id"]
        assert connectors.call("POST", f"/{made}/test").json == {"status": "ok"}


def test_importing_the_library_takes_nothing_from_the_time_for_an_answer(
    connectors: Connectors, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported: list[str] = []

    def note(name: str) -> ModuleType:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        imported.append(name)
        return import_module(name)

    s3.bucket("works")
    monkeypatch.setattr(sources, "import_module", note)
    assert connectors.probe(source_uri="s3://works/", config=s3.config).json == {"status": "ok"}
    assert imported == ["tilde_local.imports.s3"]


def test_a_connection_that_does_not(
    connectors: Connectors, s3: S3Server, gcs: GcsServer, refused: Callable[..., None]
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        closed = f"http://127.0.0.1:{port}"
        refused(connectors.probe(config={**KEYS, "endpoint_url": closed}), 502, str(port), code="connection_failed")
        given = {"type": "gcs", "source_uri": "gs://b-1", "config": {"anonymous": True, "endpoint_url": closed}}
        refused(connectors.probe(**given), 502, str(port))
    refused(connectors.probe(source_uri="s3://missing-1/", config=s3.config), 502, "s3://missing-1/", "bucket")
    made = connectors.create(type="gcs", source_uri="gs://missing-1/", config=gcs.config)["id"]
    refused(connectors.call("POST", f"/{made}/test"), 502, "gs://missing-1/", "bucket", code="connection_failed")


def test_a_server_that_does_not_answer(
    connectors: Connectors, refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_PROBE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = {**KEYS, "endpoint_url": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        refused(connectors.probe(config=config), 502, "no answer within 0.2 seconds", code="connection_failed")


@pytest.mark.parametrize(
    "given",
    [{"config": {**KEYS}}, {"type": "gcs", "source_uri": "gs://bucket", "config": {"anonymous": True}}],
    ids=["s3", "gcs"],
)
def test_a_name_server_that_does_not_answer(
    connectors: Connectors, refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    answered = threading.Event()
    look_up = socket.getaddrinfo

    def wait(host: Any, *more: Any, **options: Any) -> Any:
        if "hangs" in str(host):
            answered.wait(30)
            raise socket.gaierror
        return look_up(host, *more, **options)

    monkeypatch.setattr(sources, "_PROBE_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", wait)
    config = {**given["config"], "endpoint_url": "http://hangs.invalid"}
    try:
        refused(connectors.probe(**{**given, "config": config}), 502, "no answer within")
    finally:
        answered.set()


def test_keys_that_are_refused_are_not_told(
    connectors: Connectors, door: Door, refused: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    door.refusal = (
        b"<Error><Code>InvalidAccessKeyId</Code><Message>No AKIDEXAMPLE, s3-secret, t-secret</Message></Error>"
    )
    answer = connectors.probe(config={**KEYS, "session_token": "t-secret", "endpoint_url": door.url})
    refused(answer, 502, "No ***, ***, ***", code="connection_failed")
    assert "secret" not in caplog.text


def test_s3_gets_the_keys_of_the_connector_and_no_others(
    connectors: Connectors, s3: S3Server, door: Door, monkeypatch: pytest.MonkeyPatch, no_settings: Path
) -> None:
    s3.bucket("keys")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "of-the-machine")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    config = {**KEYS, "endpoint_url": door.url}
    for more in ({}, {"session_token": "t-secret", "region": "eu-west-1"}):
        assert connectors.probe(source_uri="s3://keys/p", config={**config, **more}).status == 200
    anonymous = {"anonymous": True, "endpoint_url": door.url}
    assert connectors.probe(source_uri="s3://keys/p", config=anonymous).status == 200
    plain, regional, unsigned = (each.headers for each in door.seen)
    assert "Credential=AKIDEXAMPLE/" in plain["Authorization"]
    assert "/us-east-1/" in plain["Authorization"]
    assert "X-Amz-Security-Token" not in plain
    assert "/eu-west-1/" in regional["Authorization"]
    assert regional["X-Amz-Security-Token"] == "t-secret"
    assert "Authorization" not in unsigned
    assert all("max-keys=1&" in f"{each.path}&" and "prefix=p%2F" in each.path for each in door.seen)


def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def test_gcs_gets_a_token_of_the_service_account(
    connectors: Connectors, gcs: GcsServer, refused: Callable[..., None]
) -> None:
    gcs.bucket("tokens")
    with Door(gcs.url) as door:
        account = {**ACCOUNT, "private_key": private_key(), "token_uri": f"{door.url}/token"}
        config = {"credentials_json": json.dumps(account), "endpoint_url": door.url, "project_id": "p"}
        given = {"type": "gcs", "source_uri": "gs://tokens/", "config": config}
        assert connectors.probe(**given).status == 200
        asked, listed = door.seen
        assert b"assertion=" in asked.body
        assert listed.headers["Authorization"] == "Bearer token-of-google"
        door.token_status = 400
        refused(connectors.probe(**given), 502, "cannot log in", "no such account")
        account["private_key"] = "gcs-secret"
        answer = connectors.probe(**{**given, "config": {**config, "credentials_json": json.dumps(account)}})
        refused(answer, 502, "cannot log in")
        assert b"gcs-secret" not in answer.body


def test_attached_and_detached(connectors: Connectors, refused: Callable[..., None]) -> None:
    repo = connectors.repo
    first, second = (connectors.create(name) for name in ("z", "a"))
    for made in (first, second):
        assert connectors.attach(made["id"]).status == 201
    refused(connectors.attach(first["id"]), 409, "'z'")
    assert repo.get("/connectors").json == {"results": [second, first]}
    assert repo.call("DELETE", f"/connectors/{second['id']}").status == 204
    refused(repo.call("DELETE", f"/connectors/{second['id']}"), 404, second["id"])
    refused(connectors.attach(ZEROS), 404, ZEROS)
    refused(repo.call("POST", "/connectors", None, {}), 400, "connector_id")
    assert connectors.call("DELETE", f"/{first['id']}").status == 204
    assert repo.get("/connectors").results == []
    refused(connectors.attach(first["id"]), 404, "deleted")


def test_encrypted_at_rest(
    tmp_path: Path, connect: Callable[[str, str], Api], s3: S3Server, refused: Callable[..., None]
) -> None:
    s3.bucket("rest")
    with Server(tmp_path) as server:
        connectors = Connectors(connect(server.endpoint_url, server.api_key).new_repository())
        config = {**s3.config, "session_token": "t-secret"}
        kept, other, deleted = (
            connectors.create(name, source_uri=f"s3://rest/{name}/", config=config)["id"] for name in "abc"
        )
        assert connectors.call("DELETE", f"/{deleted}").status == 204
        on_disk = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert b"secret_access_key" not in on_disk
        assert not [value for value in (b"AKIDEXAMPLE", b"s3-secret", b"t-secret") if value in on_disk]
    with closing(sqlite3.connect(tmp_path / "tilde.db")) as db, db:
        assert db.execute("SELECT config FROM connectors WHERE id = ?", (deleted,)).fetchone() == (b"",)
        # Whoever can write to the file shall not have the credentials sent to a place of his.
        db.execute("UPDATE connectors SET source_uri = 's3://rest/elsewhere/' WHERE id = ?", (other,))
    with Server(tmp_path) as server:
        again = Connectors(connect(server.endpoint_url, server.api_key).repository(connectors.repo.root))
        assert again.call("POST", f"/{kept}/test").status == 200
        refused(again.call("POST", f"/{other}/test"), 500, "encryption.key", code="cannot_decrypt")


def test_no_repr_shows_a_secret() -> None:
    checked = settings.check("s3", "s3://bucket/", KEYS)
    account = json.dumps({**ACCOUNT, "private_key": "s3-secret"})
    google = settings.check("gcs", "gs://bucket/", {"credentials_json": account})
    body = CreateConnector("s3", "s3://bucket/", dict(KEYS), name="n")
    assert "s3-secret" not in f"{checked} {google} {body}"
    with pytest.raises(BadRequest) as caught:
        settings.check("gcs", "gs://bucket/", {"credentials_json": '{"a": "s3-secret'})
    assert caught.value.__cause__ is None
