from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from specification.world import Case, World, close_default_client
from support import INSTALLED_TRANSPORTS
from tilde import Client
from tilde.exceptions import NotFoundError
from tilde_local import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[Client]:
    with Client(server.api_key, endpoint_url=server.endpoint_url) as opened:
        yield opened


@pytest.fixture(params=INSTALLED_TRANSPORTS)
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, no_settings: Path) -> str:
    """The transport that the snippets use."""
    name: str = request.param
    monkeypatch.setenv("TILDE_TRANSPORT", name)
    return name


@pytest.fixture
def world(
    case: Case,
    server: Server,
    client: Client,
    transport: str,
    tmp_path: Path,
    no_settings: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    monkeypatch.setenv("TILDE_ENDPOINT_URL", server.endpoint_url)
    monkeypatch.setenv("TILDE_API_KEY", server.api_key)
    monkeypatch.chdir(tmp_path)
    with suppress(NotFoundError):
        client.organizations.delete("my-team")
    client.organizations.create("my-team").repositories.create("my-data")
    yield World(case, server, client, tmp_path, no_settings, monkeypatch)
    close_default_client()
