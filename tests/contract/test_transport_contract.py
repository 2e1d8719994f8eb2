"""The contract suite finds the faults it is there to find."""

from __future__ import annotations

import gzip
import logging
import netrc
import posixpath
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tilde.plugins import (
    NotSentError,
    OutcomeUnknownError,
    Request,
    Response,
    Transport,
    TransportError,
    TransportSettings,
)
from tilde_core.testing import LoopbackServer
from tilde_core.testing.contract import TransportContract, outgoing

pytest.importorskip("httpx")
pytest.importorskip("tilde_transport_httpx")

from tilde_transport_httpx import HttpxTransport


class Faulty:
    """A sound transport, wrapped in a fault."""

    def __init__(self, fault: Callable[[Transport, Request], Response]) -> None:
        self._inner = HttpxTransport(TransportSettings())
        self._fault = fault

    def send(self, request: Request) -> Response:
        return self._fault(self._inner, request)

    def close(self) -> None:
        self._inner.close()


def sound(inner: Transport, request: Request) -> Response:
    return inner.send(request)


def retries(inner: Transport, request: Request) -> Response:
    response = inner.send(request)
    return response if response.status < 500 else inner.send(request)


def repeats(inner: Transport, request: Request) -> Response:
    try:
        return inner.send(request)
    except OutcomeUnknownError:
        return inner.send(request)


def redirects(inner: Transport, request: Request) -> Response:
    response = inner.send(request)
    return inner.send(replace(request, url=response.headers["location"])) if response.status // 100 == 3 else response


def raises(inner: Transport, request: Request) -> Response:
    response = inner.send(request)
    if response.status >= 400:
        raise OutcomeUnknownError("refused")
    return response


def names_itself(inner: Transport, request: Request) -> Response:
    return inner.send(request.with_header("User-Agent", "faulty/1"))


def normalizes(inner: Transport, request: Request) -> Response:
    return inner.send(replace(request, url=request.url.replace("%2f", "%2F")))


def resolves_dots(inner: Transport, request: Request) -> Response:
    head, _, path = request.url.partition("/a/../")
    return inner.send(replace(request, url=head + posixpath.normpath("/a/../" + path) if path else request.url))


def decodes(inner: Transport, request: Request) -> Response:
    response = inner.send(request)
    body = response.read()
    return Response(response.status, response.headers, gzip.decompress(body) if body else body)


def reads_all(inner: Transport, request: Request) -> Response:
    response = inner.send(replace(request, timeout=replace(request.timeout, read=0.2)))
    return Response(response.status, response.headers, response.read())


def merges_headers(inner: Transport, request: Request) -> Response:
    response = inner.send(request)
    return Response(response.status, dict(response.headers), response.iter_bytes(), close=response.close)


def never_sent(inner: Transport, request: Request) -> Response:
    try:
        return inner.send(request)
    except OutcomeUnknownError as error:
        raise NotSentError(error.message) from error


def logs(inner: Transport, request: Request) -> Response:
    logging.getLogger("faulty").debug("GET %s", request.url)
    return inner.send(request)


def collects(inner: Transport, request: Request) -> Response:
    content = request.content
    return inner.send(replace(request, content=content if isinstance(content, bytes) else b"".join(content)))


def reads_netrc(inner: Transport, request: Request) -> Response:
    found = netrc.netrc().authenticators("127.0.0.1")
    return inner.send(request.with_header("Authorization", f"Basic {found[2]}" if found else ""))


kept: list[Request] = []


def keeps(inner: Transport, request: Request) -> Response:
    kept[:] = [request]
    return inner.send(request)


FAULTS = [
    (keeps, "test_sent_body_is_let_go", {}),
    (retries, "test_status_is_returned_and_not_judged", {"status": 503}),
    (raises, "test_status_is_returned_and_not_judged", {"status": 404}),
    (redirects, "test_redirect_is_not_followed", {"status": 307}),
    (repeats, "test_hang_up_at_once_leaves_the_outcome_unknown", {}),
    (never_sent, "test_hang_up_at_once_leaves_the_outcome_unknown", {}),
    (names_itself, "test_no_content_is_no_body", {"method": "GET"}),
    (normalizes, "test_url_goes_out_to_the_letter", {"target": "/a%2fb"}),
    (resolves_dots, "test_url_goes_out_to_the_letter", {"target": "/a/../b"}),
    (decodes, "test_compressed_body_is_not_decoded", {}),
    (reads_all, "test_body_can_be_read_while_it_arrives", {}),
    (merges_headers, "test_answer_header_case_and_repeats_are_kept", {}),
]


@pytest.mark.parametrize(("fault", "test", "arguments"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
def test_contract_finds_the_fault(
    fault: Callable[[Transport, Request], Response], test: str, arguments: dict[str, object]
) -> None:
    assert fails(fault, test, arguments)
    assert not fails(sound, test, arguments)


def fails(fault: Callable[[Transport, Request], Response], test: str, arguments: dict[str, object]) -> bool:
    with LoopbackServer() as server:
        transport = Faulty(fault)
        try:
            getattr(TransportContract(), test)(transport=transport, server=server, **arguments)
        except (AssertionError, TransportError, pytest.fail.Exception):
            return True
        finally:
            transport.close()
    return False


def test_contract_finds_a_query_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert fails(logs, "test_no_log_shows_the_query", {"caplog": caplog})
    caplog.clear()
    assert not fails(sound, "test_no_log_shows_the_query", {"caplog": caplog})


def test_contract_finds_an_upload_that_is_collected_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not fails(sound, "test_stream_is_not_collected_first", {})
    monkeypatch.setattr(outgoing, "PATIENCE", 0.0)
    assert fails(collects, "test_stream_is_not_collected_first", {})


def test_contract_finds_who_reads_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also one that reads it by way of the standard library, which takes no file that others may read."""
    arguments = {"monkeypatch": monkeypatch, "tmp_path": tmp_path}
    assert fails(reads_netrc, "test_netrc_and_user_info_are_not_credentials", arguments)
    assert not fails(sound, "test_netrc_and_user_info_are_not_credentials", arguments)


def test_contract_begins_with_what_is_easy_to_get_right(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "from tilde_core.testing.contract import TransportContract\nclass TestIt(TransportContract): pass"
    )
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", "--collect-only", "-q")
    assert "test_url_goes_out_to_the_letter" in ran.outlines[0]


def test_contract_needs_a_transport() -> None:
    with pytest.raises(NotImplementedError, match=r"must define open_transport"):
        TransportContract().open_transport(TransportSettings())


def test_contract_has_forty_tests_and_more() -> None:
    assert len([name for name in dir(TransportContract) if name.startswith("test_")]) >= 40


def test_no_rule_hides_another() -> None:
    rules = [name for base in TransportContract.__mro__ for name in vars(base) if name.startswith("test_")]
    assert len(rules) == len(set(rules))
