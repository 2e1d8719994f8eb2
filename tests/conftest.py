"""No test sees the machine's own Tilde settings, and no embedded server answers what it does not describe.

Also the servers that the tests of several folders import from.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

import tilde_core.default_client
from conformance import Conformance
from matrix import Matrix
from tilde_local.app import build_app
from tilde_local.sandboxes.active import Active
from tilde_local.sandboxes.logs import Log
from tilde_local.store.sandboxes import Outcome

if TYPE_CHECKING:
    from outside import GcsServer, S3Server

VARIABLES = (
    "TILDE_API_KEY",
    "TILDE_ENDPOINT_URL",
    "TILDE_API_URL",
    "TILDE_DEFAULT_SANDBOX_IMAGE",
    "TILDE_TRANSPORT",
    "TILDE_WEBSOCKET",
    "TILDE_CREDENTIALS",
    "TILDE_PROFILE",
    "TILDE_SANDBOX_CREDENTIALS_URI",
    "TILDE_DISABLE_PLUGINS",
    "TILDE_PROXY",
    "TILDE_NO_PROXY",
    "TILDE_CA_BUNDLE",
    "TILDE_CLIENT_CERT",
    "TILDE_CLIENT_KEY",
    "TILDE_CLIENT_KEY_PASSWORD",
    "TILDE_VERIFY",
    "TILDE_TRUST_ENV",
    "TILDE_TIMEOUT",
    "TILDE_MAX_CONNECTIONS",
    "TILDE_HTTP2",
    "TILDE_LOG",
    # Those of other programs, which count as long as nothing else is said.
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "REQUEST_METHOD",
)


# A machine that is busy takes its time for an example; and what passes today passes tomorrow.
hypothesis.settings.register_profile(
    "tests",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=True,
    database=None,
)
hypothesis.settings.load_profile("tests")


def pytest_configure(config: pytest.Config) -> None:
    """Compare the transports when all tests have run."""
    config.pluginmanager.register(Matrix())


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unset every variable, and give an empty home directory, which is returned."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(tilde_core.default_client, "_client", None)
    return home


@pytest.fixture(scope="session")
def conformance() -> Iterator[Conformance]:
    """Lets the answers of every embedded server of this process be checked."""
    found = Conformance()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tilde_local.serving.build_app", found.wrap(build_app))
        yield found


@pytest.fixture(autouse=True)
def conforming(conformance: Conformance) -> Iterator[None]:
    """Fails the test in which a server answered something that its own description does not have."""
    yield
    complaints, conformance.complaints = conformance.complaints, []
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """SIGINT interrupts, as in a terminal; a shell starts background jobs with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def over_once_it_has_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a sandbox that has a limit is over as soon as it has printed something, and not before."""
    printed, append, wait = threading.Event(), Log.append, Active.wait

    def note(log: Log, data: bytes) -> bool:
        fits = append(log, data)
        printed.set()
        return fits

    def no_longer_than_that(active: Active, seconds: float | None = None) -> Outcome | None:
        if seconds:
            assert printed.wait(60)
        return wait(active, 0)

    monkeypatch.setattr(Log, "append", note)
    monkeypatch.setattr(Active, "wait", no_longer_than_that)


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    from outside import S3Server

    with closing(S3Server()) as server:
        yield server


@pytest.fixture(scope="session")
def gcs() -> Iterator[GcsServer]:
    from outside import GcsServer

    with closing(GcsServer()) as server:
        yield server
