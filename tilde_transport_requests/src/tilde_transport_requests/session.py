"""Sends requests through a session that the user has made: its adapters, proxies, certificates, hooks and `auth`."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import requests
from requests.auth import HTTPBasicAuth
from requests.hooks import dispatch_hook
from requests.structures import CaseInsensitiveDict
from requests.utils import select_proxy
from urllib3 import BaseHTTPResponse

from tilde.plugins import (
    ConfigurationError,
    OutcomeUnknownError,
    Request,
    Response,
    TransportSettings,
    check_forwarded,
    error_about,
    key_gives_way,
    lines_with_own,
    split_url,
)
from tilde_transport_requests.answers import Answers, Places
from tilde_transport_requests.connections import body_of
from tilde_transport_requests.errors import ERRORS
from tilde_transport_requests.logs import queries_hidden
from tilde_transport_requests.wire import check_head

__all__ = ["OwnSession"]

_FRAMING = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class OwnSession:
    """A `requests.Session` of the user. It is never changed; what the user changes counts from the next request on."""

    def __init__(self, session: requests.Session, settings: TransportSettings) -> None:
        _check(session)
        self._session = session
        self._places = Places(settings.max_connections)
        self._answers = Answers()

    def send(self, request: Request) -> Response:
        """Send `request` and return the answer with its body unread."""
        split_url(request)  # refuses a URL that no server can be asked for
        options = self._options(request)
        prepared = self._prepared(request, options)
        free = self._places.take(request)
        try:
            with ERRORS.guard(request, quotes_urls=True), queries_hidden():
                answer = self._exchange(request, prepared, options)
                response = self._response(request, answer, free)
        except BaseException:
            free()
            raise
        check_forwarded(request, None, response)
        return response

    def close(self) -> None:
        """Cut off the answers that are not read yet. The session stays open."""
        self._answers.close()

    def _options(self, request: Request) -> dict[str, Any]:
        """Return proxies and certificates as the session has them, with those of its environment if it trusts it."""
        session = self._session
        # With None in place of what it has itself, REQUESTS_CA_BUNDLE would outrank `session.verify = False`.
        options: dict[str, Any] = dict(
            session.merge_environment_settings(request.url, {}, True, session.verify, session.cert)
        )
        _check_socks(options["proxies"])
        return {**options, "timeout": (request.timeout.connect, request.timeout.read)}

    def _prepared(self, request: Request, options: Mapping[str, Any]) -> requests.PreparedRequest:
        """Not `Session.prepare_request`: that looks into `.netrc` and writes the URL anew."""
        prepared = requests.PreparedRequest()
        prepared.method = request.method
        prepared.url = request.url
        prepared.headers = CaseInsensitiveDict(_joined(lines_with_own(request, _texts(self._session.headers))))
        prepared.body = _Body(request) if len(request.content) else None  # type: ignore[assignment]
        prepared.hooks = self._hooks()
        if self._session.auth is not None:
            _authenticate(prepared, self._session.auth, request, is_forwarded=_is_forwarded(request.url, options))
        return prepared

    def _hooks(self) -> dict[str, list[Any]]:
        hooks = self._session.hooks.get("response") or []
        return {"response": list(hooks) if isinstance(hooks, (list, tuple)) else [hooks]}

    def _exchange(
        self, request: Request, prepared: requests.PreparedRequest, options: dict[str, Any]
    ) -> requests.Response:
        """Not `Session.send`: that follows redirects and keeps cookies."""
        answer = self._session.get_adapter(str(prepared.url)).send(prepared, **options)
        if self._session.auth is not None and key_gives_way(
            answer.status_code, answer.headers.get("WWW-Authenticate", "")
        ):
            prepared.headers.pop("Authorization", None)  # those for NTLM leave a request alone that has one
        # Who gets a signed request is not to be told who the user is; a proxy may be.
        is_for_auth = not request.presigned or answer.status_code == 407
        try:
            hooked = _dispatched(prepared.hooks if is_for_auth else self._hooks(), answer, options)
        except requests.HTTPError as error:  # a hook that raises for a status; the core knows what each one means
            if error.response is None:
                raise
            return error.response
        except requests.RequestException as error:
            answer.close()
            if type(error) in ERRORS.classes:
                raise
            # Of what answers challenges, such as one who asks of a proxy that it prove who it is.
            what = f"a hook of the session refused the answer ({type(error).__name__})"
            raise error_about(request, OutcomeUnknownError, what) from error
        except BaseException:
            answer.close()
            raise
        return hooked

    def _response(self, request: Request, answer: requests.Response, free: Callable[[], None]) -> Response:
        was_read = getattr(answer, "_content_consumed", False)
        _check_head(answer)
        if isinstance(answer.raw, BaseHTTPResponse) and not was_read:
            return self._answers.response(request, answer.raw, free)
        # A hook has read the body, or an adapter that is none of urllib3 has made it up. requests has decoded it.
        lines = [(name, value) for name, value in answer.headers.items() if name.lower() not in _FRAMING]
        content = answer.content
        free()
        return Response(answer.status_code, lines, content)


def _dispatched(hooks: Any, answer: requests.Response, options: dict[str, Any]) -> requests.Response:
    hooked: requests.Response = dispatch_hook("response", hooks, answer, **options)  # type: ignore[no-untyped-call]
    return hooked


def _check_head(answer: requests.Response) -> None:
    original = getattr(answer.raw, "_original_response", None)  # private, but requests itself reads cookies from it
    if isinstance(original, http.client.HTTPResponse):
        try:
            check_head(original)
        except http.client.HTTPException:
            answer.close()
            raise


class _Body:
    """The body; a hook that answers a challenge may send it again."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        body = body_of(self._request)
        assert body is not None
        yield from [body] if isinstance(body, bytes) else body


