from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from specification.wheels import build_wheels
from specification.world import Case, World, close_default_client
from support import INSTALLED_TRANSPORTS
from tilde import Client
from tilde.exceptions import NotFoundError
from tilde.models import Organization, Repository
from tilde_local import Server

# So that their asserts say what was there instead.
pytest.register_assert_rewrite(*(f"specification.{file.stem}" for file in Path(__file__).parent.glob("*_cases.py")))


_numbers = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[Client]:
    with Client(server.api_key, endpoint_url=server.endpoint_url) as opened:
        yield opened


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels of what users install. They are built when they are first asked for."""
    folder = tmp_path_factory.mktemp("wheels")
    build_wheels(folder)
    return folder


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
    request: pytest.FixtureRequest,
) -> Iterator[World]:
    monkeypatch.setenv("TILDE_ENDPOINT_URL", server.endpoint_url)
    monkeypatch.setenv("TILDE_API_KEY", server.api_key)
    monkeypatch.chdir(tmp_path)
    with suppress(NotFoundError):
        client.organizations.delete("my-team")
    client.organizations.create("my-team").repositories.create("my-data")
    yield World(case, server, client, tmp_path, no_settings, monkeypatch, request)
    close_default_client()


@pytest.fixture
def organization(client: Client) -> Iterator[Organization]:
    """A fresh one, gone after the test: the page's own examples list all there are."""
    created = client.organizations.create(f"promise-{next(_numbers)}")
    yield created
    client.organizations.delete(created.name)


@pytest.fixture
def repo(organization: Organization) -> Repository:
    return organization.repositories.create("data")


@pytest.fixture
def user_id(client: Client) -> str:
    """That of the caller."""
    return client.whoami().user.id


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[..., Client]]:
    """Makes clients of the server with plugins, and with another API key if that is given."""
    opened: list[Client] = []

    def make(*plugins: object, api_key: str = server.api_key) -> Client:
        opened.append(Client(api_key, endpoint_url=server.endpoint_url, plugins=plugins))
        return opened[-1]

    yield make
    for client in opened:
        client.close()
