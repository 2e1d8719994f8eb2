"""`Client` and the module-level functions."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import tilde
import tilde_core.default_client
from support import answer, fake_client
from tilde import Client
from tilde.exceptions import ConfigurationError
from tilde_core.default_client import default_client
from tilde_core.runtime import Runtime
from tilde_core.testing import FakeTransport

ORG = {"id": "1", "name": "my-team"}


def test_a_client_closes_its_transport() -> None:
    client, transport, _ = fake_client([answer(200, ORG)])
    with client:
        client.organizations.get("x")
    assert transport.closed
    client.close()
    with pytest.raises(ConfigurationError, match="the client is closed"):
        client.organizations.get("x")


def test_a_client_that_was_never_used_closes_too() -> None:
    Client(api_key="k").close()


def test_a_derived_client_closes_nothing() -> None:
    client, transport, _ = fake_client([answer(200, ORG)])
    client.with_options(max_retries=0).close()
    assert not transport.closed
    assert client.organizations.get("x").name == "my-team"


def test_repository_paths_are_checked() -> None:
    client = Client()
    repo = client.repository("my-team/my-data")
    assert (repo.organization, repo.name, repo.path) == ("my-team", "my-data", "my-team/my-data")
    assert repr(repo) == "Repository('my-team/my-data')"
    for path in ("my-team", "my-team/", "/my-data", "a/b/c", "", "../b", "a/.."):
        with pytest.raises(ValueError, match=r"organization/repository|change the URL"):
            client.repository(path)
    with pytest.raises(TypeError, match="repository path must be a str"):
        client.repository(None)  # type: ignore[arg-type]


def test_making_handles_does_no_request() -> None:
    client, transport, _ = fake_client([])
    repo = client.repository("a/b")
    repr([repo, repo.commits, repo.attach("id"), repo.attach("id").objects, client, client.organizations])
    assert transport.requests == []


class TestModuleLevel:
    def test_configure_and_handles(self) -> None:
        one, two = FakeTransport([answer(200, ORG)] * 2), FakeTransport([answer(200, ORG)])
        tilde.configure(api_key="one", transport=one, endpoint_url="https://one.test")
        old = tilde.repository("a/b")
        tilde.configure(api_key="two", transport=two, endpoint_url="https://two.test")
        assert tilde.organizations.get("x").name == "my-team"
        assert old.id == "1"  # still on the client that it was made with
        assert [r.headers["Authorization"] for r in one.requests] == ["Bearer one"]
        assert [r.headers["Authorization"] for r in two.requests] == ["Bearer two"]

    def test_organizations_imported_before_configure_follows_it(self) -> None:
        from tilde import organizations

        tilde.configure(api_key="late", transport=FakeTransport([answer(200, ORG)]))
        assert organizations.get("x").name == "my-team"

    def test_a_configuration_that_fails_changes_nothing(self) -> None:
        tilde.configure(api_key="one")
        before = default_client()
        with pytest.raises(ConfigurationError):
            tilde.configure(api_key="two", endpoint_url="nonsense")
        assert default_client() is before

    def test_a_bare_configure_succeeds(self) -> None:
        tilde.configure()

    def test_one_default_client_for_all_threads(self) -> None:
        seen: list[Client] = []
        threads = [threading.Thread(target=lambda: seen.append(default_client())) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(map(id, seen))) == 1

    def test_names_are_visible(self) -> None:
        assert {"Client", "configure", "organizations", "repository", "exceptions", "models", "plugins"} <= set(
            dir(tilde)
        )
        for name in tilde.__all__:
            assert getattr(tilde, name) is not None
        with pytest.raises(AttributeError, match="no attribute 'organisations'"):
            _ = tilde.organisations  # type: ignore[attr-defined]


def test_many_threads_open_one_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[FakeTransport] = []

    def open_one(*args: object) -> FakeTransport:
        opened.append(FakeTransport(lambda request: answer(200, ORG)))
        return opened[-1]

    client = Client(api_key="k")
    monkeypatch.setattr(client._runtime.hooks, "open_transport", open_one)
    threads = [threading.Thread(target=lambda: client.organizations.get("x")) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1
    assert len(opened[0].requests) == 16


def test_a_client_pickles_with_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILDE_API_KEY", "from-env")
    client = Client(endpoint_url="https://one.test", max_retries=1, timeout=5, user_agent="mine")
    monkeypatch.setenv("TILDE_API_KEY", "another")
    copy = pickle.loads(pickle.dumps(client))
    assert copy.config == client.config
    assert copy._options == client._options
    assert copy._runtime is not client._runtime
    repo = pickle.loads(pickle.dumps(client.repository("a/b")))
    assert repo.path == "a/b"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
def test_a_forked_child_opens_its_own_transport() -> None:
    client, transport, _ = fake_client(lambda request: answer(200, ORG))
    client.organizations.get("x")
    runtime: Runtime = client._runtime
    runtime._lock.acquire()  # as if another thread held it in the moment of the fork
    runtime.after_fork_in_child()
    assert runtime._transport is None
    assert runtime._left_to_parent == [transport]
    assert not transport.closed
    assert client.organizations.get("x").name == "my-team"


def test_import_reads_nothing_and_loads_nothing_heavy(no_settings: Path) -> None:
    code = (
        "import sys, tilde\n"
        "names = {'httpx', 'requests', 'msgspec', 'pluggy', 'yaml', 'tenacity', 'tilde_core.client'}\n"
        "heavy = names & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert 'organizations' in dir(tilde)\n"
        "tilde.Client\n"
        "heavy = {'httpx', 'requests', 'yaml', 'tenacity'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_what_nobody_closed_is_closed_with_the_last_handle(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = FakeTransport([answer(200, ORG)])
    client = Client(api_key="k")
    monkeypatch.setattr(client._runtime.hooks, "open_transport", lambda *args: transport)
    organization = client.organizations.get("x")
    del client
    gc.collect()
    assert not transport.closed  # the organization still uses it
    del organization
    gc.collect()
    assert transport.closed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
def test_a_fork_while_another_thread_makes_the_default_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tilde_core.default_client, "_lock", threading.Lock())
    with tilde_core.default_client._lock:
        tilde_core.default_client._after_fork_in_child()
        assert isinstance(default_client(), Client)