def _check(session: requests.Session) -> None:
    """Raise `ConfigurationError` for what cannot stay in force."""
    if isinstance(session.auth, (tuple, HTTPBasicAuth)):
        raise ConfigurationError(
            "session.auth is a user and a password, which would replace the API key; for a proxy, put them into its "
            "URL in session.proxies"
        )
    if session.params:
        raise ConfigurationError("session.params would be added to every URL, also to signed ones; leave it empty")
    _check_socks(session.proxies)


def _check_socks(proxies: Mapping[str, str | None]) -> None:
    if any((url or "").startswith("socks") for url in proxies.values()) and find_spec("socks") is None:
        raise ConfigurationError(
            "the session has a SOCKS proxy, for which requests needs another package: pip install requests[socks]; as "
            "proxy=, without a session of your own, it needs none"
        )


def _texts(headers: Mapping[str, str | bytes]) -> list[tuple[str, str]]:
    return [(name, value.decode("latin-1") if isinstance(value, bytes) else value) for name, value in headers.items()]


def _joined(lines: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in lines:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _authenticate(prepared: requests.PreparedRequest, auth: Any, request: Request, *, is_forwarded: bool) -> None:
    """Let `session.auth` do its work (Kerberos and NTLM add hooks), without letting it touch our credentials."""
    before = prepared.headers.copy()
    prepared.__dict__.update(auth(prepared).__dict__)
    after = before.copy() if request.presigned else prepared.headers
    after.pop("Authorization", None)
    if "Authorization" in before:
        after["Authorization"] = before["Authorization"]
    proxy_authorization = prepared.headers.get("Proxy-Authorization")
    after.pop("Proxy-Authorization", None)
    if proxy_authorization is not None and is_forwarded:  # in a tunnel, the server would get it
        after["Proxy-Authorization"] = proxy_authorization
    prepared.headers = after


def _is_forwarded(url: str, options: Mapping[str, Any]) -> bool:
    return url.lower().startswith("http:") and bool(select_proxy(url, options["proxies"]))
