"""The one place that adds credentials, follows redirects, retries, maps statuses to errors and keeps deadlines."""

from __future__ import annotations

import itertools
import platform
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias
from urllib.parse import urlencode, urljoin

from tilde_core.api_errors import api_error
from tilde_core.clock import Clock
from tilde_core.exceptions import APIError, NotSentError, SerializationError, TildeError, TransportError
from tilde_core.hooks.events import Event, RequestFinished, RequestStarted, RetryScheduled
from tilde_core.hooks.offers import Attempt, RetryPolicy, RetrySettings, WebSocket
from tilde_core.http import Headers, Request, Response, Timeout, redact_url
from tilde_core.operation import Operation
from tilde_core.runtime import Runtime
from tilde_core.serialization import decompressed, encode_json
from tilde_core.version import __version__

__all__ = ["Options", "Pipeline"]

_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What may follow a redirect to the object store. Everything else, the token first of all, stays with the API.
_HEADERS_FOR_STORE = frozenset({"range", "if-match", "accept-encoding", "user-agent"})


_AttemptOnce: TypeAlias = Callable[[Operation, int, Timeout], Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `Client(...)` and `with_options(...)` set for each call."""

    timeout: Timeout = field(default_factory=Timeout)
    max_retries: int = 3
    user_agent: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.max_retries, bool) or not isinstance(self.max_retries, int) or self.max_retries < 0:
            raise ValueError(f"max_retries={self.max_retries!r}: must be 0 or a positive whole number")
        Headers({"User-Agent": self.user_agent})  # refuses what no header can carry


class Pipeline:
    """Turns operations into answers. Used by many threads at once."""

    def __init__(self, runtime: Runtime, options: Options) -> None:
        self._runtime = runtime
        self._hooks = runtime.hooks
        self.clock: Clock = runtime.clock
        self._options = options
        self._retries = RetrySettings(max_retries=options.max_retries)
        self._retry_policy: RetryPolicy | None = None
        self._base_url = runtime.config.endpoint_url.value + "/api/v1"
        agent = f"tilde-python-sdk/{__version__} python/{platform.python_version()}"
        self._user_agent = f"{agent} {options.user_agent}".rstrip()

    def execute(self, operation: Operation) -> Response:
        """Carry out `operation` and return its answer, which has a 2xx status.

        The body is read already unless `operation.stream`. Raises `APIError`, `TransportError`, `ConfigurationError`.
        """
        return self._named(operation, self._attempt)

    def connect(self, operation: Operation) -> WebSocket:
        """Open the WebSocket at `operation.path` and return it.

        To open one does nothing yet, so whatever fails is repeated as for a GET. Raises what `execute` raises.
        """
        answer = self._named(operation, self._attempt_to_connect)
        if isinstance(answer, _Connected):
            return answer.websocket
        raise SerializationError(
            f"the service answered {answer.status} instead of opening a WebSocket: does a proxy on the way stop them?",
            operation=operation.name,
            request_id=answer.headers.request_id,
        )

    def _named(self, operation: Operation, attempt: _AttemptOnce) -> Response:
        try:
            return self._execute(operation, attempt)
        except TildeError as error:
            error.operation = error.operation or operation.name
            raise

    def _execute(self, operation: Operation, attempt_once: _AttemptOnce) -> Response:
        first_ended: float | None = None
        may_have_happened = False
        for number in itertools.count(1):
            try:
                response = attempt_once(operation, number, self._timeout(first_ended))
            except TransportError as error:
                failure: TildeError = error
                headers = Headers()
            else:
                if response.status < 300:
                    return response
                if _was_deleted_before(operation, may_have_happened, response):
                    return Response(204, response.headers)
                failure, headers = self._api_error(operation, response), response.headers
            may_have_happened = may_have_happened or _may_have_happened(failure)
            repeatable = operation.is_repeatable
            if operation.resolve is not None and may_have_happened:
                answer = operation.resolve(failure)
                if answer is not None:
                    return answer
                repeatable = True
            now = self.clock.monotonic()
            first_ended = now if first_ended is None else first_ended
            attempt = _attempt_of(operation, number, now - first_ended, repeatable, headers, failure)
            self.wait_or_raise(attempt, failure)
        raise AssertionError("unreachable")

    def _timeout(self, first_ended: float | None) -> Timeout:
        """A repeat gets no more time than the deadline leaves; the first attempt has its own time-outs only."""
        if first_ended is None:
            return self._options.timeout
        left = self._retries.deadline - (self.clock.monotonic() - first_ended)
        return self._options.timeout.at_most(max(left, 1.0))

    def wait_or_raise(self, attempt: Attempt, failure: TildeError) -> None:
        """Wait until `attempt` may be repeated, or raise `failure` if the retry policy says that it may not."""
        decision = self._policy().decide(attempt)
        delay = decision.delay
        if delay is None:
            failure.gave_up = decision.reason
            raise failure
        self.emit(
            lambda: RetryScheduled(
                operation=attempt.operation, attempt=attempt.number, delay=delay, reason=decision.reason
            )
        )
        self.clock.sleep(delay)

    def _policy(self) -> RetryPolicy:
        if self._retry_policy is None:
            self._retry_policy = self._hooks.open_retry_policy(self._retries)
        return self._retry_policy

    def _attempt(self, operation: Operation, number: int, timeout: Timeout) -> Response:
        request = self._request(operation, number, timeout)
        response = self._send(request) if operation.url else self._authorized(request, self._follow)
        if operation.stream and response.status < 300:
            return response
        try:
            response.read()
        except TransportError as error:
            error.request_id = error.request_id or response.headers.request_id
            raise
        return decompressed(response, operation.name) if response.status < 300 else response

    def _attempt_to_connect(self, operation: Operation, number: int, timeout: Timeout) -> Response:
        # Not what is left of the deadline: its time-outs hold as long as the connection is open.
        request = self._request(operation, number, self._options.timeout)
        # http becomes ws, and https wss.
        request = replace(request, url="ws" + request.url.removeprefix("http"))
        return self._authorized(request, lambda ready: self._observed(ready, self._upgraded))

    def _upgraded(self, request: Request) -> Response:
        answer = self._runtime.websocket().connect(request)
        return answer if isinstance(answer, Response) else _Connected(answer)

    def _api_error(self, operation: Operation, response: Response) -> APIError:
        return api_error(operation, redact_url(operation.url or self._base_url + operation.path), response)

    def _request(self, operation: Operation, number: int, timeout: Timeout) -> Request:
        headers = Headers({"User-Agent": self._user_agent, **operation.headers})
        content = operation.content
        if not operation.url:
            headers = headers.set("Accept", "application/json")
        if operation.body is not None:
            content = encode_json(operation.body)
            headers = headers.set("Content-Type", "application/json")
        # An object's bytes are wanted as they are stored, and a range of them cannot be decompressed.
        plain = operation.stream or operation.url or operation.method == "HEAD"
        return Request(
            method=operation.method,
            url=operation.url or self._api_url(operation),
            headers=headers.set("Accept-Encoding", "identity" if plain else "gzip"),
            content=content,
            timeout=timeout,
            operation=operation.name,
            attempt=number,
            presigned=bool(operation.url),
        )

    def _api_url(self, operation: Operation) -> str:
        query = {name: value for name, value in operation.query.items() if value is not None}
        return self._base_url + operation.path + (f"?{urlencode(query)}" if query else "")

    def _authorized(self, request: Request, send: Callable[[Request], Response]) -> Response:
        provider = self._runtime.credentials()
        token = provider.token()
        response = send(_with_token(request, token))
        if response.status == 401 and provider.invalidate(token):
            response.close()
            response = send(_with_token(request, provider.token()))
        return response

    def _follow(self, request: Request) -> Response:
        """Send, and follow redirects of a read. The token goes to the API only, never to where it points."""
        for _ in range(_MAX_REDIRECTS):
            response = self._send(request)
            target = _redirect_target(request, response)
            if target is None:
                return response
            response.close()
            request = self._redirected(request, target)
        return self._send(request)

    def _redirected(self, request: Request, url: str) -> Request:
        if url.startswith(self._base_url + "/"):
            return replace(request, url=url)
        kept = [(name, value) for name, value in request.headers.multi_items() if name.lower() in _HEADERS_FOR_STORE]
        return replace(request, url=url, headers=Headers(kept), presigned=True)

    def _send(self, request: Request) -> Response:
        """Send one request through the hooks."""
        return self._observed(request, lambda ready: self._hooks.send(ready, self._runtime.transport()))

    def _observed(self, request: Request, send: Callable[[Request], Response]) -> Response:
        """Send one request, telling the observers before and after."""
        started = self.clock.monotonic()
        self.emit(
            lambda: RequestStarted(
                operation=request.operation,
                method=request.method,
                url=request.safe_url,
                attempt=request.attempt,
            )
        )
        try:
            response = send(request)
        except TildeError as error:
            self._emit_finished(request, started, error, error.request_id)
            raise
        self._emit_finished(request, started, response.status, response.headers.request_id)
        return response

    def _emit_finished(self, request: Request, started: float, outcome: int | TildeError, request_id: str) -> None:
        self.emit(
            lambda: RequestFinished(
                operation=request.operation,
                method=request.method,
                url=request.safe_url,
                attempt=request.attempt,
                elapsed=self.clock.monotonic() - started,
                status=outcome if isinstance(outcome, int) else None,
                error=None if isinstance(outcome, int) else outcome,
                request_id=request_id,
            )
        )

    def emit(self, make_event: Callable[[], Event]) -> None:
        """Tell the observers of an event, which is made only if there are any."""
        if self._hooks.has_observers:
            self._hooks.emit(make_event())


class _Connected(Response):
    """The answer 101: the connection has become a WebSocket."""

    __slots__ = ("websocket",)

    def __init__(self, websocket: WebSocket) -> None:
        super().__init__(101)
        self.websocket = websocket


def _redirect_target(request: Request, response: Response) -> str | None:
    """Where a read is sent on to; `None` if it is not, or to nowhere that makes sense: that is an error like others."""
    location = response.headers.get("Location")
    if response.status not in _REDIRECTS or request.method not in ("GET", "HEAD") or not location:
        return None
    try:
        return urljoin(request.url, location)
    except ValueError:
        return None


def _attempt_of(
    operation: Operation, number: int, elapsed: float, repeatable: bool, headers: Headers, failure: TildeError
) -> Attempt:
    return Attempt(
        operation=operation.name,
        number=number,
        elapsed=elapsed,
        repeatable=repeatable,
        status=failure.status_code if isinstance(failure, APIError) else None,
        headers=headers,
        error=failure if isinstance(failure, TransportError) else None,
    )


def _may_have_happened(failure: TildeError) -> bool:
    """Whether the service may have done the work although the attempt failed."""
    if isinstance(failure, APIError):
        return failure.status_code == 408 or failure.status_code >= 500
    return not isinstance(failure, NotSentError)


def _with_token(request: Request, token: str) -> Request:
    return request.with_header("Authorization", f"Bearer {token}")


def _was_deleted_before(operation: Operation, may_have_happened: bool, response: Response) -> bool:
    """A DELETE that may have been done in an attempt before, and finds nothing, did its work then."""
    return operation.method == "DELETE" and may_have_happened and response.status == 404
