"""What is true of this plugin, beyond what the contracts ask."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from tilde import Client
from tilde.exceptions import ConfigurationError, CredentialsError
from tilde.plugins import Request, Response
from tilde_auth_oidc_example import OidcCredentials, plugin
from tilde_core.testing import FakeClock, FakeTransport

URL = "https://id.example.com/token"
GITHUB = {
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://vault.example.com/identity?api-version=2.0",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
}


class World:
    """An issuer, GitHub and the service, all behind one transport. `answers` has what the exchange says next."""

    def __init__(self) -> None:
        self.identity = Response(200, body=b'{"value": "identity"}')
        self.answers: list[Response] = []
        self.transport = FakeTransport(self.answer)
        self.clock = FakeClock()

    def answer(self, request: Request) -> Response:
        if request.operation == "oidc.identity":
            return self.identity
        if request.operation == "oidc.exchange":
            return self.answers.pop(0)
        return Response(200, body=b'{"id": "1", "name": "my-team"}')

    def client(self, credentials: OidcCredentials) -> Client:
        return Client(
            transport=self.transport,
            endpoint_url="https://tilde.test",
            plugins=[credentials],
            clock=self.clock.clock,
        )

    def forms(self) -> list[dict[str, str]]:
        requests = [request for request in self.transport.requests if request.operation == "oidc.exchange"]
        return [dict(parse_qsl(bytes(request.content).decode())) for request in requests]  # type: ignore[arg-type]


@pytest.fixture
def world() -> World:
    return World()


def granted(token: str = "token-1", **fields: object) -> Response:
    return Response(200, body=json.dumps({"access_token": token, "token_type": "bearer", **fields}).encode())


def test_entry_point_leads_to_the_plugin() -> None:
    (found,) = entry_points(group="tilde", name="oidc-example")
    assert found.load() is plugin


def test_exchange_is_that_of_rfc_8693(world: World) -> None:
    world.answers = [granted(expires_in=600)]
    with world.client(OidcCredentials(URL, "tilde", variables=GITHUB)) as client:
        assert client.organizations.get("my-team").name == "my-team"
    identity, exchange, asked = world.transport.requests
    assert identity.url == "https://vault.example.com/identity?api-version=2.0&audience=tilde"
    assert identity.headers["Authorization"] == "Bearer request-token"
    assert (exchange.method, exchange.url) == ("POST", URL)
    assert exchange.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert world.forms() == [
        {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": "identity",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "audience": "tilde",
        }
    ]
    assert asked.headers["Authorization"] == "Bearer token-1"


def test_file_is_read_anew_for_each_exchange(world: World, tmp_path: Path) -> None:
    """Whoever keeps it fresh has written another token by then."""
    file = tmp_path / "token"
    file.write_text("first\n")
    world.answers = [granted("token-1", expires_in=600), granted("token-2", expires_in=600)]
    with world.client(OidcCredentials(URL, variables={"OIDC_TOKEN_FILE": str(file)})) as client:
        client.organizations.get("my-team")
        file.write_text("second\n")
        world.clock.now += 601
        client.organizations.get("my-team")
    assert [form["subject_token"] for form in world.forms()] == ["first", "second"]
    assert all("audience" not in form for form in world.forms())


def test_life_that_is_not_said_is_five_minutes(world: World) -> None:
    world.answers = [granted()]
    with world.client(OidcCredentials(URL, variables=GITHUB)) as client:
        token = client.access_token()
    assert token is not None
    assert token.expires_at == world.clock.time(300)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Response(400, body=b'{"error": "invalid_grant", "error_description": "s3cret"}'), "HTTP 400 invalid_grant"),
        (Response(400, body=b'{"error": "s3cret: token-1"}'), r"\(HTTP 400\)"),
        (Response(302, {"Location": "https://else.example.com"}), "status 302, and only 200"),
        (granted(token_type="mac"), "no bearer token"),
        (granted(expires_in="soon"), "expires_in that is no number"),
        (granted(expires_in=[]), "expires_in that is no number"),
        (Response(200, body=b"x" * 70_000), "more than 65536 bytes"),
    ],
)
def test_refusal_says_what_is_known_and_no_more(world: World, answer: Response, message: str) -> None:
    world.answers = [answer]
    with (
        world.client(OidcCredentials(URL, variables=GITHUB)) as client,
        pytest.raises(CredentialsError, match=message) as caught,
    ):
        client.organizations.get("my-team")
    assert "s3cret" not in str(caught.value)
    assert [request.operation for request in world.transport.requests] == ["oidc.identity", "oidc.exchange"]


@pytest.mark.parametrize(
    ("url", "variables"),
    [
        ("http://id.example.com/token", GITHUB),
        ("file:///etc/passwd", GITHUB),
        ("http://[::1", GITHUB),
        (URL, {**GITHUB, "ACTIONS_ID_TOKEN_REQUEST_URL": "http://vault.example.com/"}),
    ],
)
def test_no_token_is_sent_to_where_it_could_be_read(world: World, url: str, variables: Mapping[str, str]) -> None:
    client = world.client(OidcCredentials(url, variables=variables))
    with client, pytest.raises(ConfigurationError, match="must be an https URL"):
        client.organizations.get("my-team")
    assert world.transport.requests == []


EMPTY = dict.fromkeys(["OIDC_TOKEN_FILE", "ACTIONS_ID_TOKEN_REQUEST_URL", "KUBERNETES_SERVICE_HOST"], "")


@pytest.mark.parametrize("variables", [{}, EMPTY], ids=["none is set", "all are empty"])
def test_machine_without_a_token_is_told_what_to_do(world: World, variables: Mapping[str, str]) -> None:
    """Somebody has asked for the exchange, so it is not `None`, which would be "not mine"."""
    client = world.client(OidcCredentials(URL, variables=variables))
    with client, pytest.raises(ConfigurationError, match=r"set OIDC_TOKEN_FILE.*id-token: write.*Kubernetes"):
        client.organizations.get("my-team")


def test_half_of_what_github_actions_sets_is_not_enough(world: World) -> None:
    variables = {**GITHUB, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": ""}
    client = world.client(OidcCredentials(URL, variables=variables))
    with client, pytest.raises(ConfigurationError, match="ACTIONS_ID_TOKEN_REQUEST_TOKEN is not: hand both on"):
        client.organizations.get("my-team")
    assert world.transport.requests == []


def test_refusal_of_github_names_it(world: World) -> None:
    """And nothing is exchanged then."""
    world.identity = Response(403, body=b'{"message": "s3cret"}')
    client = world.client(OidcCredentials(URL, variables=GITHUB))
    with client, pytest.raises(CredentialsError, match=r"oidc\.identity: no token was given \(HTTP 403\)") as caught:
        client.organizations.get("my-team")
    assert "s3cret" not in str(caught.value)
    assert [request.operation for request in world.transport.requests] == ["oidc.identity"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff", "cannot be read: it is not ASCII"),
        (b"\n", "is to hold an OIDC token, and is empty"),
    ],
)
def test_file_without_a_token(world: World, tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    client = world.client(OidcCredentials(URL, variables={"OIDC_TOKEN_FILE": str(file)}))
    with client, pytest.raises(CredentialsError, match=message):
        client.organizations.get("my-team")


def test_repr_shows_where_and_for_whom() -> None:
    assert repr(OidcCredentials(URL, "tilde")) == f"OidcCredentials('{URL}', 'tilde')"
