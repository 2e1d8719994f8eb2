"""Credentials, redirects, retries, errors and deadlines, on a transport that answers from a list."""

from __future__ import annotations

import gzip
import logging
import re
from typing import Any

import pytest

import tilde
from support import FakeClock, answer, fake_client
from tilde import Client
from tilde.exceptions import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    GoneError,
    LockedError,
    NotFoundError,
    NotSentError,
    OutcomeUnknownError,
    PluginError,
    PreconditionFailedError,
    RateLimitError,
    SerializationError,
    ServerError,
    TildeError,
)
from tilde.plugins import CredentialOffer, RetryDecision, RetryOffer, Timeout, hookimpl
from tilde_core.http import Request, Response
from tilde_core.operation import Operation
from tilde_core.testing import FakeTransport

ORG = {"id": "1", "name": "my-team", "display_name": "My Team"}
GET = Operation(name="things.get", method="GET", path="/things")
POST = Operation(name="things.create", method="POST", path="/things", body={"a": 1})


def test_what_goes_out() -> None:
    client, transport, _ = fake_client([answer(200, ORG)], user_agent="my-app/2.0")
    client.organizations.get("my-team")
    (request,) = transport.requests
    assert request.method == "GET"
    assert request.url == "https://tilde.test/api/v1/organizations/my-team"
    assert request.headers["Authorization"] == "Bearer tuk-test"
    assert request.headers["User-Agent"].startswith(f"tilde-python-sdk/{tilde.__version__} ")
    assert request.headers["User-Agent"].endswith(" my-app/2.0")
    assert (request.operation, request.attempt, request.presigned) == ("organizations.get", 1, False)


def test_path_segments_are_encoded_one_by_one() -> None:
    client, transport, _ = fake_client([answer(200, ORG)])
    client.organizations.get("a/b?c#d é")
    assert transport.requests[0].url.endswith("/organizations/a%2Fb%3Fc%23d%20%C3%A9")


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_segments_that_change_the_url_are_refused(name: str) -> None:
    client, transport, _ = fake_client([])
    with pytest.raises(ValueError, match="would change the URL"):
        client.organizations.get(name)
    with pytest.raises(TypeError, match="must be a str"):
        client.organizations.get(None)  # type: ignore[arg-type]
    assert transport.requests == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequestError),
        (401, AuthenticationError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (410, GoneError),
        (412, PreconditionFailedError),
        (418, APIError),
        (423, LockedError),
        (429, RateLimitError),
        (500, ServerError),
        (503, ServerError),
        (599, ServerError),
    ],
)
def test_statuses_become_errors(status: int, kind: type[APIError]) -> None:
    body = {"message": "it went wrong", "code": "some_code", "request_id": "req-1"}
    client, _, _ = fake_client([answer(status, body)], max_retries=0)
    with pytest.raises(APIError) as caught:
        client.organizations.get("my-team")
    error = caught.value
    assert type(error) is kind
    assert (error.status_code, error.message, error.code, error.request_id) == (
        status,
        "it went wrong",
        "some_code",
        "req-1",
    )
    assert error.operation == "organizations.get"
    assert str(error) == f"organizations.get: it went wrong (HTTP {status} some_code, request id req-1)"


def test_the_request_id_of_the_header_serves_where_the_body_has_none() -> None:
    client, _, _ = fake_client([answer(404, X_Request_Id="req-2")])
    with pytest.raises(NotFoundError, match="the service answered 404 Not Found") as caught:
        client.organizations.get("x")
    assert caught.value.request_id == "req-2"


@pytest.mark.parametrize(
    "body", [b"<html>proxy</html>", b"", b"[1]", b'{"message": null}', b'{"message": [5]}', b"\xff"]
)
def test_odd_error_bodies_do_no_harm(body: bytes) -> None:
    client, _, _ = fake_client([Response(400, {}, body)])
    with pytest.raises(BadRequestError, match="the service answered 400 Bad Request"):
        client.organizations.get("x")


PAGE = b"<html><head><title>400 No required\n SSL certificate</title></head>"


@pytest.mark.parametrize(
    ("headers", "body", "shown"),
    [
        ({"Content-Type": "text/html"}, PAGE, ", with a page '400 No required SSL certificate'"),
        (
            {"Content-Type": "text/html; charset=utf-8", "Content-Encoding": "gzip"},
            gzip.compress(PAGE),
            ", with a page '4",
        ),
        ({"Content-Type": "text/html", "Content-Encoding": "gzip"}, PAGE, " "),
        ({"Content-Type": "text/html"}, b"<title> </title>", " "),
        ({"Content-Type": "text/plain"}, PAGE, " "),
    ],
    ids=["page", "compressed", "broken", "empty", "no page"],
)
def test_the_title_of_a_page_is_told(headers: dict[str, str], body: bytes, shown: str) -> None:
    """It is not from the service, and says what something in front of it wants."""
    client, _, _ = fake_client([Response(400, headers, body)])
    with pytest.raises(BadRequestError, match=re.escape(f"the service answered 400 Bad Request{shown}")):
        client.organizations.get("x")


