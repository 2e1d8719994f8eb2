"""The embedded server, and a client of it on each transport that is installed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from support import INSTALLED_TRANSPORTS
from tilde import Client
from tilde.models import Repository
from tilde_local import Server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture(params=INSTALLED_TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def client(server: Server, transport: str) -> Iterator[Client]:
    with Client(api_key=server.api_key, endpoint_url=server.endpoint_url, transport=transport) as opened:
        yield opened


@pytest.fixture
def repo(client: Client) -> Repository:
    """A fresh repository in an organization of its own."""
    organization = client.organizations.create(f"team-{next(_numbers)}")
    return organization.repositories.create("data")
