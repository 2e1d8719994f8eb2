"""Transports, each with one fault in what it sends or makes of the answer, and the test that has to find it."""

from __future__ import annotations

import gzip
import netrc
import posixpath
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tilde.plugins import (
    ByteStream,
    Headers,
    OutcomeUnknownError,
    Request,
    Response,
    Transport,
    TransportSettings,
)
from tilde_core.testing.contract import TransportContract
from tilde_transport_httpx import HttpxTransport

__all__ = ["FAULTS", "Sound", "contract_of", "copy_of", "opened"]


_OPENED: list[Transport] = []


def opened(settings: TransportSettings, **options: Any) -> Transport:
    """A transport that works. It is closed when the test is over, whatever the fault."""
    _OPENED.append(HttpxTransport(settings, **options))
    return _OPENED[-1]


class Sound:
    """A transport without a fault, to be given some."""

    def __init__(self, settings: TransportSettings) -> None:
        self.settings = settings
        self.inner = opened(settings)

    def send(self, request: Request) -> Response:
        return self.inner.send(request)

    def close(self) -> None:
        self.inner.close()


def copy_of(response: Response, body: Iterator[bytes] | bytes | None = None, headers: object = None) -> Response:
    """The same answer with another body or other headers."""
    lines = response.headers if headers is None else Headers(headers)  # type: ignore[arg-type]
    return Response(response.status, lines, response.iter_bytes() if body is None else body, close=response.close)


def content_of(request: Request) -> bytes:
    content = request.content
    return content if isinstance(content, bytes) else b"".join(content)


class NormalizesUrls(Sound):
    def send(self, request: Request) -> Response:
        return super().send(replace(request, url=request.url.replace("%2f", "%2F")))


class ResolvesDots(Sound):
    def send(self, request: Request) -> Response:
        head, dots, path = request.url.partition("/a/../")
        return super().send(replace(request, url=head + posixpath.normpath(dots + path) if dots else request.url))


class SendsFragments(Sound):
    def send(self, request: Request) -> Response:
        return super().send(replace(request, url=request.url.replace("#", "%23")))


class NamesItself(Sound):
    def send(self, request: Request) -> Response:
        return super().send(request.with_header("User-Agent", "faulty/1"))


class InsistsOnItsName(Sound):
    def send(self, request: Request) -> Response:
        return super().send(
            request.with_header("User-Agent", "faulty/1") if "User-Agent" in request.headers else request
        )


class PostsForms(Sound):
    def send(self, request: Request) -> Response:
        form = request.with_header("Content-Type", "application/x-www-form-urlencoded")
        return super().send(form if request.method == "POST" else request)


class TakesBytesForText(Sound):
    def send(self, request: Request) -> Response:
        return super().send(replace(request, content=content_of(request).decode("utf-8", "replace").encode()))


class ReadsStreamsOnce(Sound):
    seen: ByteStream | bytes = b""

    def send(self, request: Request) -> Response:
        if request.content is self.seen:
            return super().send(replace(request, content=b""))
        self.seen = request.content
        return super().send(request)


class JoinsStreams(Sound):
    """Right in everything but the memory that it takes."""

    def send(self, request: Request) -> Response:
        stream, length = request.content, len(request.content)
        content = content_of(request)
        return super().send(replace(request, content=content if len(content) == length else stream))


class BelievesStreams(Sound):
    def send(self, request: Request) -> Response:
        return super().send(replace(request, content=content_of(request)))


class KeepsTheLastRequest(Sound):
    last: Request | None = None

    def send(self, request: Request) -> Response:
        self.last = request
        return super().send(request)


class BelievesTheCaller(Sound):
    def send(self, request: Request) -> Response:
        announced = int(request.headers.get("Content-Length", len(request.content)))
        return super().send(replace(request, content=content_of(request)[:announced]))


class TakesOverErrors(Sound):
    def send(self, request: Request) -> Response:
        try:
            return super().send(request)
        except OSError as error:
            raise OutcomeUnknownError("the upload failed") from error


class LowersHeaders(Sound):
    def send(self, request: Request) -> Response:
        lines = [(name.lower() if name != "Host" else name, value) for name, value in request.headers.multi_items()]
        return super().send(replace(request, headers=Headers(lines)))


class MergesHeaders(Sound):
    def send(self, request: Request) -> Response:
        return super().send(
            replace(request, headers=Headers({name: request.headers[name] for name in request.headers}))
        )


class RemembersCookies(Sound):
    cookie: str | None = None

    def send(self, request: Request) -> Response:
        response = super().send(request.with_header("Cookie", self.cookie) if self.cookie else request)
        self.cookie = response.headers.get("Set-Cookie")
        return response


class ReadsNetrc(Sound):
    def send(self, request: Request) -> Response:
        try:
            found = netrc.netrc().authenticators(urlsplit(request.url).hostname or "")
        except OSError:
            found = None
        return super().send(request.with_header("Authorization", f"Basic {found[2]}") if found else request)


class UsesUserInfo(Sound):
    def send(self, request: Request) -> Response:
        who = urlsplit(request.url).username
        return super().send(request.with_header("Authorization", f"Basic {who}") if who else request)


class ReadsTheEnvironment(Sound):
    def __init__(self, settings: TransportSettings) -> None:
        self.inner = opened(settings, client=httpx.Client(), close_client=True)


