"""Sessions of the user's own: what was set there stays in force, and nothing of the SDK's is lost."""

from __future__ import annotations

import gzip
import logging
import os
import pickle
import sys
import traceback
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from own_sessions import LIBRARIES, Library
from support import OUR_TRANSPORTS
from tilde import Client, Timeout
from tilde.exceptions import ConfigurationError, NotFoundError, NotSentError, OutcomeUnknownError
from tilde.plugins import (
    Event,
    Headers,
    Request,
    RequestFinished,
    RequestStarted,
    Transport,
    TransportError,
    hookimpl,
)
from tilde_core.testing import LoopbackServer, ProxyServer, behaviors
from tilde_core.testing.certificates import CertificateAuthority
from tilde_local import Server

HOST = "service.test"
SECRET = "s3cret"


@pytest.fixture(params=OUR_TRANSPORTS)
def library(request: pytest.FixtureRequest) -> Library:
    return LIBRARIES[request.param]


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


class Opened:
    """Opens sessions and transports on them, and closes both."""

    def __init__(self, library: Library, stack: ExitStack) -> None:
        self._library = library
        self._stack = stack

    def __call__(self, **settings: Any) -> Transport:
        session = self._library.session(**settings)
        self._stack.callback(session.close)
        transport = self._library.transport(session)
        self._stack.callback(transport.close)
        return transport


@pytest.fixture
def opened(library: Library, server: LoopbackServer) -> Iterator[Opened]:
    with ExitStack() as stack:
        yield Opened(library, stack)


def get(transport: Transport, url: str, **fields: Any) -> Any:
    return transport.send(Request(**{"method": "GET", "url": url, "operation": "own.test", **fields}))


def test_headers_of_the_session_are_added_and_ours_count(opened: Opened, server: LoopbackServer) -> None:
    transport = opened(headers={"X-Team": "data", "User-Agent": "theirs", "Accept": "text/html", "X-Both": "theirs"})
    headers = Headers(
        {"User-Agent": "ours", "Accept": "application/json", "X-Both": "ours", "Authorization": "Bearer t"}
    )
    get(transport, server.url(), headers=headers).read()
    sent = server.requests[0]
    assert [sent.header(name) for name in ("X-Team", "User-Agent", "Accept", "X-Both", "Authorization")] == [
        ["data"],
        ["ours"],
        ["application/json"],
        ["ours"],
        ["Bearer t"],
    ]


def test_credentials_among_the_headers_are_not_sent(opened: Opened, server: LoopbackServer) -> None:
    """Neither in place of the API key nor to whom a plugin asks for one."""
    names = ("Authorization", "Proxy-Authorization")
    transport = opened(headers=dict.fromkeys(names, f"Basic {SECRET}"))
    get(transport, server.url(), headers=Headers({"Authorization": "Bearer t"})).read()
    get(transport, server.url()).read()
    assert [server.requests[0].header(name) for name in names] == [["Bearer t"], []]
    assert [server.requests[1].header(name) for name in names] == [[], []]


def test_nothing_is_added_to_a_presigned_request(opened: Opened, server: LoopbackServer) -> None:
    transport = opened(headers={"X-Team": "data", "Cookie": "a=b"})
    get(transport, server.url("/o?sig=1"), presigned=True).read()
    names = {name.lower() for name, _ in server.requests[0].headers}
    assert server.requests[0].target == "/o?sig=1"
    assert names <= {"host", "accept-encoding", "user-agent"}
    assert names.isdisjoint({"x-team", "cookie", "authorization"})


@pytest.mark.parametrize("is_secure", [False, True])
def test_proxies_and_certificates_of_the_session(
    opened: Opened, server: LoopbackServer, tmp_path: Path, is_secure: bool
) -> None:
    ca = CertificateAuthority(tmp_path)
    files = ca.client_files()
    tls = ca.server_context(HOST, clients=ca) if is_secure else None
    with LoopbackServer(tls=tls) as target, ProxyServer(credentials=("me", SECRET)) as proxy:
        url = proxy.proxy_url(credentials=("me", SECRET))
        transport = opened(proxy=url, ca_bundle=ca.bundle, client_cert=files)
        assert get(transport, target.url("/x", host=HOST)).status == 200
        assert proxy.requests[-1].method == ("CONNECT" if is_secure else "GET")
        assert target.requests[0].header("proxy-authorization") == []
        assert len(target.peers) == (1 if is_secure else 0)
        transport.close()


