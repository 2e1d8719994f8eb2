"""What is logged, at which level, and what `TILDE_LOG` does. Processes of their own, where handlers are concerned."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from support import answer, fake_client
from tilde.exceptions import NotSentError, ServerError
from tilde.plugins import CredentialsRefreshed, RetryScheduled
from tilde_core.hooks import manager
from tilde_core.plugins import log_events

ORG = {"id": "1", "name": "my-team"}
CALL = """
import logging, sys
{before}
from tilde import Client
from tilde.plugins import Response
from tilde_core.testing import FakeTransport
for _ in range(2):
    transport = FakeTransport([Response(200, {{"X-Request-Id": "req-1"}}, b'{{"id": "1", "name": "x"}}')])
    with Client("tuk-secret", endpoint_url="https://tilde.test", transport=transport) as client:
        client.organizations.get("x")
"""


def printed(wanted: str, home: Path, before: str = "") -> list[str]:
    """What two clients print to standard error, without its time."""
    variables = {**os.environ, "TILDE_LOG": wanted, "HOME": str(home)}
    result = subprocess.run(
        [sys.executable, "-c", CALL.format(before=before)], env=variables, capture_output=True, text=True, check=True
    )
    assert result.stdout == ""
    return [line.split(" ", 2)[2] if line[:2] == "20" else line for line in result.stderr.splitlines()]


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "tilde"]


def test_one_line_for_each_attempt_and_each_retry(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "tilde")
    client, _, clock = fake_client([answer(503, X_Request_Id="req-7"), NotSentError("refused"), answer(200, ORG)])
    client.organizations.get("x")
    url = "https://tilde.test/api/v1/organizations/x"
    assert lines(caplog) == [
        ("DEBUG", f"organizations.get: GET {url}, attempt 1: 503 in 0.000 s (request id req-7)"),
        ("INFO", f"organizations.get: attempt 1 failed and is repeated in {clock.sleeps[0]:.2f} s: HTTP 503"),
        ("DEBUG", f"organizations.get: GET {url}, attempt 2: NotSentError: refused in 0.000 s"),
        ("INFO", f"organizations.get: attempt 2 failed and is repeated in {clock.sleeps[1]:.2f} s: NotSentError"),
        ("DEBUG", f"organizations.get: GET {url}, attempt 3: 200 in 0.000 s"),
    ]


def test_no_query_and_no_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "tilde")
    client, _, _ = fake_client([answer(302, Location="https://store.test/o?X-Signature=s3cret"), answer(200, ORG)])
    client.organizations.get("x")
    assert "GET https://store.test/o, attempt 1: 200" in caplog.text
    assert "s3cret" not in caplog.text
    assert "tuk-test" not in caplog.text


def test_new_tokens(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tilde")
    end = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
    log_events.tilde_event(CredentialsRefreshed(credentials="vault", expires_at=end))
    assert lines(caplog) == [("INFO", "a new token from vault, good until 2026-01-31T12:00:00+00:00")]


def test_a_reason_is_one_short_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tilde")
    log_events.tilde_event(RetryScheduled(operation="x", attempt=1, delay=0, reason="a\nb\x1b[0m\u2028" + "c" * 999))
    ((_, line),) = lines(caplog)
    assert line.isprintable()
    assert len(line) < 600


def test_info_has_no_attempts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tilde")
    client, _, _ = fake_client([answer(503), answer(200, ORG)])
    client.organizations.get("x")
    assert [level for level, _ in lines(caplog)] == ["INFO"]


def test_no_event_is_made_when_nobody_reads_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager, "installed_plugins", tuple)
    client, _, _ = fake_client([])
    hooks = client._runtime.hooks
    caplog.set_level(logging.WARNING, "tilde")
    assert not hooks.has_observers
    caplog.set_level(logging.INFO, "tilde")  # also after the client was made
    assert hooks.has_observers


def test_the_log_can_be_disabled_like_any_plugin(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILDE_DISABLE_PLUGINS", "log")
    caplog.set_level(logging.DEBUG, "tilde")
    client, _, _ = fake_client([answer(500)], max_retries=0)
    with pytest.raises(ServerError):
        client.organizations.get("x")
    assert lines(caplog) == []


ATTEMPT = "GET https://tilde.test/api/v1/organizations/x, attempt 1: 200 in 0."


def test_silence_is_the_default(tmp_path: Path) -> None:
    assert printed("", tmp_path) == []
    (tmp_path / ".tilde").mkdir()
    (tmp_path / ".tilde" / "config.yaml").write_text("- not a mapping\n")
    assert printed("", tmp_path) == []
    both = printed("Warning", tmp_path)
    assert both == ["tilde WARNING ~/.tilde/config.yaml is not used: it must hold `name: value` lines"] * 2


def test_debug_prints_each_attempt_once(tmp_path: Path) -> None:
    both = printed("debug", tmp_path)
    assert len(both) == 2
    assert all(line.startswith(f"tilde DEBUG organizations.get: {ATTEMPT}") for line in both)
    assert all(line.endswith("(request id req-1)") for line in both)


def test_what_the_application_prints_is_not_printed_twice(tmp_path: Path) -> None:
    both = printed("debug", tmp_path, "logging.basicConfig()")
    assert [line.split(": ")[0] for line in both] == ["DEBUG:tilde:organizations.get"] * 2


def test_what_the_application_writes_elsewhere_is_printed_too(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    assert len(printed("debug", tmp_path, f"logging.basicConfig(filename={str(file)!r})")) == 2
    assert len(file.read_text().splitlines()) == 2


def test_only_our_own_log_is_printed(tmp_path: Path) -> None:
    before = "import tilde; tilde.Client(); logging.getLogger('other').debug('seen'); logging.getLogger().debug('seen')"
    assert not [line for line in printed("debug", tmp_path, before) if "seen" in line]


def test_an_unknown_level_is_a_warning(tmp_path: Path) -> None:
    assert printed("verbose", tmp_path) == [
        "tilde WARNING TILDE_LOG=verbose is not known: it is one of debug, info, warning"
    ]
