"""`api_key_keyring` of the config file, on the real library with a keyring in memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("keyring", reason="the extra keyring is not installed")

import keyring
import keyring.backends.fail
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, KeyringLocked

from support import answer, fake_client
from tilde import Client
from tilde.exceptions import AuthenticationError, ConfigurationError, CredentialsError
from tilde.plugins import Request, Response
from tilde_core.config import resolve_config
from tilde_core.credentials.configured import KeyringEntry
from tilde_core.testing import FakeTransport

ORG = {"id": "1", "name": "my-team"}
SECRET = "tuk-s3cret"
SOURCE = "api_key_keyring in ~/.tilde/config.yaml"
ENTRY = {"service": "tilde", "username": "me"}


class Memory(KeyringBackend):
    """Keeps passwords while the test runs; counts how often one is asked for, and fails if it is told to."""

    priority = 0.5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.passwords: dict[tuple[str, str], str] = {}
        self.asked = 0
        self.failure: Exception | None = None

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password


def none() -> KeyringBackend:
    """What the library uses where there is no keyring."""
    return keyring.backends.fail.Keyring()  # type: ignore[no-untyped-call]


@pytest.fixture
def memory() -> Iterator[Memory]:
    """The keyring that is in use."""
    backend = Memory()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(none())


Configure = Callable[..., None]


@pytest.fixture
def configure(no_settings: Path) -> Configure:
    """Write the config file."""

    def write(**settings: Any) -> None:
        path = no_settings / ".tilde" / "config.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(settings))  # which is YAML too

    write(api_key_keyring=ENTRY)
    return write


def organization(request: Request) -> Response:
    return answer(200, ORG)


def sent(transport: FakeTransport) -> list[str]:
    return [request.headers["Authorization"].removeprefix("Bearer ") for request in transport.requests]


def key_in_use(**options: Any) -> str:
    client, transport, _ = fake_client(organization, **{"api_key": None, **options})
    client.organizations.get("x")
    return sent(transport)[0]


def test_the_key_is_read_once_and_when_it_is_needed(memory: Memory, configure: Configure) -> None:
    keyring.set_password("tilde", "me", f"{SECRET}\n")
    client, transport, _ = fake_client(organization, api_key=None)
    assert memory.asked == 0
    client.organizations.get("x")
    client.organizations.get("x")
    assert (memory.asked, sent(transport)) == (1, [SECRET, SECRET])
    assert client.access_token() is None
    assert SECRET not in repr(client) + repr(client.config)


def test_a_refusal_reads_it_again(memory: Memory, configure: Configure) -> None:
    keyring.set_password("tilde", "me", "tuk-old")

    def replaced(request: Request) -> Response:
        keyring.set_password("tilde", "me", "tuk-new")
        return answer(200, ORG) if request.headers["Authorization"] == "Bearer tuk-new" else answer(401)

    client, transport, _ = fake_client(replaced, api_key=None)
    client.organizations.get("x")
    assert sent(transport) == ["tuk-old", "tuk-new"]


def test_the_same_key_is_not_sent_again(memory: Memory, configure: Configure) -> None:
    keyring.set_password("tilde", "me", SECRET)
    client, transport, _ = fake_client([answer(401)], api_key=None)
    with pytest.raises(AuthenticationError):
        client.organizations.get("x")
    assert sent(transport) == [SECRET]


def test_order(memory: Memory, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring.set_password("tilde", "me", SECRET)
    configure(api_key_keyring=ENTRY, credential_process=["false"])
    monkeypatch.setenv("TILDE_SANDBOX_CREDENTIALS_URI", "http://127.0.0.1:1/none")
    assert key_in_use() == SECRET
    configure(api_key_keyring=ENTRY, api_key="tuk-file")
    assert key_in_use() == "tuk-file"
    monkeypatch.setenv("TILDE_API_KEY", "tuk-env")
    assert key_in_use() == "tuk-env"
    assert key_in_use(credentials="keyring") == SECRET
    configure(profiles={"staging": {"api_key_keyring": {"service": "tilde-staging", "username": "me"}}})
    keyring.set_password("tilde-staging", "me", "tuk-staging")
    assert key_in_use(profile="staging") == "tuk-staging"


def test_setting_and_source(configure: Configure) -> None:
    found = resolve_config().api_key_keyring
    assert (found.value, found.source) == (KeyringEntry("tilde", "me", SOURCE), SOURCE)


@pytest.mark.parametrize(
    "entry", ["tilde", 5, {}, [], {"service": "tilde"}, {**ENTRY, "username": 5}, {**ENTRY, "x": "y"}, {"service": ""}]
)
def test_what_is_no_entry(configure: Configure, entry: Any) -> None:
    configure(api_key_keyring=entry)
    with pytest.raises(ConfigurationError, match=f"^{SOURCE} must hold `service` and `username`"):
        Client()


class TestFailures:
    def failure(self) -> CredentialsError:
        client, transport, _ = fake_client([], api_key=None)
        with pytest.raises(CredentialsError) as caught:
            client.organizations.get("x")
        assert transport.requests == []
        return caught.value

    @pytest.mark.parametrize("password", [None, "", " \n"])
    def test_no_entry(self, memory: Memory, configure: Configure, password: str | None) -> None:
        if password is not None:
            keyring.set_password("tilde", "me", password)
        assert "the keyring has no password of 'me' for 'tilde'" in str(self.failure())
        assert "`keyring set tilde me` puts it there" in str(self.failure())

    @pytest.mark.parametrize("between", [" ", "\n", "é"])
    def test_a_key_that_cannot_be_sent(self, memory: Memory, configure: Configure, between: str) -> None:
        keyring.set_password("tilde", "me", f"{SECRET}{between}{SECRET}")
        failure = self.failure()
        assert "cannot be sent" in str(failure)
        assert SECRET not in str(failure)

    def test_no_keyring(self, configure: Configure) -> None:
        keyring.set_keyring(none())
        assert "this machine has no keyring" in str(self.failure())

    @pytest.mark.parametrize(
        ("failure", "told"),
        [
            (KeyringLocked("no"), "is locked: unlock it"),
            (KeyringError(SECRET), "did not give out the password of 'me' for 'tilde'"),
            (OSError(SECRET), r"(OSError); `keyring diagnose`"),
        ],
    )
    def test_errors_of_the_keyring(self, memory: Memory, configure: Configure, failure: Exception, told: str) -> None:
        memory.failure = failure
        error = self.failure()
        assert told in str(error)
        assert SECRET not in str(error)
        assert error.__cause__ is failure

    def test_without_the_library(self, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "keyring", None)
        client, _, _ = fake_client([], api_key=None)
        with pytest.raises(ConfigurationError, match=f"{SOURCE} needs the library keyring, .* the extra `keyring`"):
            client.organizations.get("x")


def test_it_is_a_plugin_like_any_other() -> None:
    (info,) = [info for info in Client().describe_plugins() if info.name == "keyring-credentials"]
    assert (info.distribution, info.hooks, info.status) == ("tilde-core", ("tilde_credentials",), "active")


def test_the_library_is_imported_only_where_it_is_used() -> None:
    program = """
import sys, tilde
from tilde_core.testing import FakeTransport
try:
    tilde.Client(transport=FakeTransport([])).organizations.get("x")
except tilde.exceptions.ConfigurationError:
    sys.exit(", ".join(name for name in sys.modules if "keyring" in name and not name.startswith("tilde")) or 0)
sys.exit(1)
"""
    ran = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
