"""The page's section "Configuration"."""

from __future__ import annotations

import shlex

import pytest

import tilde
from specification.world import World, snippet, text_of
from tilde import Client
from tilde.exceptions import ConfigurationError
from tilde_core.default_client import default_client


@snippet("003")
def saved_credentials(world: World) -> None:
    world.unset("TILDE_API_KEY", "TILDE_ENDPOINT_URL")
    file = world.home / ".tilde" / "config.yaml"
    file.parent.mkdir()
    file.write_text(f"api_key: {world.server.api_key}\nendpoint_url: {world.server.endpoint_url}\n", encoding="utf-8")
    assert world.run().names["repo"].id == world.repository.id
    assert default_client().config.api_key.source == "~/.tilde/config.yaml"


@snippet("004", "005")
def environment_variables(world: World) -> None:
    world.unset("TILDE_API_KEY")
    export, assignment = shlex.split(text_of("004").replace("YOUR_API_TOKEN", world.server.api_key))
    assert export == "export"
    world.monkeypatch.setenv(*assignment.split("="))
    assert world.run().names["repo"].id == world.repository.id
    assert default_client().config.api_key.source == "environment variable TILDE_API_KEY"


@snippet("006")
def module_level(world: World) -> None:
    world.unset("TILDE_API_KEY")
    assert world.run().names["repo"].id == world.repository.id


@snippet("007")
def explicit_client(world: World) -> None:
    world.unset("TILDE_API_KEY")
    check_closed(world, world.run().names)


@snippet("008")
def context_manager(world: World) -> None:
    world.unset("TILDE_API_KEY")
    check_closed(world, world.run(Client=Client).names)


def check_closed(world: World, names: dict[str, object]) -> None:
    client, repo = names["client"], names["repo"]
    assert isinstance(client, Client)
    assert isinstance(repo, tilde.models.Repository)
    assert client.config.api_key.value == world.server.api_key
    with pytest.raises(ConfigurationError, match="closed"):
        _ = repo.id


@snippet("009")
def custom_endpoint(world: World) -> None:
    world.unset("TILDE_API_KEY", "TILDE_ENDPOINT_URL")
    world.run({"https://custom.tilde.example.com": world.server.endpoint_url}, tilde=tilde)
    assert tilde.repository("my-team/my-data").id == world.repository.id
    assert default_client().config.endpoint_url.source == "argument endpoint_url"


@snippet("011")
def default_sandbox_image(world: World) -> None:
    world.unset("TILDE_API_KEY")
    world.run(tilde=tilde)
    assert default_client().config.default_sandbox_image.value == "python:3.12"
    assert tilde.repository("my-team/my-data").id == world.repository.id
