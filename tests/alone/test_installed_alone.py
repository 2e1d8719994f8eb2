"""What is installed decides which transport there is. Run in environments with both, with one alone, and with none."""

from __future__ import annotations

import importlib.metadata
import json
from importlib.util import find_spec

import pytest

from doctor_runs import examine
from support import INSTALLED_TRANSPORTS, OUR_TRANSPORTS, FakeClock
from tilde import Client
from tilde.exceptions import ConfigurationError, CredentialsError
from tilde_core.testing import FakeTransport
from tilde_local import Server

RANKED = ("httpx", "requests")


def test_our_distributions_come_from_the_checkout() -> None:
    """Never from a registry, where others may use these names."""
    ours = [d for d in importlib.metadata.distributions() if d.metadata["Name"].replace("_", "-").startswith("tilde-")]
    assert {"tilde-core", "tilde-local"} <= {d.metadata["Name"] for d in ours}
    for distribution in ours:
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        assert origin.get("url", "").startswith("file://"), distribution.metadata["Name"]


def test_each_transport_brings_its_own_library_only() -> None:
    assert [name for name in RANKED if find_spec(name)] == OUR_TRANSPORTS


def test_each_is_found_by_its_entry_point() -> None:
    found = [info.name for info in Client().describe_plugins() if "tilde_transport" in info.hooks]
    assert sorted(found) == INSTALLED_TRANSPORTS


def test_the_one_that_is_there_does_the_job_unasked() -> None:
    with Server() as server, Client(api_key=server.api_key, endpoint_url=server.endpoint_url) as client:
        if not OUR_TRANSPORTS:
            with pytest.raises(ConfigurationError, match="install tilde-transport-httpx"):
                client.organizations.create("alone")
            return
        repo = client.organizations.create("alone").repositories.create("data")
        with repo.session() as session:
            session.objects.put("a.txt", b"alone")
            session.commit("one file")
        commit = repo.latest()
        assert commit is not None
        with commit.objects.get("a.txt") as file:
            assert file.read() == b"alone"
        assert type(client._runtime.transport()).__module__ == f"tilde_transport_{OUR_TRANSPORTS[0]}.transport"


@pytest.mark.parametrize("name", RANKED)
@pytest.mark.parametrize("by", ["argument", "environment"])
def test_a_choice_by_argument_and_by_environment(name: str, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if by == "environment":
        monkeypatch.setenv("TILDE_TRANSPORT", name)
    argument = name if by == "argument" else None
    if name not in OUR_TRANSPORTS:
        with pytest.raises(ConfigurationError, match=f"no transport named '{name}'"):
            Client(api_key="k", transport=argument)
        return
    with Client(api_key="k", transport=argument) as client:
        assert type(client._runtime.transport()).__module__ == f"tilde_transport_{name}.transport"


def test_a_sandbox_without_its_plugin_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILDE_SANDBOX_CREDENTIALS_URI", "http://127.0.0.1:1/")  # nobody listens there
    installed = any(info.distribution == "tilde-auth-sandbox" for info in Client().describe_plugins())
    expected = (CredentialsError, "no token") if installed else (ConfigurationError, "Install tilde-auth-sandbox")
    with pytest.raises(expected[0], match=expected[1]):
        Client(transport=FakeTransport(), clock=FakeClock().clock).organizations.get("alone")


def test_the_doctor_works_with_what_there_is() -> None:
    """Also with the core alone: it checks the connection, and says which transport to install."""
    with Server() as server:
        found = examine(TILDE_API_KEY=server.api_key, TILDE_ENDPOINT_URL=server.endpoint_url)
    assert found.verdicts["tcp"] == "ok"
    if INSTALLED_TRANSPORTS:
        assert found.code == 0
        assert found.verdicts["identity"] == "ok"
        return
    assert found.code == 1
    assert "Install a transport: tilde-transport-httpx" in found.told("transport")
    assert found.verdicts["service"] == "skipped"