def test_direct_request_goes_past_the_session(opened: Opened, server: LoopbackServer) -> None:
    """Which has a proxy, and headers."""
    with ProxyServer() as proxy:
        transport = opened(proxy=proxy.proxy_url(), headers={"X-Team": "data"})
        assert get(transport, server.url(), direct=True).status == 200
        assert proxy.requests == []
    assert server.requests[0].header("x-team") == []


def test_verify_of_the_session(opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off there, it is off here, whatever the environment has; and else it is on."""
    ca = CertificateAuthority(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CertificateAuthority(tmp_path, "Other").bundle))
    with LoopbackServer(tls=ca.server_context("localhost")) as target:
        url = target.url(host="localhost")
        with pytest.raises(NotSentError, match=r"cannot be verified.*ca_bundle="):
            get(opened(), url)
        trusting = opened(verify=False, trust_env=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # urllib3 warns of what the user has switched off
            assert get(trusting, url).status == 200
        trusting.close()


def test_redirects_are_not_followed_and_cookies_not_kept(opened: Opened, server: LoopbackServer) -> None:
    server.script("/from", behaviors.answer(307, b"", [("Location", server.url("/to")), ("Set-Cookie", "a=1")]))
    transport = opened()
    assert get(transport, server.url("/from")).status == 307
    get(transport, server.url("/after")).read()
    assert [request.target for request in server.requests] == ["/from", "/after"]
    assert server.requests[1].header("cookie") == []


def test_cookies_and_base_url_of_the_session_are_not_used(library: Library, server: LoopbackServer) -> None:
    with library.session() as session:
        session.cookies.set("a", SECRET)
        session.base_url = "http://127.0.0.1:1/elsewhere"
        transport = library.transport(session)
        get(transport, server.url("/x")).read()
        get(transport, server.url("/x"), presigned=True).read()
        transport.close()
    assert [(request.target, request.header("cookie")) for request in server.requests] == [("/x", [])] * 2


def test_what_is_ours_goes_along(library: Library, server: LoopbackServer) -> None:
    """With each call of a client, whatever the session has: where it goes, who asks, and the key; and it says so."""
    server.script("/base/api/v1/organizations", behaviors.answer(200, b'{"results": []}'))
    told: list[Event] = []

    class Observer:
        @hookimpl
        def tilde_event(self, event: Event) -> None:
            told.append(event)

    with library.session(headers={"User-Agent": "theirs", "X-Team": "data"}) as session:
        options: Any = {"transport": library.transport(session), "plugins": [Observer()], "user_agent": "job/1"}
        with Client("key", endpoint_url=server.url("/base"), **options) as client:
            assert list(client.organizations.list()) == []
    sent = server.requests[0]
    assert sent.header("authorization") == ["Bearer key"]
    assert sent.header("user-agent")[0].startswith("tilde-python-sdk/")
    assert "job/1" in sent.header("user-agent")[0]
    assert sent.header("x-team") == ["data"]
    assert [type(event) for event in told] == [RequestStarted, RequestFinished]


def test_netrc_is_not_read(
    opened: Opened, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not even by a session that trusts its environment."""
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    transport = opened(trust_env=True)
    get(transport, server.url().replace("//", f"//me:{SECRET}@", 1)).read()
    get(transport, server.url(), headers=Headers({"Authorization": "Bearer t"})).read()
    assert [request.header("authorization") for request in server.requests] == [[], ["Bearer t"]]


def test_environment_is_read_if_the_session_trusts_it(
    library: Library, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProxyServer() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.proxy_url())
        for trust_env, count in ((False, 0), (True, 1)):
            with library.session(trust_env=trust_env) as session:
                transport = library.transport(session)
                assert get(transport, server.url()).status == 200
                transport.close()
            assert len(proxy.requests) == count


def test_timeouts_are_ours(opened: Opened, server: LoopbackServer) -> None:
    server.enqueue(behaviors.stall(server.gate()))
    with pytest.raises(OutcomeUnknownError, match=r"sent nothing for 0\.2 seconds"):
        get(opened(), server.url(), timeout=Timeout(read=0.2))


def test_hooks_see_every_answer(opened: Opened, server: LoopbackServer) -> None:
    seen: list[int] = []
    server.script("/", behaviors.answer(404, b"nothing"))
    transport = opened(on_answer=lambda answer: seen.append(answer.status_code))
    assert get(transport, server.url()).read() == b"nothing"
    assert seen == [404]


def read_it(answer: Any) -> None:
    """As hooks do: the body is there for them in either library."""
    answer.read() if hasattr(answer, "read") else answer.content


def test_hook_that_reads_the_body(opened: Opened, server: LoopbackServer) -> None:
    """The library has decoded it then, so the header that says how goes."""
    body = gzip.compress(b"the body")
    server.script("/", behaviors.answer(200, body, [("Content-Encoding", "gzip"), ("X-Mark", "kept")]))
    transport = opened(on_answer=read_it)
    response = get(transport, server.url())
    assert (response.read(), response.headers["x-mark"]) == (b"the body", "kept")
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize("status", [200, 404, 503])
def test_hook_that_raises_for_statuses(opened: Opened, server: LoopbackServer, status: int) -> None:
    """What each status means is for the SDK to say."""
    server.script("/", behaviors.answer(status, b"body"))
    transport = opened(on_answer=lambda answer: answer.raise_for_status())
    assert get(transport, server.url("/?sig=s3cret")).status == status


def test_hook_that_fails(opened: Opened, server: LoopbackServer) -> None:
    """Its own error passes, and the connection is not lost."""

    def fail(answer: Any) -> None:
        raise ZeroDivisionError

    transport = opened(on_answer=fail)
    for _ in range(40):
        with pytest.raises(ZeroDivisionError):
            get(transport, server.url(), timeout=Timeout(pool=0.5))


def test_hook_that_refuses_an_answer(server: LoopbackServer) -> None:
    """As that for Kerberos does if the other side does not prove who it is; it was nobody's connection that broke."""
    requests = pytest.importorskip("requests")
    pytest.importorskip("tilde_transport_requests.plugin")
    from tilde_transport_requests import RequestsTransport

    class MutualAuthenticationError(requests.RequestException):  # type: ignore[misc, name-defined]
        pass

    def refuse(answer: Any, **_: Any) -> None:
        raise MutualAuthenticationError

    with requests.Session() as session:
        session.hooks["response"].append(refuse)
        transport = RequestsTransport(session=session)
        with pytest.raises(OutcomeUnknownError, match=r"refused the answer \(MutualAuthenticationError\)"):
            get(transport, server.url())
        transport.close()


def test_user_and_password_in_auth_are_refused(library: Library) -> None:
    """They would take the place of the API key."""
    with (
        library.session(auth=("me", SECRET)) as session,
        pytest.raises(ConfigurationError, match="would replace the API key") as caught,
    ):
        library.transport(session)
    assert SECRET not in str(caught.value)


def test_params_are_refused(library: Library) -> None:
    with (
        library.session(params={"a": "b"}) as session,
        pytest.raises(ConfigurationError, match="params would be added"),
    ):
        library.transport(session)


def challenging(library: Library, scheme: str) -> Any:
    """An `auth` that adds headers at once, and answers a challenge: as those for Kerberos and NTLM do."""
    if library.name == "httpx":
        import httpx

        class Flow(httpx.Auth):
            def auth_flow(self, request: httpx.Request) -> Any:
                request.headers["Authorization"] = request.headers["X-Early"] = f"{scheme} early"
                response = yield request
                if response.status_code == 401:
                    request.headers["X-Answer"] = f"{scheme} token"
                    yield request

        return Flow()

    def respond(answer: Any, **options: Any) -> Any:
        if answer.status_code != 401:
            return answer
        answer.content  # noqa: B018 - so that the connection is free
        answer.close()
        again = answer.request.copy()
        again.headers["X-Answer"] = f"{scheme} token"
        return answer.connection.send(again, **options)

    def add(prepared: Any) -> Any:
        prepared.headers["Authorization"] = prepared.headers["X-Early"] = f"{scheme} early"
        prepared.register_hook("response", respond)
        return prepared

    return add


class Body:
    """A body that is not held in memory."""

    def __len__(self) -> int:
        return 6

    def __iter__(self) -> Iterator[bytes]:
        yield from (b"abc", b"def")


@pytest.mark.parametrize("content", [b"abcdef", Body()], ids=["bytes", "stream"])
def test_auth_that_answers_a_challenge(opened: Opened, library: Library, server: LoopbackServer, content: Any) -> None:
    """It may add headers and send again, but the API key stays."""
    server.enqueue(behaviors.answer(401, b"who?"), behaviors.echo())
    transport = opened(auth=challenging(library, "Negotiate"))
    headers = Headers({"Authorization": "Bearer t"})
    response = get(transport, server.url(), method="PUT", content=content, headers=headers)
    assert (response.status, response.read()) == (200, b"abcdef")
    assert [request.header("authorization") for request in server.requests] == [["Bearer t"]] * 2
    assert [request.header("x-answer") for request in server.requests] == [[], ["Negotiate token"]]
    assert server.requests[0].header("x-early") == ["Negotiate early"]
    assert [request.body for request in server.requests] == [b"abcdef"] * 2


def test_auth_adds_nothing_to_a_presigned_request(opened: Opened, library: Library, server: LoopbackServer) -> None:
    transport = opened(auth=challenging(library, "Negotiate"))
    get(transport, server.url("/?sig=1"), presigned=True).read()
    assert server.requests[0].header("authorization") == server.requests[0].header("x-early") == []


@pytest.mark.parametrize(
    "behavior",
    [behaviors.hang_up(), behaviors.reset_after_request(), behaviors.garbage(), behaviors.truncated(b"half", 8)],
    ids=["hang up", "reset", "garbage", "truncated"],
)
def test_failures_are_ours_and_show_no_query(
    opened: Opened, server: LoopbackServer, caplog: pytest.LogCaptureFixture, behavior: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    server.enqueue(behavior)
    with pytest.raises(OutcomeUnknownError, match=r"own\.test: ") as caught:
        get(opened(), server.url(f"/o?sig={SECRET}"), presigned=True).read()
    shown = [str(caught.value), *traceback.format_exception(type(caught.value), caught.value, None)]
    assert SECRET not in "".join(shown)
    assert SECRET not in "\n".join(f"{record.getMessage()} {record.__dict__!r}" for record in caplog.records)


def test_no_log_shows_a_query(opened: Opened, server: LoopbackServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.script("/from", behaviors.redirect(server.url(f"/to?sig={SECRET}")))
    transport = opened()
    get(transport, server.url(f"/o?sig={SECRET}"), presigned=True).read()
    get(transport, server.url("/from")).read()
    assert SECRET not in "\n".join(f"{record.getMessage()} {record.__dict__!r}" for record in caplog.records)
    assert "/o" in caplog.text


def test_refused_connection_was_not_sent(opened: Opened, server: LoopbackServer) -> None:
    server.close()
    with pytest.raises(NotSentError, match=f"127.0.0.1:{server.port} refused the connection"):
        get(opened(), server.url())


@pytest.mark.parametrize("hook", [None, read_it], ids=["no hook", "a hook that reads the answer"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_that_refuses(opened: Opened, server: LoopbackServer, scheme: str, hook: Any) -> None:
    with ProxyServer(credentials=("me", SECRET)) as proxy:
        transport = opened(proxy=proxy.proxy_url(credentials=("me", "wrong")), on_answer=hook)
        with pytest.raises(NotSentError, match=r"the proxy on the way .*407") as caught:
            get(transport, f"{scheme}://{HOST}:{server.port}/")
        assert caught.value.is_permanent
        assert "wrong" not in str(caught.value)
        assert len(proxy.requests) == 1
    assert server.requests == []


def test_proxy_that_is_not_there(opened: Opened, library: Library, server: LoopbackServer) -> None:
    """httpx does not tell whether it was the proxy."""
    with ProxyServer() as proxy:
        transport = opened(proxy=proxy.proxy_url())
    who = "the proxy on the way to " if library.name == "requests" else ""
    with pytest.raises(NotSentError, match=rf"own\.test: {who}{HOST}:{server.port} refused the connection"):
        get(transport, f"https://{HOST}:{server.port}/")


@pytest.mark.parametrize("trust_env", [False, True])
def test_socks_without_the_package_for_it(monkeypatch: pytest.MonkeyPatch, trust_env: bool) -> None:
    """Is told at once; of a proxy in the environment, when it is used."""
    requests = pytest.importorskip("requests")
    pytest.importorskip("tilde_transport_requests.plugin")
    from tilde_transport_requests import RequestsTransport

    monkeypatch.setitem(sys.modules, "socks", None)
    monkeypatch.setenv("ALL_PROXY", f"socks5h://me:{SECRET}@127.0.0.1:1")
    with requests.Session() as session:
        session.trust_env = trust_env
        if not trust_env:
            session.proxies = {"all": f"socks5h://me:{SECRET}@127.0.0.1:1"}
        with pytest.raises(ConfigurationError, match=r"pip install requests\[socks\]") as caught:
            get(RequestsTransport(session=session), f"https://{HOST}/")
    assert SECRET not in str(caught.value)


def test_session_stays_open_unless_told(library: Library, server: LoopbackServer) -> None:
    with library.session() as session:
        for close in (False, True):
            transport = library.transport(session, close=close)
            get(transport, server.url()).read()
            transport.close()
            transport.close()
            assert library.is_closed(session) is close
            with pytest.raises(NotSentError, match="client is closed"):
                get(transport, server.url())


def test_close_cuts_off_what_is_unread(library: Library, server: LoopbackServer) -> None:
    server.script("/slow", behaviors.dribble([b"first", b"rest"], [server.gate()]))
    with library.session() as session:
        transport = library.transport(session)
        pieces = get(transport, server.url("/slow")).iter_bytes()
        assert next(pieces) == b"first"
        transport.close()
        with pytest.raises(TransportError):
            next(pieces)


def test_threads_share_a_session(opened: Opened, server: LoopbackServer) -> None:
    server.script("/", behaviors.echo())
    transport = opened()

    def send(number: int) -> bool:
        body = b"%d," % number * 1000
        return bool(get(transport, server.url(), method="PUT", content=body).read() == body)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(send, range(64)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_process_needs_a_session_of_its_own(opened: Opened, server: LoopbackServer) -> None:
    transport = opened()
    get(transport, server.url()).read()
    child = os.fork()
    if child == 0:
        try:
            get(transport, server.url())
        except ConfigurationError as error:
            os._exit(0 if "after a fork" in str(error) else 1)
        os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert len(server.requests) == 1


def test_pickling(library: Library, server: LoopbackServer) -> None:
    if library.name == "httpx":
        with library.session() as session, pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(library.transport(session))
        return
    import requests

    from tilde_transport_requests import RequestsTransport

    with requests.Session() as session:
        session.headers["X-Team"] = "data"
        transport = pickle.loads(pickle.dumps(RequestsTransport(session=session)))
    get(transport, server.url()).read()
    transport.close()
    assert server.requests[0].header("x-team") == ["data"]


def test_a_client_on_a_session_of_ones_own(library: Library) -> None:
    """The main job: API calls, presigned transfers, errors and retries."""
    seen: list[int] = []
    with (
        Server() as server,
        library.session(
            headers={"X-Team": "data"}, on_answer=lambda answer: seen.append(answer.status_code)
        ) as session,
        Client(server.api_key, endpoint_url=server.endpoint_url, transport=library.transport(session)) as client,
    ):
        repo = client.organizations.create("my-team").repositories.create("my-data")
        with repo.session() as changes:
            changes.objects.put("a.bin", b"0123456789" * 100_000)
            changes.commit("one file")
        commit = repo.latest()
        assert commit is not None
        with commit.objects.get("a.bin") as file:
            assert file.read() == b"0123456789" * 100_000
        with pytest.raises(NotFoundError):
            commit.objects.get("b.bin").read()
        assert not library.is_closed(session)
    assert {200, 201, 307, 404} <= set(seen)


def test_adapter_of_the_user(server: LoopbackServer) -> None:
    """It sends what it is given, and is asked for each request."""
    requests = pytest.importorskip("requests")
    pytest.importorskip("tilde_transport_requests.plugin")
    from tilde_transport_requests import RequestsTransport

    class Adapter(requests.adapters.HTTPAdapter):  # type: ignore[misc, name-defined]
        def add_headers(self, request: Any, **options: Any) -> None:
            request.headers["X-Adapter"] = f"{options['timeout']} {request.method}"

    with requests.Session() as session:
        session.mount("http://", Adapter())
        transport = RequestsTransport(session=session)
        get(transport, server.url(), timeout=Timeout(connect=3, read=4)).read()
        transport.close()
    assert server.requests[0].header("x-adapter") == ["(3, 4) GET"]


def test_adapter_that_makes_answers_up(server: LoopbackServer) -> None:
    requests = pytest.importorskip("requests")
    pytest.importorskip("tilde_transport_requests.plugin")
    from tilde_transport_requests import RequestsTransport

    class Made(requests.adapters.BaseAdapter):  # type: ignore[misc, name-defined]
        def send(self, request: Any, **options: Any) -> Any:
            answer = requests.Response()
            answer.status_code, answer._content = 200, b"made up"
            answer.headers["X-Mark"] = "kept"
            return answer

        def close(self) -> None:
            pass

    with requests.Session() as session:
        session.mount("http://", Made())
        transport = RequestsTransport(session=session)
        for _ in range(40):
            response = get(transport, server.url(), timeout=Timeout(pool=0.5))
            assert (response.read(), response.headers["x-mark"]) == (b"made up", "kept")
        transport.close()
    assert server.connections == 0


def test_mounts_of_the_user(server: LoopbackServer) -> None:
    httpx = pytest.importorskip("httpx")
    pytest.importorskip("tilde_transport_httpx.plugin")
    from tilde_transport_httpx import HttpxTransport

    made = httpx.MockTransport(lambda request: httpx.Response(200, content=b"made up"))
    with httpx.Client(mounts={f"all://{HOST}": made}) as client:
        transport = HttpxTransport(client=client)
        assert get(transport, f"http://{HOST}/").read() == b"made up"
        assert get(transport, server.url()).read() == b""
        transport.close()
