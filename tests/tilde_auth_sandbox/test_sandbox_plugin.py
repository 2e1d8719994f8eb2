"""The plugin in a client: found by its entry point, used inside a sandbox only, and never telling the token."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tilde_auth_sandbox.plugin")

import tilde
import tilde_auth_sandbox
from metadata_server import PATH, TOKEN, token_answer
from support import INSTALLED_TRANSPORTS, answer, fake_client
from tilde import Client
from tilde.exceptions import AuthenticationError, ConfigurationError, CredentialsError
from tilde.plugins import Clock, CredentialsRefreshed, Event, Request, Response, hookimpl
from tilde_auth_sandbox import SandboxCredentials, metadata, plugin
from tilde_core.hooks import manager
from tilde_core.testing import FakeTransport, LoopbackServer, behaviors

ORG = {"id": "1", "name": "my-team"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    """A metadata endpoint that the environment points to, as in a sandbox."""
    monkeypatch.setattr(metadata, "TIMEOUT", 60.0)  # it is not what is tested here
    with LoopbackServer() as running:
        running.script(PATH, token_answer())
        monkeypatch.setenv("TILDE_SANDBOX_CREDENTIALS_URI", running.url(PATH))
        yield running


def real_time(transport: FakeTransport, ahead: Callable[[], float] = lambda: 0.0, **options: Any) -> Client:
    """A client in a sandbox whose clock goes, some seconds ahead, and whose pauses take no time."""
    clock = Clock(
        monotonic=lambda: time.monotonic() + ahead(), sleep=lambda _: None, wall=lambda: time.time() + ahead()
    )
    return Client(endpoint_url="https://tilde.test", transport=transport, clock=clock, **options)


def organizations(request: Request) -> Response:
    return answer(200, ORG)


def sent_tokens(transport: FakeTransport) -> list[str]:
    return [request.headers["Authorization"].removeprefix("Bearer ") for request in transport.requests]


class TestDiscovery:
    def test_entry_point_leads_to_the_plugin(self) -> None:
        (found,) = [entry for entry in entry_points(group="tilde") if entry.name == "sandbox"]
        assert found.load() is plugin

    def test_it_is_described(self) -> None:
        (info,) = [info for info in Client().describe_plugins() if info.name == "sandbox"]
        assert (info.distribution, info.hooks, info.status) == ("tilde-auth-sandbox", ("tilde_credentials",), "active")

    def test_a_distribution_of_that_form_is_found(
        self, server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As if it alone were installed."""
        info = tmp_path / "tilde_auth_sandbox-9.8.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tilde-auth-sandbox\nVersion: 9.8\n")
        (info / "entry_points.txt").write_text("[tilde]\nsandbox = tilde_auth_sandbox.plugin\n")
        real = importlib.metadata.distributions
        monkeypatch.setattr(importlib.metadata, "distributions", lambda: real(path=[str(tmp_path)]))
        manager.installed_plugins.cache_clear()
        transport = FakeTransport(organizations)
        client = real_time(transport)
        manager.installed_plugins.cache_clear()
        client.organizations.get("my-team")
        assert sent_tokens(transport) == [TOKEN]
        assert "sandbox (tilde-auth-sandbox 9.8): active" in map(str, client.describe_plugins())

    def test_it_ranks_behind_all_others(self) -> None:
        offer = plugin.tilde_credentials()
        assert offer.name == "sandbox"
        assert offer.priority < -100

    def test_outside_of_a_sandbox_it_costs_no_import_of_http(self) -> None:
        program = (
            "import sys, tilde; from tilde_auth_sandbox import plugin\n"
            "try: tilde.Client().access_token()\n"
            "except tilde.exceptions.ConfigurationError: sys.exit('http.client' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

    def test_unknown_name_is_an_attribute_error(self) -> None:
        with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
            _ = tilde_auth_sandbox.Nothing


class TestWhoIsAsked:
    def test_nothing_is_asked_before_the_first_request(self, server: LoopbackServer) -> None:
        tilde.configure()
        client = Client()
        assert client.config.api_key.value is None
        assert server.connections == 0

    @pytest.mark.parametrize("how", ["argument", "environment", "file"])
    def test_a_key_suppresses_it(
        self, server: LoopbackServer, how: str, no_settings: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if how == "environment":
            monkeypatch.setenv("TILDE_API_KEY", "tuk-1")
        if how == "file":
            (no_settings / ".tilde").mkdir()
            (no_settings / ".tilde" / "config.yaml").write_text("api_key: tuk-1\n")
        transport = FakeTransport(organizations)
        client = real_time(transport, api_key="tuk-1" if how == "argument" else None)
        client.organizations.get("my-team")
        assert sent_tokens(transport) == ["tuk-1"]
        assert server.connections == 0

    def test_it_can_be_chosen_outright(self, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
        transport = FakeTransport(organizations)
        real_time(transport, api_key="tuk-1", credentials="sandbox").organizations.get("my-team")
        assert sent_tokens(transport) == [TOKEN]

    def test_outside_of_a_sandbox_it_is_not_in_charge(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TILDE_SANDBOX_CREDENTIALS_URI", "  ")
        with pytest.raises(ConfigurationError, match="no API key"):
            fake_client([], api_key=None)[0].organizations.get("x")

    def test_the_variable_is_read_when_the_client_is_made(
        self, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        transport = FakeTransport(organizations)
        client = real_time(transport)
        monkeypatch.setenv("TILDE_SANDBOX_CREDENTIALS_URI", "http://127.0.0.1:1/")
        client.organizations.get("my-team")
        assert sent_tokens(transport) == [TOKEN]

    def test_a_uri_that_is_not_safe_is_an_error_at_the_first_request(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TILDE_SANDBOX_CREDENTIALS_URI", "http://example.com/tst-secret")
        client, _, _ = fake_client([], api_key=None)
        with pytest.raises(ConfigurationError, match=r"^organizations\.get: no token is fetched from") as caught:
            client.organizations.get("x")
        assert "tst-secret" not in str(caught.value)


class TestTokens:
    def test_a_hundred_threads_and_one_request(self, server: LoopbackServer) -> None:
        transport = FakeTransport(organizations)
        client = real_time(transport)
        with ThreadPoolExecutor(100) as pool:
            list(pool.map(lambda _: client.organizations.get("my-team"), range(100)))
        assert sent_tokens(transport) == [TOKEN] * 100
        assert len(server.requests) == 1

    def test_a_token_is_renewed_before_it_ends(self, server: LoopbackServer) -> None:
        ahead = [0.0]
        server.enqueue(token_answer("first", 900), token_answer("second", 1800))
        transport = FakeTransport(organizations)
        client = real_time(transport, lambda: ahead[0])
        for ahead[0] in (0, 700, 850, 860):  # 850: in its last minute, so that the request waits for the next one
            client.organizations.get("my-team")
        assert sent_tokens(transport) == ["first", "first", "second", "second"]
        assert len(server.requests) == 2

    def test_a_refused_token_is_replaced_once(self, server: LoopbackServer) -> None:
        server.enqueue(token_answer("first"), token_answer("second"))
        transport = FakeTransport([answer(401), answer(200, ORG), answer(200, ORG)])
        client = real_time(transport)
        client.organizations.get("my-team")
        client.organizations.get("my-team")
        assert sent_tokens(transport) == ["first", "second", "second"]

    def test_a_second_refusal_is_final(self, server: LoopbackServer) -> None:
        transport = FakeTransport(lambda request: answer(401))
        with pytest.raises(AuthenticationError):
            real_time(transport).organizations.get("my-team")
        assert len(transport.requests) == len(server.requests) == 2

    def test_three_tries(self, server: LoopbackServer) -> None:
        server.enqueue(behaviors.hang_up(), behaviors.answer(503))
        transport = FakeTransport(organizations)
        real_time(transport).organizations.get("my-team")
        assert len(server.requests) == 3
        server.script(PATH, behaviors.answer(503))
        with pytest.raises(CredentialsError, match=r"plugin sandbox .* has no token: .*\(HTTP 503\)"):
            real_time(transport).organizations.get("my-team")
        assert len(server.requests) == 6
        assert len(transport.requests) == 1

    def test_a_redirect_is_an_error_at_once(self, server: LoopbackServer) -> None:
        server.script(PATH, behaviors.redirect(server.url("/elsewhere")))
        with pytest.raises(CredentialsError, match="no redirect is followed"):
            real_time(FakeTransport()).organizations.get("my-team")
        assert len(server.requests) == 1

    def test_a_dead_endpoint_is_no_error_while_the_token_lives(
        self, server: LoopbackServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        ahead = [0.0]
        server.enqueue(token_answer(life=900))
        server.script(PATH, behaviors.answer(503))
        transport = FakeTransport(organizations)
        client = real_time(transport, lambda: ahead[0])
        for ahead[0] in (0, 850, 870):
            client.organizations.get("my-team")
        assert sent_tokens(transport) == [TOKEN] * 3
        assert "no new token; the one in use is good until" in caplog.text
        ahead[0] = 901
        with pytest.raises(CredentialsError, match="HTTP 503"):
            client.organizations.get("my-team")
        server.script(PATH, token_answer("next", 1800))
        client.organizations.get("my-team")
        assert sent_tokens(transport)[3:] == ["next"]

    def test_a_clock_that_is_off_is_named(self, server: LoopbackServer) -> None:
        server.script(PATH, token_answer(life=-5))
        with pytest.raises(CredentialsError, match="is the clock of this machine right"):
            real_time(FakeTransport()).organizations.get("my-team")


class TestWhoIAm:
    def test_the_principal(self, server: LoopbackServer) -> None:
        client = real_time(FakeTransport(organizations))
        credentials = SandboxCredentials.of(client)
        assert (credentials.principal_type, credentials.principal_name) == ("agent", "cleaner")
        assert credentials.organization_id == "1c2d"
        client.organizations.get("my-team")
        assert len(server.requests) == 1

    def test_other_credentials_are_none_of_a_sandbox(self, server: LoopbackServer) -> None:
        with pytest.raises(ConfigurationError, match="does not use the credentials of a sandbox"):
            SandboxCredentials.of(Client("tuk-1"))

    def test_no_credentials_at_all(self) -> None:
        with pytest.raises(ConfigurationError, match="no API key"):
            SandboxCredentials.of(Client())


class TestSecrecy:
    def test_no_log_event_or_repr_shows_the_token_or_the_path(
        self, server: LoopbackServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        seen: list[Event] = []

        class Observer:
            @hookimpl
            def tilde_event(self, event: Event) -> None:
                seen.append(event)

        server.enqueue(token_answer(), behaviors.answer(503))
        ahead = [0.0]
        with caplog.at_level(logging.DEBUG):
            client = real_time(FakeTransport(organizations), lambda: ahead[0], plugins=[Observer()])
            for ahead[0] in (0, 3590):
                client.organizations.get("my-team")
            shown = [client, client.config, client.access_token(), SandboxCredentials.of(client), seen]
        refreshed = [event for event in seen if isinstance(event, CredentialsRefreshed)]
        assert [event.credentials for event in refreshed] == ["sandbox", "sandbox"]
        for secret in (TOKEN, "unguessable"):
            assert secret not in caplog.text + repr(shown) + str(shown)

    def test_errors_show_neither(self, server: LoopbackServer) -> None:
        server.script(PATH, behaviors.answer(404, json.dumps({"access_token": TOKEN}).encode()))
        with pytest.raises(CredentialsError) as caught:
            real_time(FakeTransport()).organizations.get("my-team")
        for secret in (TOKEN, "unguessable"):
            assert secret not in str(caught.value) + repr(vars(caught.value)) + repr(vars(caught.value.__cause__))


@pytest.mark.parametrize("transport", INSTALLED_TRANSPORTS)
@pytest.mark.parametrize("proxied", [False, True])
def test_over_each_transport(
    server: LoopbackServer, transport: str, proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if proxied:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with LoopbackServer() as service:
        service.enqueue(behaviors.answer(401), behaviors.answer(200, json.dumps(ORG).encode()))
        monkeypatch.setenv("TILDE_API_URL", service.url())
        with Client(transport=transport) as client:
            assert client.organizations.get("my-team").name == "my-team"
        assert [request.header("Authorization") for request in service.requests] == [[f"Bearer {TOKEN}"]] * 2
    assert len(server.requests) == 2


FORK = """
import os, threading
from tilde import Client
from tilde.plugins import Response
from tilde_core.testing import FakeTransport

transport = FakeTransport(lambda request: Response(200, {}, b'{"id": "1", "name": "my-team"}'))
client = Client(transport=transport)
first = client.access_token().token
child = os.fork()
if child == 0:
    client.organizations.get("my-team")
    own = transport.requests[-1].headers["Authorization"]
    os._exit(0 if own == "Bearer second" and first == "first" else 1)
_, status = os.waitpid(child, 0)
assert status == 0, status
client.organizations.get("my-team")
assert transport.requests[-1].headers["Authorization"] == "Bearer first"
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
def test_a_forked_child_fetches_for_itself(server: LoopbackServer) -> None:
    server.enqueue(token_answer("first"), token_answer("second"))
    done = subprocess.run([sys.executable, "-W", "error", "-c", FORK], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert len(server.requests) == 2


def test_pauses_are_those_of_the_clients_clock(server: LoopbackServer) -> None:
    server.enqueue(behaviors.answer(503), behaviors.answer(503), token_answer(expires_at="2099-01-01T00:00:00Z"))
    client, _, clock = fake_client([], api_key=None)
    assert SandboxCredentials.of(client).token == TOKEN
    assert clock.sleeps == [0.2, 0.5]
