"""/openapi.json: what this server answers, for tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from starlette.responses import Response

from tilde_local import __version__
from tilde_local.api.call import Call, json_response
from tilde_local.api.endpoint import Endpoint, endpoint
from tilde_local.openapi import document

__all__ = ["describe"]


def describe(routes: Callable[[], Mapping[str, Mapping[str, Endpoint]]]) -> Endpoint:
    """The endpoint that answers the OpenAPI document of `routes`, itself included."""
    described = cache(lambda: document(routes(), __version__))

    @endpoint("getOpenApi", {200: dict[str, Any]})
    def get(call: Call) -> Response:
        """GET /openapi.json: this document."""
        return json_response(described())

    return get
