"""A transport without a network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

from tilde_core.exceptions import NotSentError
from tilde_core.http import Request, Response

__all__ = ["FakeTransport"]


class FakeTransport:
    """Answers from a list, in order, or from a function of the request; an exception in the list is raised.

    `requests` has what was sent, streams read into bytes. A request beyond the end of the list is an `AssertionError`.
    """

    def __init__(self, answers: Iterable[Response | Exception] | Callable[[Request], Response] = ()) -> None:
        self._answer = answers if callable(answers) else None
        self._answers = [] if callable(answers) else list(answers)
        self._lock = threading.Lock()
        self.requests: list[Request] = []
        self.closed = False

    def send(self, request: Request) -> Response:
        """Record `request` and return the next answer, or raise it."""
        if self.closed:
            raise NotSentError("the client is closed", method=request.method, url=request.safe_url)
        content = request.content
        request = replace(request, content=content if isinstance(content, bytes) else b"".join(content))
        with self._lock:
            self.requests.append(request)
            answer = self._answer or self._next(request)
        if callable(answer):
            return answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """Take note; may be called twice."""
        self.closed = True

    def _next(self, request: Request) -> Response | Exception:
        assert self._answers, f"FakeTransport has no answer left for {request!r}"
        return self._answers.pop(0)