class RaisesStatuses(Sound):
    def send(self, request: Request) -> Response:
        response = super().send(request)
        if response.status >= 400:
            raise OutcomeUnknownError("refused")
        return response


class RetriesStatuses(Sound):
    def send(self, request: Request) -> Response:
        response = super().send(request)
        return response if response.status != 503 else super().send(request)


class FollowsRedirects(Sound):
    def send(self, request: Request) -> Response:
        response = super().send(request)
        if response.status // 100 == 3 and "location" in response.headers:
            return super().send(replace(request, url=response.headers["location"]))
        return response


class MergesAnswers(Sound):
    def send(self, request: Request) -> Response:
        response = super().send(request)
        return copy_of(response, headers=dict(response.headers))


class LowersAnswers(Sound):
    def send(self, request: Request) -> Response:
        response = super().send(request)
        return copy_of(response, headers=[(name.lower(), value) for name, value in response.headers.multi_items()])


class CutsHeaders(Sound):
    def send(self, request: Request) -> Response:
        response = super().send(request)
        return copy_of(response, headers=[(name, value[:8192]) for name, value in response.headers.multi_items()])


class ReadsText(Sound):
    def send(self, request: Request) -> Response:
        response = super().send(request)
        return copy_of(response, response.read().decode("utf-8", "replace").encode())


class NeedsALength(Sound):
    def send(self, request: Request) -> Response:
        response = super().send(request)
        return response if "Content-Length" in response.headers else copy_of(response, b"")


class ReadsOnePiece(Sound):
    def send(self, request: Request) -> Response:
        response = super().send(request)
        return copy_of(response, next(response.iter_bytes(), b""))


class Decodes(Sound):
    def send(self, request: Request) -> Response:
        response = super().send(request)
        return copy_of(response, gzip.decompress(response.read()))


class AsksForTheBody(Sound):
    def send(self, request: Request) -> Response:
        return super().send(replace(request, method="GET") if request.method == "HEAD" else request)


class ReadsAll(Sound):
    def send(self, request: Request) -> Response:
        response = super().send(replace(request, timeout=replace(request.timeout, read=0.2)))
        return copy_of(response, response.read())


class InsistsOnTheUpload(Sound):
    def send(self, request: Request) -> Response:
        response = super().send(request)
        if response.status == 413:
            raise OutcomeUnknownError("the server took only a part of the body")
        return response


FAULTS: dict[type[Sound], tuple[str, ...]] = {
    NormalizesUrls: ("test_url_goes_out_to_the_letter[/a%2fb%c3%a9]",),
    ResolvesDots: ("test_url_goes_out_to_the_letter[/a/../b/./c]",),
    SendsFragments: ("test_url_without_path_asks_for_the_root",),
    NamesItself: ("test_no_content_is_no_body[GET]",),
    InsistsOnItsName: ("test_headers_of_the_caller_stand_alone",),
    PostsForms: ("test_empty_body_has_a_length[bytes-POST]",),
    TakesBytesForText: ("test_bytes_arrive_as_they_are[all bytes]",),
    ReadsStreamsOnce: ("test_stream_arrives_as_it_is[pieces]",),
    JoinsStreams: ("test_stream_goes_out_while_it_is_made",),
    BelievesStreams: ("test_stream_of_another_length_is_an_error[3]",),
    KeepsTheLastRequest: ("test_sent_body_is_let_go",),
    BelievesTheCaller: ("test_the_body_decides_on_framing[length]",),
    TakesOverErrors: ("test_error_of_the_stream_passes_unchanged[error0]",),
    LowersHeaders: ("test_header_case_and_repeats_are_kept",),
    MergesHeaders: ("test_header_case_and_repeats_are_kept",),
    RemembersCookies: ("test_cookies_are_not_remembered",),
    ReadsNetrc: ("test_netrc_and_user_info_are_not_credentials",),
    UsesUserInfo: ("test_netrc_and_user_info_are_not_credentials",),
    ReadsTheEnvironment: ("test_environment_is_not_read[HTTP_PROXY]",),
    RaisesStatuses: ("test_status_is_returned_and_not_judged[404]",),
    RetriesStatuses: ("test_status_is_returned_and_not_judged[503]",),
    FollowsRedirects: ("test_redirect_is_not_followed[307]",),
    MergesAnswers: ("test_answer_header_case_and_repeats_are_kept",),
    LowersAnswers: ("test_answer_header_case_and_repeats_are_kept",),
    CutsHeaders: ("test_long_header_arrives",),
    ReadsText: ("test_body_arrives_as_it_is[binary]",),
    NeedsALength: ("test_body_without_length_arrives[large]",),
    ReadsOnePiece: ("test_chunks_are_joined",),
    Decodes: ("test_compressed_body_is_not_decoded",),
    AsksForTheBody: ("test_head_has_no_body",),
    ReadsAll: ("test_body_can_be_read_while_it_arrives", "test_chunks_can_be_read_while_they_arrive"),
    InsistsOnTheUpload: ("test_answer_during_the_upload_is_returned",),
}


def contract_of(kind: type[Sound]) -> type[TransportContract]:
    """The tests of that transport."""

    class TestTransport(TransportContract):
        @pytest.fixture(autouse=True)
        def nothing_is_left_open(self) -> Iterator[None]:
            yield
            while _OPENED:
                _OPENED.pop().close()

        def open_transport(self, settings: TransportSettings) -> Transport:
            return kind(settings)

    return TestTransport
