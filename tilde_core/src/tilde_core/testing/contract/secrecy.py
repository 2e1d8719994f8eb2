"""A presigned URL is a credential: its query stands in no error, no cause of one, no repr and no log."""

from __future__ import annotations

import logging
import traceback

import pytest

from tilde_core.exceptions import TildeError
from tilde_core.hooks.offers import Transport
from tilde_core.http import Headers
from tilde_core.testing import behaviors
from tilde_core.testing.contract.base import SHORT, TransportRules
from tilde_core.testing.contract.failures import unused_port
from tilde_core.testing.exchange import Behavior
from tilde_core.testing.loopback import LoopbackServer

__all__ = ["SecrecyRules", "logged", "shown_by"]

SECRET = "s3cret"
TARGET = f"/object?X-Signature={SECRET}"
FAILURES: dict[str, Behavior] = {
    "hang up": behaviors.hang_up(),
    "reset": behaviors.reset(),
    "garbage": behaviors.garbage(),
    "half a head": behaviors.garbage(f"HTTP/1.1 307 Status\r\nno colon\r\nLocation: {TARGET}\r\n\r\n".encode()),
    "truncated": behaviors.truncated(b"half", 8),
    "half a chunk": behaviors.truncated_chunk(b"half"),
}


class SecrecyRules(TransportRules):
    """Rules about what is not shown."""

    @pytest.fixture(autouse=True)
    def _log_everything(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)

    def test_no_log_shows_the_query(
        self, transport: Transport, server: LoopbackServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Neither that of the request nor that of a redirect, at any level."""
        server.script("/object", behaviors.redirect(server.url(TARGET)))
        headers = Headers({"Authorization": f"Bearer {SECRET}"})
        self.get(transport, server.url(TARGET), headers=headers, presigned=True).read()
        self.get(transport, server.url(TARGET), method="PUT", content=SECRET.encode()).close()
        assert SECRET not in logged(caplog)

    @pytest.mark.parametrize("behavior", FAILURES.values(), ids=FAILURES.keys())
    def test_no_error_shows_the_query(
        self, transport: Transport, server: LoopbackServer, caplog: pytest.LogCaptureFixture, behavior: Behavior
    ) -> None:
        """Nor does any error behind it."""
        server.enqueue(behavior)
        self.fail(transport, server.url(TARGET))
        assert SECRET not in logged(caplog)

    def test_no_timeout_shows_the_query(
        self, transport: Transport, server: LoopbackServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nor does any error behind it."""
        server.enqueue(behaviors.stall(server.gate()))
        self.fail(transport, server.url(TARGET))
        assert SECRET not in logged(caplog)

    @pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "ftp://127.0.0.1", "http://me:s3cret@127.0.0.1:x"])
    def test_no_unsent_request_shows_the_query(
        self, transport: Transport, server: LoopbackServer, caplog: pytest.LogCaptureFixture, url: str
    ) -> None:
        """Nor the user info."""
        self.fail(transport, url.format(port=unused_port()) + TARGET)
        assert SECRET not in logged(caplog)

    def fail(self, transport: Transport, url: str) -> None:
        """Send a request that fails, and check everything that the error shows."""
        with pytest.raises(TildeError) as caught:
            self.get(transport, url, timeout=SHORT).read()
        assert SECRET not in shown_by(caught.value)


def shown_by(error: BaseException) -> str:
    """Return what a traceback shows of `error`, and all that it and the errors behind it hold."""
    shown = traceback.format_exception(type(error), error, None)
    behind: BaseException | None = error
    while behind is not None:
        shown += [repr(behind), str(vars(behind))]
        behind = behind.__cause__ or (None if behind.__suppress_context__ else behind.__context__)
    return "\n".join(shown)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Return every log record of the test with everything that a handler could make of it. Also after the test."""
    records = [record for phase in ("setup", "call", "teardown") for record in caplog.get_records(phase)]
    return "\n".join(f"{record.getMessage()} {record.__dict__!r} {record.exc_text}" for record in records)
