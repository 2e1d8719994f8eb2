"""Sends requests through a client that the user has made: its proxies, certificates, mounts, event hooks and `auth`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress

import httpx

from tilde.plugins import (
    ConfigurationError,
    Request,
    Response,
    check_forwarded,
    key_gives_way,
    lines_with_own,
    split_url,
)
from tilde_transport_httpx.errors import ERRORS
from tilde_transport_httpx.logs import secrets_hidden
from tilde_transport_httpx.messages import from_backend, to_backend

__all__ = ["OwnClient"]

_FRAMING = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class OwnClient:
    """An `httpx.Client` of the user. It is never changed; what the user changes counts from the next request on."""

    def __init__(self, client: httpx.Client) -> None:
        _check(client)
        self._client = client
        self._unread: set[httpx.Response] = set()

    def send(self, request: Request) -> Response:
        """Send `request` and return the answer with its body unread."""
        origin, target = split_url(request)  # without user info, of which httpx would make credentials
        lines = lines_with_own(request, self._client.headers.multi_items())
        # A signed URL is good to the letter only; a proxy for plain http would get this in place of the whole URL.
        literal = target if request.presigned and origin.startswith("https:") else None
        outgoing = to_backend(request, httpx.URL(origin + target), lines, literal)
        with ERRORS.guard(request, quotes_urls=True), secrets_hidden():
            answer = self._exchange(request, outgoing)
        if answer.is_stream_consumed:  # an event hook has read it, and httpx has decoded it
            kept = [(name, value) for name, value in answer.headers.multi_items() if name.lower() not in _FRAMING]
            response = Response(answer.status_code, kept, answer.content)
        else:
            self._unread.add(answer)
            response = from_backend(request, answer, lambda: self._unread.discard(answer), quotes_urls=True)
        check_forwarded(request, None, response)
        return response

    def close(self) -> None:
        """Cut off the answers that are not read yet. The client stays open."""
        for answer in list(self._unread):
            self._unread.discard(answer)
            with suppress(*ERRORS.classes):  # its reader was quicker
                answer.close()

    def _exchange(self, request: Request, outgoing: httpx.Request) -> httpx.Response:
        auth = None if self._client.auth is None else _Beside(self._client.auth, request)
        try:
            return self._client.send(outgoing, stream=True, follow_redirects=False, auth=auth)
        except httpx.HTTPStatusError as error:  # a hook that raises for a status; the core knows what each one means
            if not error.response.is_stream_consumed:
                return httpx.Response(error.response.status_code, headers=error.response.headers, content=b"")
            return error.response


class _Beside(httpx.Auth):
    """Lets `client.auth` do its work (answer a challenge), without letting it touch our credentials."""

    def __init__(self, auth: httpx.Auth, request: Request) -> None:
        self._auth = auth
        self._presigned = request.presigned
        self.requires_request_body = auth.requires_request_body
        self.requires_response_body = auth.requires_response_body

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        before = httpx.Headers(request.headers)
        flow = self._auth.auth_flow(request)
        try:
            outgoing = next(flow)
            _restore(outgoing, before, self._presigned)
            while True:
                answer = yield outgoing
                if self._presigned and answer.status_code != 407:
                    return  # who gets a signed request is not to be told who the user is; a proxy may be
                if key_gives_way(answer.status_code, answer.headers.get("WWW-Authenticate", "")):
                    outgoing.headers.pop("Authorization", None)  # those for NTLM leave a request alone that has one
                outgoing = flow.send(answer)
        except StopIteration:
            pass
        finally:
            flow.close()


def _restore(request: httpx.Request, before: httpx.Headers, presigned: bool) -> None:
    if presigned:
        request.headers = httpx.Headers(before)
        return
    for name in ("Authorization", "Proxy-Authorization"):
        request.headers.pop(name, None)
        if name in before:
            request.headers[name] = before[name]


def _check(client: httpx.Client) -> None:
    """Raise `ConfigurationError` for what cannot stay in force."""
    if isinstance(client.auth, (httpx.BasicAuth, httpx.NetRCAuth)):
        raise ConfigurationError(
            "client.auth is a user and a password, which would replace the API key; for a proxy, put them into its URL"
        )
    if client.params:
        raise ConfigurationError("client.params would be added to every URL, also to signed ones; leave it empty")
