"""Holds every answer of the embedded servers of this process against the document that they serve themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import jsonschema_rs
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tilde_local.api.routes import API_ROOT, ROUTES
from tilde_local.openapi import document

__all__ = ["Conformance"]

_DOCUMENT = document(ROUTES, "test")
_TEMPLATES = [(compile_path(API_ROOT + path)[0], path) for path in ROUTES]
# What paths and methods that are not described answer.
_UNDESCRIBED = {401, 403, 404, 405, 413}


class Conformance:
    """`wrap` makes an application whose answers are looked at; `complaints` is what did not agree."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def wrap(self, build: Callable[..., ASGIApp]) -> Callable[..., ASGIApp]:
        return lambda *arguments: self._watched(build(*arguments))

    def _watched(self, app: ASGIApp) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not scope["path"].startswith(f"{API_ROOT}/"):
                await app(scope, receive, send)
                return
            answer = _Answer()

            async def note(message: Message) -> None:
                answer.add(message)
                # Before it is sent: once the test has its answer, it may be over.
                if not message.get("more_body", message["type"] == "http.response.start"):
                    self._check(scope, answer)
                await send(message)

            await app(scope, receive, note)

        return serve

    def _check(self, scope: Scope, answer: _Answer) -> None:
        path = scope["raw_path"].decode("latin-1")
        template = next((name for pattern, name in _TEMPLATES if pattern.match(path)), None)
        for complaint in answer.complaints(template, scope["method"]):
            self.complaints.append(f"{scope['method']} {template or path} answered {answer.status}: {complaint}")


class _Answer:
    """An answer as it goes out."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    def add(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]}
        elif self.headers.get("content-type") == "application/json" or not self.body:
            # Of what is no JSON, whether there is something will do.
            self.body += message.get("body", b"")

    def complaints(self, template: str | None, method: str) -> list[str]:
        operation = _DOCUMENT["paths"].get(template, {}).get(method.lower())
        if operation is None:
            return [] if self.status in _UNDESCRIBED else ["this path has no such method"]
        response = operation["responses"].get(str(self.status))
        if response is None:
            return [f"the status is not described; {self.body[:300]!r}"]
        return [*self._missing_headers(response), *self._wrong_body(response, method)]

    def _missing_headers(self, response: dict[str, Any]) -> list[str]:
        return [f"no header {name}" for name in response.get("headers", {}) if name.lower() not in self.headers]

    def _wrong_body(self, response: dict[str, Any], method: str) -> list[str]:
        content = response.get("content")
        if content is None:
            # To HEAD the server itself sends no body, whatever the application hands it.
            return ["a body where none is described"] if self.body and method != "HEAD" else []
        if self.headers.get("content-type") not in content:
            return [f"content type {self.headers.get('content-type')}"]
        if "application/json" not in content:
            return []
        validator = _validator(json.dumps(content["application/json"]["schema"]))
        # Only where and what: the values may be secrets.
        return [
            f"{error.instance_path}: {type(error.kind).__name__}"
            for error in validator.iter_errors(json.loads(self.body))
        ]


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    whole = {**json.loads(schema), "components": _DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
