"""The checks of uploads and WebSockets, with answers that no healthy server gives."""

from __future__ import annotations

from typing import Any

import pytest

from support import answer, fake_client
from tilde import Client
from tilde.exceptions import NotSentError
from tilde.plugins import Request, Response
from tilde_core.doctor.service import check_websocket
from tilde_core.doctor.uploads import check_upload
from tilde_core.testing import FakeTransport, LoopbackServer, behaviors

SIGNED = "https://store.test/o?X-Signature=s3cret"
TICKET = {"upload_url": SIGNED, "upload_token": "t0ken"}
OPENED = answer(201, {"session_id": "s-1"})


def at_the_store(client: Client, transport: FakeTransport) -> list[tuple[str, str]]:
    """What was sent, as method and URL without the host of the service."""
    base = client.config.endpoint_url.value + "/api/v1/organizations/a/repositories/b"
    return [(request.method, request.url.removeprefix(base).partition("?")[0]) for request in transport.requests]


def world(*answers: Response | Exception) -> tuple[Client, FakeTransport]:
    client, transport, _ = fake_client([OPENED, *answers], max_retries=0)
    return client, transport


def test_without_a_repository_nothing_is_sent() -> None:
    client, transport, _ = fake_client([])
    assert check_upload(client, None, 1).verdict == "skipped"
    assert transport.requests == []


def test_the_store_is_reached_without_the_signature_and_the_session_rolled_back() -> None:
    client, transport = world(answer(200, TICKET), answer(403), answer(204))
    check = check_upload(client, "a/b", 1)
    assert (check.verdict, "https://store.test answers (403)" in check.detail) == ("ok", True)
    expected = [("POST", "/sessions"), ("PUT", "/object"), ("GET", "https://store.test/"), ("DELETE", "/sessions/s-1")]
    assert at_the_store(client, transport) == expected
    assert "authorization" not in {name.lower() for name in transport.requests[2].headers}


def test_a_store_that_cannot_be_reached() -> None:
    client, transport = world(answer(200, TICKET), NotSentError("store.test is not known"), answer(204))
    check = check_upload(client, "a/b", 1)
    assert (check.verdict, check.detail) == ("failed", "store.test is not known")
    assert "https://store.test directly" in check.advice
    assert transport.requests[-1].method == "DELETE"
    assert "s3cret" not in repr(check)


@pytest.mark.parametrize(("status", "advice"), [(403, "the right PutObject"), (500, "no place to upload to")])
def test_a_service_that_gives_no_place(status: int, advice: str) -> None:
    client, transport = world(answer(status), answer(204))
    check = check_upload(client, "a/b", 1)
    assert (check.verdict, advice in check.advice) == ("failed", True)
    assert transport.requests[-1].method == "DELETE"


def test_a_session_that_stays_is_named() -> None:
    client, _ = world(answer(200, TICKET), answer(200), answer(500))
    check = check_upload(client, "a/b", 1)
    assert check.verdict == "warning"
    assert "session s-1 was not rolled back" in check.detail
    assert "client.repository('a/b').attach('s-1').rollback()" in check.advice


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [(404, b'{"message": "no sandbox", "code": "not_found"}', "ok"), (404, b"<html>", "failed"), (501, b"", "failed")],
)
def test_handshakes_that_are_refused(status: int, body: bytes, verdict: str) -> None:
    def no_transport(request: Request) -> Any:
        raise AssertionError("WebSockets do not go through the transport")

    with LoopbackServer() as server:
        server.script(
            "/api/v1/organizations/tilde-doctor/repositories/tilde-doctor/sandboxes/tilde-doctor/exec",
            behaviors.answer(status, body),
        )
        client, _, _ = fake_client(no_transport, endpoint_url=server.url("").rstrip("/"), max_retries=0)
        with client:
            assert check_websocket(client, None).verdict == verdict
