"""Sends requests to the letter, over connections of our own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import BaseHTTPResponse
from urllib3.util import Timeout as BackendTimeout

from tilde.plugins import (
    Dialer,
    Request,
    Response,
    Route,
    TransportSettings,
    body_pieces,
    check_forwarded,
    header_lines,
    split_url,
)
from tilde_transport_requests.answers import Answers, Places
from tilde_transport_requests.wire import Outgoing, pool_manager

__all__ = ["Connections", "body_of"]

_HOSTS = 16  # a client speaks to the service and to an object store or two


class Connections:
    """The connections of one process."""

    def __init__(self, settings: TransportSettings) -> None:
        self._dialer = Dialer(settings)
        self._places = Places(settings.max_connections)
        self._answers = Answers()
        self._adapter = _Adapter(self._dialer, settings)

    def send(self, request: Request) -> Response:
        """Send `request` as it is and return the answer with its body unread."""
        origin, target = split_url(request)
        route = self._dialer.route(origin, direct=request.direct)
        outgoing = _outgoing(request, route, origin, target)
        free = self._places.take(request)
        try:
            answer = _exchange(self._adapter, request, origin, outgoing)
        except BaseException:
            free()
            raise
        response = self._answers.response(request, answer, free)
        check_forwarded(request, route, response)
        return response

    def close(self) -> None:
        """Free every connection."""
        self._adapter.close()
        self._answers.close()


class _Adapter(HTTPAdapter):
    """An `HTTPAdapter` that leaves URL and headers alone; the request itself travels in the body, see `wire`."""

    def __init__(self, dialer: Dialer, settings: TransportSettings) -> None:
        self._dialer = dialer
        self._keepalive_expiry = settings.keepalive_expiry
        super().__init__(pool_connections=_HOSTS, pool_maxsize=settings.max_connections)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = True, **pool_kwargs: Any) -> None:
        self.poolmanager = pool_manager(connections, maxsize, self._dialer, self._keepalive_expiry)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave it to the dialer, which verifies; the base class loads all CAs for each connection."""

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        return "/" + str(request.url).split("/", 3)[3]  # no query in it: this is what urllib3 logs and quotes

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        response = requests.Response()
        response.raw = resp
        return response


def _exchange(adapter: HTTPAdapter, request: Request, origin: str, outgoing: Outgoing) -> BaseHTTPResponse:
    prepared = requests.PreparedRequest()
    prepared.method = request.method
    prepared.url = origin + outgoing.path
    prepared.headers = CaseInsensitiveDict()
    prepared.body = outgoing  # type: ignore[assignment]
    limits = BackendTimeout(connect=request.timeout.connect, read=request.timeout.read)
    answer = adapter.send(prepared, stream=True, timeout=limits, verify=True)  # type: ignore[arg-type]
    raw: BaseHTTPResponse = answer.raw
    return raw


def _outgoing(request: Request, route: Route, origin: str, target: str) -> Outgoing:
    return Outgoing(
        route=route,
        path=target.partition("?")[0],
        target=route.target(origin, target),
        lines=route.lines(header_lines(request)),
        body=body_of(request),
        timeout=request.timeout,
    )


def body_of(request: Request) -> bytes | Iterator[bytes] | None:
    """Return the body as requests takes it; `None` without one."""
    content = request.content
    if not len(content):
        return None
    if isinstance(content, (bytes, bytearray, memoryview)):
        return bytes(content)
    return body_pieces(request, content)
