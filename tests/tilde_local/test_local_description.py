"""The OpenAPI document, and that the watch over the answers sees what does not agree with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsonschema_rs
import pytest

from tilde_local.api.call import json_response
from tilde_local.api.endpoint import Endpoint
from tilde_local.api.routes import ROUTES

if TYPE_CHECKING:
    from conformance import Conformance
    from tilde_local.conftest import Api


def test_the_document_has_every_route_and_is_complete(api: Api) -> None:
    document = api.call("GET", "/openapi.json").json
    assert document["openapi"] == "3.1.0"
    served = {(path, method.lower()) for path, methods in ROUTES.items() for method in methods}
    described = {
        (path, method) for path, item in document["paths"].items() for method in item if method != "parameters"
    }
    assert described == served
    operations = [item[method] for item in document["paths"].values() for method in item if method != "parameters"]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] for operation in operations)
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})


def test_answers_have_no_fields_but_those_described(api: Api) -> None:
    schemas = api.call("GET", "/openapi.json").json["components"]["schemas"]
    assert schemas["RepositoryAnswer"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["CreateRepository"]
    assert schemas["CreateRepository"]["required"] == ["name"]


@pytest.mark.parametrize(
    ("answer", "status", "complaint"),
    [
        ({"results": [], "more": 1}, 200, "AdditionalProperties"),
        ({"results": None}, 200, "['results']: Type"),
        ({}, 200, "Required"),
        ({"results": []}, 201, "the status is not described"),
    ],
)
def test_what_is_not_described_is_seen(
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    conformance: Conformance,
    answer: object,
    status: int,
    complaint: str,
) -> None:
    monkeypatch.setattr(Endpoint, "__call__", lambda self, call: json_response(answer, status))
    api.call("GET", "/organizations")
    assert complaint in "\n".join(conformance.complaints)
    assert conformance.complaints[0].startswith(f"GET /organizations answered {status}: ")
    conformance.complaints.clear()
