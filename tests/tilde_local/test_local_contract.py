"""The server's description against the contract: what differs is what the document about it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract_comparison import Difference, compare
from docs.tables import table_rows
from tilde_local.api.routes import ROUTES
from tilde_local.openapi import document

CONTRACT = Path(__file__).parents[3] / "shared" / "spec" / "openapi.yaml"
CONFORMANCE = Path(__file__).parents[2] / "docs" / "conformance.md"
needs_contract = pytest.mark.skipif(
    not CONTRACT.is_file(), reason=f"the contract is not beside this checkout ({CONTRACT})"
)


def pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", ".*"))


def rows() -> list[list[str]]:
    return list(table_rows(CONFORMANCE.read_text(encoding="utf-8"), "Differences"))


def listed() -> list[tuple[str, str]]:
    return [(where.strip("`"), what) for where, what, _ in rows()]


def covers(row: tuple[str, str], difference: Difference) -> bool:
    return all(pattern(text).fullmatch(part) for text, part in zip(row, difference, strict=True))


@needs_contract
def test_every_difference_is_listed_and_every_row_is_one() -> None:
    contract: Any = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    found, known = list(compare(contract, document(ROUTES, "test"))), listed()
    unlisted = [f"| `{each.place}` | {each.what} |" for each in found if not any(covers(row, each) for row in known)]
    assert not unlisted, "differences that are not listed:\n" + "\n".join(unlisted)
    idle = [f"| `{row[0]}` | {row[1]} |" for row in known if not any(covers(row, each) for each in found)]
    assert not idle, "rows that are no differences:\n" + "\n".join(idle)


def test_each_row_has_a_reason() -> None:
    assert len(rows()) > 10
    assert all(len(row) == 3 and row[2] for row in rows())


OPERATION: dict[str, Any] = {
    "operationId": "get",
    "parameters": [{"name": "p", "in": "query", "schema": {"type": "string", "enum": ["a", "b"]}}],
    "requestBody": {
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}},
    },
    "responses": {
        "200": {
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["id"],
                        "properties": {
                            "id": {"type": "string", "format": "uuid"},
                            "list": {"type": "array", "items": {"type": "integer"}},
                        },
                    }
                }
            }
        }
    },
}
BODY = {"type": "object", "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}}
SCHEMA = OPERATION["responses"]["200"]["content"]["application/json"]["schema"]


def api(operation: dict[str, Any], body: dict[str, Any] = BODY, path: str = "/x") -> dict[str, Any]:
    return {"paths": {path: {"put": operation}}, "components": {"schemas": {"Body": body}}}


def answering(**schema: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": {**SCHEMA, **schema}}}
    return {**OPERATION, "responses": {"200": {"content": content}}}


def parameter(**changed: Any) -> dict[str, Any]:
    return {**OPERATION, "parameters": [{**OPERATION["parameters"][0], **changed}]}


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        (api(OPERATION), []),
        (api(OPERATION, path="/y"), ["PUT /x | not served", "PUT /y | not in the contract"]),
        (api({**OPERATION, "operationId": "other"}), ["PUT /x | operationId get, here other"]),
        (api({**OPERATION, "parameters": []}), ["PUT /x query p | not read"]),
        (api(parameter(required=True)), ["PUT /x query p | required"]),
        (api(parameter(schema={"type": "integer"})), ["PUT /x query p | type string, here integer"]),
        (api(parameter(schema={"enum": ["a"]})), ["PUT /x query p | enum a, b, here a"]),
        (api(parameter(schema={"type": "string"})), []),
        (api(OPERATION, {**BODY, "required": ["size"]}), ["PUT /x body size | required"]),
        (api(OPERATION, {**BODY, "properties": {"name": {"type": "string"}}}), ["PUT /x body size | not read"]),
        (api({**OPERATION, "responses": {}}), ["PUT /x 200 | never answered"]),
        (api({**OPERATION, "responses": {"200": {}}}), ["PUT /x 200 | no content"]),
        (api(answering(required=[])), ["PUT /x 200 id | not always there"]),
        (api(answering(required=["id", "list"])), []),
        (
            api(answering(properties={**SCHEMA["properties"], "list": {"type": "array", "items": {"type": "string"}}})),
            ["PUT /x 200 list[] | type integer, here string"],
        ),
        (
            api(answering(properties={**SCHEMA["properties"], "id": {"type": "string"}, "more": {}})),
            ["PUT /x 200 id | format uuid, here none", "PUT /x 200 more | not in the contract"],
        ),
        (
            api(
                answering(
                    properties={
                        **SCHEMA["properties"],
                        "id": {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]},
                    }
                )
            ),
            ["PUT /x 200 id | may be null"],
        ),
    ],
)
def test_the_comparison_sees(served: dict[str, Any], expected: list[str]) -> None:
    assert [f"{place} | {what}" for place, what in compare(api(OPERATION), served)] == expected
