"""One request to a metadata endpoint on loopback that does what it is told, right or wrong."""

from __future__ import annotations

import http.client
import io
import json
import socket
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from itertools import count
from typing import Any

import pytest

pytest.importorskip("tilde_auth_sandbox.metadata")

import tilde_auth_sandbox.metadata
from metadata_server import PATH, TOKEN, token_answer, token_body
from support import FakeClock
from tilde.exceptions import APIError, CredentialsError, SerializationError, TildeError
from tilde.plugins import Clock, NotSentError, OutcomeUnknownError, TransportSettings
from tilde_auth_sandbox.metadata import MAX_ANSWER_BYTES, MetadataEndpoint
from tilde_core.testing import Behavior, LoopbackServer, behaviors
from tilde_core.testing.contract.failures import unused_port

SECRETS = (TOKEN, "unguessable", "signature")


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


def endpoint(server: LoopbackServer, clock: Clock | None = None, host: str = "127.0.0.1") -> MetadataEndpoint:
    return MetadataEndpoint(f"http://{host}:{server.port}{PATH}?signature=1", clock or Clock(), TransportSettings())


def failure(server: LoopbackServer, behavior: Behavior, clock: Clock | None = None) -> TildeError:
    """What `fetch` raises; neither it, nor what it came from, nor what a traceback prints has a secret."""
    server.enqueue(behavior)
    with pytest.raises(TildeError) as caught:
        endpoint(server, clock).fetch()
    printed = "".join(traceback.format_exception(caught.type, caught.value, caught.tb))
    link: BaseException | None = caught.value
    while link is not None:
        printed += repr(vars(link)) + repr(link.args)
        link = link.__cause__ or link.__context__
    assert [secret for secret in SECRETS if secret in printed] == []
    return caught.value


def test_a_token_and_whose_it_is(server: LoopbackServer) -> None:
    server.enqueue(token_answer(expires_at="2036-01-31T12:00:00.123456789Z", more="unknown"))
    credentials = endpoint(server).fetch()
    assert credentials.token == TOKEN
    assert credentials.expires_at == datetime(2036, 1, 31, 12, 0, 0, 123457, tzinfo=timezone.utc)
    assert (credentials.principal_type, credentials.principal_id) == ("agent", "8b6f")
    assert (credentials.principal_name, credentials.organization_id) == ("cleaner", "1c2d")
    assert credentials.api_url == "http://127.0.0.1:8000"
    assert TOKEN not in repr(credentials)


def test_the_request(server: LoopbackServer) -> None:
    server.enqueue(token_answer())
    endpoint(server).fetch()
    (request,) = server.requests
    assert request.line == f"GET {PATH}?signature=1 HTTP/1.1"
    assert request.header("Host") == [f"127.0.0.1:{server.port}"]
    assert request.header("Accept") == ["application/json"]
    assert request.header("Accept-Encoding") == ["identity"]
    assert request.header("User-Agent")[0].startswith("tilde-python-sdk/")
    assert request.header("Authorization") == []


def test_nothing_is_printed_while_http_is_debugged(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    server.enqueue(token_answer())
    endpoint(server).fetch()
    assert capsys.readouterr() == ("", "")


def test_localhost_is_never_looked_up(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(host: str, *args: Any, **options: Any) -> Any:
        assert host in ("127.0.0.1", "::1"), host
        return real(host, *args, **options)

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    server.enqueue(token_answer())
    assert endpoint(server, host="localhost").fetch().token == TOKEN


def test_localhost_may_be_the_ipv6_one() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 on loopback")
    with listener, LoopbackServer() as server:
        listener.setblocking(True)
        forward(listener, server)
        server.enqueue(token_answer())
        uri = f"http://localhost:{listener.getsockname()[1]}{PATH}"
        assert MetadataEndpoint(uri, Clock(), TransportSettings()).fetch().token == TOKEN
        assert server.requests[0].header("Host") == [f"localhost:{listener.getsockname()[1]}"]


def forward(listener: socket.socket, server: LoopbackServer) -> None:
    """Let the server accept one connection from this listener too."""

    def accept() -> None:
        connection, _ = listener.accept()
        server._open.add(connection)
        server._serve(connection)

    server._start(accept)


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"])
def test_no_proxy_is_used(server: LoopbackServer, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with LoopbackServer() as proxy:
        monkeypatch.setenv(variable, proxy.url())
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        server.enqueue(token_answer())
        assert endpoint(server).fetch().token == TOKEN
        assert proxy.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(server: LoopbackServer, status: int) -> None:
    server.script("/elsewhere", token_answer())
    error = failure(server, behaviors.redirect(server.url("/elsewhere?signature=2"), status))
    assert isinstance(error, CredentialsError)
    assert f"status {status}" in str(error)
    assert "no redirect is followed" in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [201, 204])
def test_only_200_is_of_use(server: LoopbackServer, status: int) -> None:
    assert isinstance(failure(server, behaviors.answer(status, token_body())), CredentialsError)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 410, 429, 500, 503])
