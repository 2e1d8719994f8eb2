"""A fake service that has one sandbox, `s1` of the repository `o/r`, whose states follow each other as it is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from support import answer
from tilde_core.http import Request, Response

__all__ = ["COMMITTED", "PLACE", "ROOT", "SandboxService", "ends_with", "status"]

PLACE = "/sandboxes/s1"
ROOT = "/api/v1/organizations/o/repositories/r"
Answer = Callable[[], Response]


def status(state: str, reason: str | None = "", **more: Any) -> dict[str, Any]:
    """What the service says of a sandbox in that state; it sends null for what there is not."""
    return {"status": state, "status_reason": reason, "exit_code": None, "commit_id": None, **more}


COMMITTED = status("done", "committed", exit_code=0, commit_id="c1")


class SandboxService:
    """Answers a status from `states`, the last one for ever, and each log with what the next of `logs` gives.

    `overrides` by `"METHOD /path"` come first. `sent` has the requests, `bodies` what was sent along.
    """

    def __init__(self, *states: dict[str, Any]) -> None:
        self.states = list(states) or [COMMITTED]
        self.logs: list[Answer] = []
        self.overrides: dict[str, Answer] = {}
        self.sent: list[str] = []
        self.bodies: list[Any] = []

    def __call__(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        call = f"{request.method} {parts.path.removeprefix(ROOT)}"
        self.sent.append(call + (f"?{parts.query}" if parts.query else ""))
        assert isinstance(request.content, bytes)
        self.bodies.append(json.loads(request.content) if request.content else None)
        return self.overrides.get(call, lambda: self.found(call))()

    def found(self, call: str) -> Response:
        method, path = call.split(" ")
        if "/logs/" in path:
            return self.logs.pop(0)() if len(self.logs) > 1 else self.logs[0]()
        if path.endswith("/status"):
            return answer(200, self.states.pop(0) if len(self.states) > 1 else self.states[0])
        if method == "POST" and path == "/sandboxes":
            return answer(201, {"sandbox_id": "s1"})
        if method != "GET":
            return answer(202, {"message": "accepted"})
        entity = {"id": "s1", "image": "python:3.12", "env_vars": {"A": "b"}, "command": None, **self.states[0]}
        return answer(200, entity if path == PLACE else {"results": [entity, {**entity, "id": "s2"}]})

    def count(self, call: str) -> int:
        """How often that was asked."""
        return self.sent.count(call)


def ends_with(*pieces: bytes | BaseException, **headers: str) -> Answer:
    """A log that comes in these pieces; an exception breaks it off. Its framing says where it ends, as a rule."""

    def body() -> Iterator[bytes]:
        for piece in pieces:
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    framing: Iterable[tuple[str, str]] = (headers or {"Transfer-Encoding": "chunked"}).items()
    return lambda: Response(200, list(framing), body())
