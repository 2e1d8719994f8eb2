"""The server's OpenAPI document, out of the descriptions that its endpoints are made with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from tilde_local.api.endpoint import Answer, Endpoint, Parameter, Uuid
from tilde_local.errors import ErrorBody

__all__ = ["document"]

Routes = Mapping[str, Mapping[str, Endpoint]]
Json = dict[str, Any]

_REF = "#/components/schemas/{name}"
# What every operation may answer: a query that is none, no valid key, a page of another origin.
_REFUSALS = (400, 401, 403)
_SLUG: Json = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{1,62}$"}
_PATH_PARAMETERS: Mapping[str, Json] = {
    **dict.fromkeys(("organization", "role_name", "agent_name"), _SLUG),
    "secret_key": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_-]{0,255}$"},
}


def document(routes: Routes, version: str) -> Json:
    """An OpenAPI 3.1 document of `routes`, whose paths are relative to the root of the API."""
    endpoints = [endpoint for methods in routes.values() for endpoint in methods.values()]
    schemas = _schemas(endpoints)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tilde, the local server", "version": version},
        "servers": [{"url": "/api/v1"}],
        "security": [{"BearerAuth": []}],
        "paths": {path: _path_item(path, methods, schemas) for path, methods in routes.items()},
        "components": {
            "securitySchemes": {"BearerAuth": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas.components,
        },
    }


class _Schemas:
    """The schema of each type that the endpoints name."""

    def __init__(self, types: list[Any]) -> None:
        self._types = types
        schemas, self.components = msgspec.json.schema_components(types, ref_template=_REF)
        self._schemas = list(schemas)

    def of(self, kind: Any) -> Json:
        """The schema of a type; a reference where it has a name."""
        return self._schemas[self._types.index(kind)]


def _schemas(endpoints: list[Endpoint]) -> _Schemas:
    answers = [a.type for each in endpoints for a in each.answers.values() if a.type is not None]
    bodies = [each.body for each in endpoints if each.body is not None]
    parameters = [parameter.type for each in endpoints for parameter in each.query]
    unique: list[Any] = []
    for kind in (ErrorBody, Uuid, *answers, *bodies, *parameters):
        if kind not in unique:
            unique.append(kind)
    schemas = _Schemas(unique)
    _close(schemas, [ErrorBody, *answers])
    return schemas


def _close(schemas: _Schemas, answers: list[Any]) -> None:
    """An answer has the fields that are described, and no others. (Bodies may have more, which is ignored.)"""
    waiting = [schemas.of(kind) for kind in answers]
    seen: set[str] = set()
    while waiting:
        for name in set(_referred(waiting.pop())) - seen:
            seen.add(name)
            schemas.components[name].setdefault("additionalProperties", False)
            waiting.append(schemas.components[name])


def _referred(schema: Any) -> Iterator[str]:
    """The names of the components that a schema refers to."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for value in schema.values():
            yield from _referred(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _referred(value)


def _path_item(path: str, methods: Mapping[str, Endpoint], schemas: _Schemas) -> Json:
    item: Json = {method.lower(): _operation(method, endpoint, schemas) for method, endpoint in methods.items()}
    names = re.findall(r"{(\w+)}", path)
    return {"parameters": [_path_parameter(name, schemas) for name in names], **item} if names else item


def _path_parameter(name: str, schemas: _Schemas) -> Json:
    is_id = name.endswith("_id") and name not in ("commit_id", "key_id")
    schema = _PATH_PARAMETERS.get(name, schemas.of(Uuid) if is_id else {"type": "string"})
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _operation(method: str, endpoint: Endpoint, schemas: _Schemas) -> Json:
    errors = dict.fromkeys((*_REFUSALS, *endpoint.errors, *((413,) if endpoint.body is not None else ())))
    responses = {str(status): _success(status, answer, schemas) for status, answer in endpoint.answers.items()}
    responses |= {str(status): _error(status, method, schemas) for status in sorted(errors)}
    operation: Json = {"operationId": endpoint.operation_id, "summary": _summary(endpoint)}
    if endpoint.query:
        operation["parameters"] = [_query_parameter(parameter, schemas) for parameter in endpoint.query]
    if endpoint.body is not None:
        content = _content(schemas.of(endpoint.body))
        operation["requestBody"] = {"required": endpoint.body_required, "content": content}
    return {**operation, "responses": responses}


def _summary(endpoint: Endpoint) -> str:
    """The first line of the docstring, which begins with method and path: only what comes behind is said here."""
    line = (endpoint.function.__doc__ or "").strip().partition("\n")[0]
    return line.partition(": ")[2] or line


def _query_parameter(parameter: Parameter, schemas: _Schemas) -> Json:
    described: Json = {"name": parameter.name, "in": "query", "required": parameter.required}
    return {**described, "description": parameter.description, "schema": schemas.of(parameter.type)}


def _content(schema: Json, media_type: str = "application/json") -> Json:
    return {media_type: {"schema": schema}}


def _success(status: int, answer: Answer, schemas: _Schemas) -> Json:
    response: Json = {"description": HTTPStatus(status).phrase}
    if answer.headers:
        response["headers"] = {name: {"required": True, "schema": {"type": "string"}} for name in answer.headers}
    if answer.type is None:
        return response
    return {**response, "content": _content(schemas.of(answer.type), answer.media_type)}


def _error(status: int, method: str, schemas: _Schemas) -> Json:
    response: Json = {"description": HTTPStatus(status).phrase}
    return response if method == "HEAD" else {**response, "content": _content(schemas.of(ErrorBody))}