def test_an_error_status(server: LoopbackServer, status: int) -> None:
    error = failure(server, behaviors.answer(status, token_body()))
    assert isinstance(error, APIError)
    assert error.status_code == status
    assert ("is this sandbox over" in str(error)) is (status in (401, 403, 404, 410))
    assert str(error).endswith(f"(HTTP {status})")


def test_nobody_listens() -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    with pytest.raises(NotSentError, match=f"{url.removeprefix('http://')} refused the connection") as caught:
        MetadataEndpoint(f"{url}{PATH}", Clock(), TransportSettings()).fetch()
    assert caught.value.url == url


@pytest.mark.parametrize(
    "behavior",
    [
        behaviors.hang_up(),
        behaviors.reset_after_request(),
        behaviors.garbage(token_body()),
        behaviors.garbage(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000),
        behaviors.truncated(token_body()[:50], 500),
        behaviors.truncated_chunk(token_body()[:50]),
    ],
    ids=["hang up", "reset", "no HTTP", "endless header", "truncated", "truncated chunk"],
)
def test_a_broken_answer(server: LoopbackServer, behavior: Behavior) -> None:
    assert isinstance(failure(server, behavior), OutcomeUnknownError)


def test_a_silent_endpoint_has_two_seconds(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tilde_auth_sandbox.metadata.TIMEOUT == 2.0
    monkeypatch.setattr(tilde_auth_sandbox.metadata, "TIMEOUT", 0.05)
    error = failure(server, behaviors.stall(server.gate()), FakeClock().clock)
    assert isinstance(error, OutcomeUnknownError)
    assert "did not answer within 0.05 seconds" in str(error)


def test_a_slow_endpoint_has_two_seconds_in_all(server: LoopbackServer) -> None:
    """Each step takes 0.6 seconds, and such an answer takes two reads at least: the second comes too late."""
    ticks = count()
    clock = Clock(monotonic=lambda: next(ticks) * 0.6)  # start, connect, send, read
    error = failure(server, token_answer(padding="x" * 3 * io.DEFAULT_BUFFER_SIZE), clock)
    assert isinstance(error, OutcomeUnknownError)
    assert "did not answer within 2.0 seconds" in str(error)


@pytest.mark.parametrize("announced", [True, False])
def test_an_oversize_answer(server: LoopbackServer, announced: bool) -> None:
    body = token_body(padding="x" * MAX_ANSWER_BYTES)
    behavior = behaviors.answer(200, body) if announced else behaviors.answer_until_close(body)
    error = failure(server, behavior)
    assert isinstance(error, SerializationError)
    assert "more than 65536 bytes" in str(error)


@pytest.mark.parametrize("make", [behaviors.answer_until_close, lambda body: behaviors.chunked([body[:9], body[9:]])])
def test_an_answer_without_a_length(server: LoopbackServer, make: Callable[[bytes], Behavior]) -> None:
    server.enqueue(make(token_body()))
    assert endpoint(server).fetch().token == TOKEN


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not a JSON object"),
        (b"<html>tst-very-secret-token</html>", "not a JSON object"),
        (token_body()[:-1], "not a JSON object"),
        (token_body() + b"x", "not a JSON object"),
        (b"\xff\xfe" + token_body(), "not a JSON object"),
        (b"[" * 50_000, "not a JSON object"),
        (json.dumps(TOKEN).encode(), "not a JSON object"),
        (b"[" + token_body() + b"]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (token_body(access_token=...), "access_token is missing"),
        (token_body(access_token=None), "access_token is missing"),
        (token_body(access_token=""), "access_token is missing, empty"),
        (token_body(access_token=TOKEN + " "), "printable ASCII"),
        (token_body(access_token=TOKEN + "\r\nX: y"), "printable ASCII"),
        (token_body(access_token=TOKEN + "\n"), "printable ASCII"),
        (token_body(access_token=TOKEN + "é"), "printable ASCII"),
        (token_body(access_token=[TOKEN]), "access_token is not a text"),
        (token_body(expires_at=...), "expires_at is not a time"),
        (token_body(expires_at=None), "expires_at is not a time"),
        (token_body(expires_at="2036-01-31T12:00:00"), "with its zone"),
        (token_body(expires_at="soon"), "expires_at is not a time"),
        (token_body(expires_at=1790000000), "expires_at is not a text"),
        (token_body(principal_id=7), "principal_id is not a text"),
        (token_body(api_url={}), "api_url is not a text"),
    ],
)
def test_an_answer_that_cannot_be_used(server: LoopbackServer, body: bytes, message: str) -> None:
    error = failure(server, behaviors.answer(200, body))
    assert isinstance(error, SerializationError)
    assert message in str(error)


def test_what_is_left_out_or_null_is_empty(server: LoopbackServer) -> None:
    server.enqueue(token_answer(principal_name=..., organization_id=None))
    credentials = endpoint(server).fetch()
    assert (credentials.principal_name, credentials.organization_id) == ("", "")


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example"])
def test_a_name_that_leads_nowhere(host: str) -> None:
    with pytest.raises(NotSentError):
        MetadataEndpoint(f"https://{host}{PATH}", Clock(), TransportSettings()).fetch()