def test_a_code_that_is_a_number_does_not_cost_the_message() -> None:
    client, _, _ = fake_client([answer(400, {"message": "bad thing", "code": 4001, "request_id": "r9"})])
    with pytest.raises(BadRequestError, match=r"bad thing \(HTTP 400 4001, request id r9\)"):
        client.organizations.get("x")


def test_a_status_nobody_has_heard_of() -> None:
    client, _, _ = fake_client([answer(499)])
    with pytest.raises(APIError, match="the service answered 499 "):
        client.organizations.get("x")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"id": 5}', b"\xff\xff", b'{"id":' + b"[" * 100_000])
def test_an_answer_that_is_not_the_json_it_should_be(body: bytes) -> None:
    client, _, _ = fake_client([Response(200, {"X-Request-Id": "req-3"}, body)])
    with pytest.raises(SerializationError) as caught:
        client.organizations.get("x")
    assert (caught.value.operation, caught.value.request_id) == ("organizations.get", "req-3")


def test_gzip_is_undone_for_every_transport() -> None:
    packed = gzip.compress(b'{"id": "1", "name": "my-team"}')
    client, transport, _ = fake_client([Response(200, {"Content-Encoding": "gzip"}, packed)])
    assert client.organizations.get("my-team").name == "my-team"
    assert transport.requests[0].headers["Accept-Encoding"] == "gzip"
    client, _, _ = fake_client([Response(200, {"Content-Encoding": "gzip"}, b"not gzip")])
    with pytest.raises(SerializationError, match="gzip"):
        client.organizations.get("my-team")


@pytest.mark.parametrize("status", [200, 204, 404])
def test_gzip_without_a_body_is_nothing(status: int) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Length": "7"}
    client, transport, _ = fake_client(lambda request: Response(status, headers))
    assert client.repository("a/b").attach("s").objects.exists("x") == (status != 404)
    assert transport.requests[0].headers["Accept-Encoding"] == "identity"
    if status != 404:
        client.repository("a/b").delete()


def test_an_error_that_is_mislabelled_as_gzip_is_repeated_like_others() -> None:
    client, _, _ = fake_client([Response(502, {"Content-Encoding": "gzip"}, b"<html>"), answer(200, ORG)])
    assert client.organizations.get("my-team").name == "my-team"


def test_a_passing_fault_is_repeated() -> None:
    client, transport, clock = fake_client([answer(503), NotSentError("x"), OutcomeUnknownError("x"), answer(200, ORG)])
    assert client.organizations.get("my-team").name == "my-team"
    assert [request.attempt for request in transport.requests] == [1, 2, 3, 4]
    assert len(clock.sleeps) == 3


def test_retry_after_is_what_is_slept() -> None:
    client, _, clock = fake_client([answer(429, Retry_After="3"), answer(200, ORG)])
    client.organizations.get("my-team")
    assert clock.sleeps == [3.0]


def test_a_retry_after_that_is_too_long_is_in_the_error() -> None:
    client, _, clock = fake_client([answer(429, {"message": "slow down"}, Retry_After="300")])
    with pytest.raises(RateLimitError, match="asks to wait 300 s, more than 120 s") as caught:
        client.organizations.get("my-team")
    assert caught.value.message == "slow down"
    assert caught.value.retry_after == 300.0
    assert clock.sleeps == []


def test_retry_after_is_honoured_up_to_the_deadline_counted_from_the_end_of_the_first_attempt() -> None:
    clock = FakeClock()

    def slow(request: Request) -> Response:
        clock.now += 7
        return answer(429, Retry_After="120") if request.attempt == 1 else answer(200, ORG)

    client = Client("k", endpoint_url="https://tilde.test", transport=FakeTransport(slow), clock=clock.clock)
    client.organizations.get("x")
    assert clock.sleeps == [120.0]


def test_a_wait_past_the_deadline_is_in_the_error_with_its_figure() -> None:
    client, _, clock = fake_client([answer(503, Retry_After="30"), answer(429, Retry_After="100")])
    with pytest.raises(RateLimitError, match="asks to wait 100 s, which is past the deadline of 120 s"):
        client.organizations.get("my-team")
    assert clock.sleeps == [30.0]


def test_giving_up_says_so() -> None:
    client, transport, _ = fake_client(lambda request: answer(503))
    with pytest.raises(ServerError, match="gave up after 4 attempts"):
        client.organizations.get("my-team")
    assert len(transport.requests) == 4


def test_max_retries_of_client_and_of_with_options() -> None:
    client, transport, _ = fake_client(lambda request: answer(503), max_retries=1)
    with pytest.raises(ServerError):
        client.organizations.get("x")
    assert len(transport.requests) == 2
    with pytest.raises(ServerError):
        client.with_options(max_retries=0).organizations.get("x")
    assert len(transport.requests) == 3


@pytest.mark.parametrize("value", [-1, 1.5, True, "3"])
def test_bad_max_retries(value: Any) -> None:
    with pytest.raises(ValueError, match="max_retries"):
        tilde.Client(max_retries=value)


def test_timeouts_go_to_the_transport_and_repeats_get_what_the_deadline_leaves() -> None:
    client, transport, _ = fake_client([answer(503, Retry_After="100"), answer(200, ORG)], timeout=50)
    client.organizations.get("x")
    first, second = (request.timeout for request in transport.requests)
    assert first == Timeout(50, 50, 50, 50)
    assert second == Timeout(20, 20, 20, 20)
    client.with_options(timeout=Timeout(connect=1)).organizations  # noqa: B018 - makes no request
    with pytest.raises(ValueError, match="timeout"):
        client.with_options(timeout=0)


@pytest.mark.parametrize("outcome", [answer(500), answer(408), OutcomeUnknownError("x")])
def test_a_post_that_may_have_happened_is_not_repeated(outcome: Response | Exception) -> None:
    client, transport, _ = fake_client([outcome])
    with pytest.raises((APIError, OutcomeUnknownError)):
        client.pipeline.execute(POST)
    assert len(transport.requests) == 1


@pytest.mark.parametrize("outcome", [answer(429), NotSentError("x")])
def test_a_post_that_did_not_happen_is_repeated(outcome: Response | Exception) -> None:
    client, transport, _ = fake_client([outcome, answer(201, {})])
    client.pipeline.execute(POST)
    assert [request.content for request in transport.requests] == [b'{"a":1}', b'{"a":1}']
    assert transport.requests[0].headers["Content-Type"] == "application/json"


def test_a_repeated_delete_that_finds_nothing_is_a_success() -> None:
    client, _, _ = fake_client([OutcomeUnknownError("x"), answer(404)])
    client.repository("a/b").delete()
    for first in ([], [answer(429)], [NotSentError("x")]):
        client, _, _ = fake_client([*first, answer(404)])
        with pytest.raises(NotFoundError):  # nothing was done before
            client.repository("a/b").delete()


def test_transport_errors_name_the_operation() -> None:
    client, _, _ = fake_client(
        [NotSentError("connection refused", method="GET", url="https://tilde.test/x")], max_retries=0
    )
    with pytest.raises(NotSentError) as caught:
        client.organizations.get("x")
    assert str(caught.value) == "organizations.get: connection refused (GET https://tilde.test/x)"


def broken_body(*pieces: bytes) -> Any:
    yield from pieces
    raise OutcomeUnknownError("the answer ended early")


def test_an_answer_that_breaks_off_keeps_its_request_id() -> None:
    client, _, _ = fake_client([Response(200, {"X-Request-Id": "req-7"}, broken_body())], max_retries=0)
    with pytest.raises(OutcomeUnknownError, match=r"organizations\.get: .*req-7"):
        client.organizations.get("x")


def test_an_answer_that_breaks_off_is_fetched_again() -> None:
    client, _, _ = fake_client([Response(200, {}, broken_body(b'{"id"')), answer(200, ORG)])
    assert client.organizations.get("my-team").id == "1"


class TestRedirects:
    STORE = "https://store.example/bucket/key?signature=s3cret"

    def fetch(self, *answers: Response, headers: dict[str, str] | None = None) -> list[Request]:
        client, transport, _ = fake_client(list(answers))
        operation = Operation(name="o.get", method="GET", path="/object", stream=True, headers=headers or {})
        assert client.pipeline.execute(operation).read() == b"bytes"
        return transport.requests

    def test_the_token_does_not_follow_to_the_store(self) -> None:
        _, second = self.fetch(
            Response(307, {"Location": self.STORE}), Response(200, {}, b"bytes"), headers={"Range": "bytes=0-4"}
        )
        assert second.url == self.STORE
        assert second.presigned
        assert "Authorization" not in second.headers
        assert "Accept" not in second.headers
        assert second.headers["Range"] == "bytes=0-4"
        assert second.headers["Accept-Encoding"] == "identity"
        assert "s3cret" not in repr(second)

    def test_not_even_to_the_same_host(self) -> None:
        _, second = self.fetch(Response(307, {"Location": "/store/x?sig=1"}), Response(200, {}, b"bytes"))
        assert second.url == "https://tilde.test/store/x?sig=1"
        assert "Authorization" not in second.headers

    def test_it_stays_within_the_api(self) -> None:
        _, second = self.fetch(Response(308, {"Location": "/api/v1/other"}), Response(200, {}, b"bytes"))
        assert second.headers["Authorization"] == "Bearer tuk-test"
        assert not second.presigned

    def test_a_look_alike_of_the_api_gets_no_token(self) -> None:
        _, second = self.fetch(
            Response(307, {"Location": "https://tilde.test.evil.example/api/v1/x"}), Response(200, {}, b"bytes")
        )
        assert "Authorization" not in second.headers

    def test_a_loop_ends(self) -> None:
        client, transport, _ = fake_client(lambda request: Response(307, {"Location": request.url}))
        with pytest.raises(APIError, match=r"redirect to https://tilde\.test/api/v1/things"):
            client.pipeline.execute(GET)
        assert len(transport.requests) == 6

    @pytest.mark.parametrize("location", ["http://[bad", "http://[bad?signature=s3cret", ""])
    def test_to_nowhere_that_makes_sense(self, location: str) -> None:
        client, _, _ = fake_client([Response(307, {"Location": location})])
        with pytest.raises(APIError, match="the service answered with a redirect to") as caught:
            client.pipeline.execute(GET)
        assert "s3cret" not in str(caught.value)

    def test_a_write_is_not_redirected(self) -> None:
        client, transport, _ = fake_client([Response(307, {"Location": self.STORE})])
        with pytest.raises(APIError, match="check the endpoint URL") as caught:
            client.pipeline.execute(POST)
        assert "s3cret" not in str(caught.value)
        assert len(transport.requests) == 1


def test_a_presigned_url_is_sent_as_it_is_without_the_token() -> None:
    client, transport, _ = fake_client([Response(200)])
    url = "https://store.example/a%2Fb?X-Sig=a%2Bb&z=1"
    client.pipeline.execute(Operation(name="o.put", method="PUT", url=url, content=b"x"))
    assert transport.requests[0].url == url
    assert "Authorization" not in transport.requests[0].headers


def test_a_store_error_does_not_repeat_its_body_or_the_url() -> None:
    client, _, _ = fake_client([Response(403, {}, b"<Error>StringToSign s3cret</Error>")])
    with pytest.raises(ForbiddenError, match="the object store answered 403") as caught:
        client.pipeline.execute(Operation(name="o.put", method="PUT", url="https://s.example/k?sig=s3cret"))
    assert "s3cret" not in str(caught.value) + repr(caught.value)
    assert caught.value.url == "https://s.example/k"


class TestCredentials:
    def test_no_key_is_an_error_at_the_first_request_only(self) -> None:
        client, transport, _ = fake_client([], api_key=None)
        with pytest.raises(ConfigurationError) as caught:
            client.organizations.get("x")
        assert caught.value.operation == "organizations.get"
        for place in ("api_key", "TILDE_API_KEY", "~/.tilde/config.yaml", "credential plugin"):
            assert place in str(caught.value)
        assert transport.requests == []

    @pytest.mark.parametrize(
        ("chosen", "advice"),
        [
            ("keyring", "write `api_key_keyring` into ~/.tilde/config.yaml"),
            ("process", "write `credential_process` into ~/.tilde/config.yaml"),
            ("function", "set TILDE_API_KEY and leave that choice out"),
        ],
    )
    def test_a_plugin_that_was_chosen_and_has_no_key(self, chosen: str, advice: str) -> None:
        client, _, _ = fake_client([], api_key=None, credentials=chosen)
        with pytest.raises(ConfigurationError) as caught:
            client.organizations.get("x")
        assert f"plugin '{chosen}', chosen by the argument credentials, has none; {advice}" in str(caught.value)

    def test_a_refused_token_is_renewed_once(self) -> None:
        provider = Rotating("one", "two")
        client, transport, _ = fake_client(
            [answer(401), answer(200, ORG)], api_key=None, plugins=[Credentials(provider)]
        )
        client.organizations.get("my-team")
        assert [r.headers["Authorization"] for r in transport.requests] == ["Bearer one", "Bearer two"]

    def test_a_second_refusal_is_final(self) -> None:
        client, transport, _ = fake_client(
            lambda request: answer(401), api_key=None, plugins=[Credentials(Rotating("one", "two", "three"))]
        )
        with pytest.raises(AuthenticationError):
            client.organizations.get("my-team")
        assert len(transport.requests) == 2

    def test_a_static_key_suppresses_plugins(self) -> None:
        client, transport, _ = fake_client([answer(200, ORG)], plugins=[Credentials(Rotating("other"), priority=9999)])
        client.organizations.get("x")
        assert transport.requests[0].headers["Authorization"] == "Bearer tuk-test"

    def test_a_plugin_can_be_chosen_outright(self) -> None:
        client, transport, _ = fake_client(
            [answer(200, ORG)], credentials="rotating", plugins=[Credentials(Rotating("other"))]
        )
        client.organizations.get("x")
        assert transport.requests[0].headers["Authorization"] == "Bearer other"

    def test_a_plugin_that_fails_is_named(self) -> None:
        client, _, _ = fake_client([], api_key=None, plugins=[Credentials(Rotating())])
        with pytest.raises(
            PluginError, match=r"plugin Credentials \(given to the client\) failed in token\(\): IndexE"
        ):
            client.organizations.get("x")

    @pytest.mark.parametrize("token", ["a\nb", "", " a", "é", None])
    def test_tokens_are_checked_at_the_border(self, token: Any) -> None:
        client, transport, _ = fake_client([], api_key=None, plugins=[Credentials(Rotating(token))])
        with pytest.raises(PluginError, match="token"):
            client.organizations.get("x")
        assert transport.requests == []


class Rotating:
    def __init__(self, *tokens: Any) -> None:
        self.tokens = list(tokens)

    def token(self) -> Any:
        return self.tokens[0]

    def invalidate(self, token: str) -> bool:
        self.tokens.pop(0)
        return bool(self.tokens)


class Credentials:
    def __init__(self, provider: Rotating, priority: int = 0) -> None:
        self.offer = CredentialOffer("rotating", priority, lambda settings: provider)

    @hookimpl
    def tilde_credentials(self) -> CredentialOffer:
        return self.offer


class Policy:
    def __init__(self, decision: Any) -> None:
        self.decision = decision

    def decide(self, attempt: object) -> Any:
        return self.decision

    @hookimpl
    def tilde_retry_policy(self) -> RetryOffer:
        return RetryOffer("mine", 10, lambda settings: self)


def test_a_retry_policy_of_ones_own() -> None:
    client, _, clock = fake_client([answer(404), answer(200, ORG)], plugins=[Policy(RetryDecision(1.5, "x"))])
    client.organizations.get("x")
    assert clock.sleeps == [1.5]


@pytest.mark.parametrize("decision", [RetryDecision(-1.0), RetryDecision(float("nan")), 3, None])
def test_delays_are_checked_at_the_border(decision: Any) -> None:
    client, _, _ = fake_client([answer(404)], plugins=[Policy(decision)])
    with pytest.raises(
        PluginError, match=r"plugin Policy \(given to the client\) answered .* to decide\(\), not a RetryDecision"
    ):
        client.organizations.get("x")


def test_a_retry_policy_that_fails_is_named() -> None:
    class Broken(Policy):
        def decide(self, attempt: object) -> Any:
            raise KeyError("x")

    client, _, _ = fake_client([answer(404)], plugins=[Broken(None)])
    with pytest.raises(PluginError, match=r"plugin Broken .* failed in decide\(\): KeyError"):
        client.organizations.get("x")


def test_a_user_agent_that_no_header_can_carry_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="header User-Agent"):
        fake_client([], user_agent="a\nb")


@pytest.mark.parametrize("timeout", [-1, 0, True, Timeout])
def test_a_timeout_that_cannot_work_is_refused_at_once(timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"argument timeout: timeout connect.* must be a number of seconds"):
        fake_client([], timeout=timeout)


@pytest.mark.parametrize("timeout", ["5", True, Timeout])
def test_the_timeout_of_a_derived_client_is_a_number(timeout: Any) -> None:
    client, _, _ = fake_client([])
    with pytest.raises(TypeError, match="timeout connect must be a number of seconds"):
        client.with_options(timeout=timeout)


def test_no_secret_in_any_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client, _, _ = fake_client([answer(503), answer(401)])
    with pytest.raises(TildeError) as caught:
        client.organizations.get("x")
    assert "tuk-test" not in caplog.text + str(caught.value) + repr(caught.value)
