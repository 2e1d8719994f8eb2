"""What differs between two OpenAPI documents: the contract, and what a server says of itself.

A difference is a place, such as `GET /organizations 200 results[] id`, and what is different there. An answer may
promise more than the contract does (a field that is always there, fewer values), and a request may be asked for less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["Difference", "compare"]

Json = Mapping[str, Any]
_METHODS = ("get", "put", "post", "delete", "head", "patch")
_LIMITS = ("format", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength")


class Difference(NamedTuple):
    """One difference, as a row of the table of the documentation has it."""

    place: str
    what: str


def compare(contract: Json, served: Json) -> Iterator[Difference]:
    """Every difference, path by path."""
    sides = _Side(contract), _Side(served)
    theirs, ours = (side.operations() for side in sides)
    for place in sorted({*theirs, *ours}):
        if place not in ours:
            yield Difference(place, "not served")
        elif place not in theirs:
            yield Difference(place, "not in the contract")
        else:
            yield from _Operation(place, *sides, theirs[place], ours[place]).differences()


class _Side:
    """One of the documents."""

    def __init__(self, document: Json) -> None:
        self._document = document

    def operations(self) -> dict[str, Json]:
        """The operations by method and path; parameters of the path are in each of them."""
        return {
            f"{method.upper()} {path}": {**item[method], "parameters": self._parameters(item, method)}
            for path, item in self._document["paths"].items()
            for method in _METHODS
            if method in item
        }

    def _parameters(self, item: Json, method: str) -> dict[str, Json]:
        listed = [*item.get("parameters", ()), *item[method].get("parameters", ())]
        resolved = [self.resolved(parameter) for parameter in listed]
        return {f"{parameter['in']} {parameter['name']}": parameter for parameter in resolved}

    def resolved(self, value: Json) -> Json:
        """What a reference refers to, with the parts of an `allOf` put together, and no null beside a type."""
        while "$ref" in value:
            found: Any = self._document
            for part in value["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            value = found
        if "allOf" in value:
            parts = [self.resolved(part) for part in value["allOf"]]
            merged = {key: each for part in parts for key, each in part.items()}
            for key, empty in (("properties", {}), ("required", [])):
                merged[key] = type(empty)(x for part in parts for x in _pairs(part.get(key, empty)))
            value = {**merged, **{key: each for key, each in value.items() if key != "allOf"}}
        return value


def _pairs(value: Any) -> Any:
    return value.items() if isinstance(value, Mapping) else value


def _is_nullable(schema: Json) -> bool:
    kinds = [each.get("type") for each in schema.get("anyOf", ())]
    return bool(schema.get("nullable")) or "null" in kinds


def _without_null(schema: Json) -> Json:
    several = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return several[0] if len(several) == 1 else schema


def _type(schema: Json) -> str | None:
    if "type" not in schema and all(isinstance(value, str) for value in schema.get("enum", [0])):
        return "string"
    return schema.get("type")


def _is_within(wide: Any, narrow: Any) -> bool:
    """Whether a limit holds where another one is kept to. Integers have one size here."""
    if isinstance(wide, list) and isinstance(narrow, list):
        return set(narrow) <= set(wide)
    return wide in (None, "int64", narrow)


def _shown(limit: Any) -> str:
    return ", ".join(limit) if isinstance(limit, list) else str(limit).lower()


class _Operation:
    """An operation that both have."""

    def __init__(self, place: str, contract: _Side, served: _Side, theirs: Json, ours: Json) -> None:
        self._place = place
        self._contract = contract
        self._served = served
        self._theirs = theirs
        self._ours = ours

    def differences(self) -> Iterator[Difference]:
        if self._theirs["operationId"] != self._ours["operationId"]:
            yield Difference(
                self._place, f"operationId {self._theirs['operationId']}, here {self._ours['operationId']}"
            )
        yield from self._of_parameters()
        yield from self._of_bodies()
        yield from self._of_responses()

    def _of_parameters(self) -> Iterator[Difference]:
        theirs, ours = self._theirs["parameters"], self._ours["parameters"]
        for name in sorted({*theirs, *ours}):
            place = f"{self._place} {name}"
            if name not in ours or name not in theirs:
                yield Difference(place, "not read" if name not in ours else "not in the contract")
                continue
            if bool(theirs[name].get("required")) != bool(ours[name].get("required")):
                yield Difference(place, "required" if ours[name].get("required") else "not required")
            yield from self._of_schemas(place, theirs[name]["schema"], ours[name]["schema"], is_answer=False)

    def _of_bodies(self) -> Iterator[Difference]:
        theirs, ours = self._theirs.get("requestBody"), self._ours.get("requestBody")
        place = f"{self._place} body"
        if theirs is None or ours is None:
            if theirs is not ours:
                yield Difference(place, "not read" if ours is None else "not in the contract")
            return
        if ours.get("required") and not theirs.get("required"):
            yield Difference(place, "required")
        yield from self._of_schemas(place, *(_json_schema(each) for each in (theirs, ours)), is_answer=False)

    def _of_responses(self) -> Iterator[Difference]:
        theirs, ours = self._theirs["responses"], self._ours["responses"]
        for status in sorted({*theirs, *ours}):
            place = f"{self._place} {status}"
            if status not in ours or status not in theirs:
                yield Difference(place, "never answered" if status not in ours else "not in the contract")
                continue
            schemas = [
                _json_schema(side.resolved(each[status]))
                for side, each in ((self._contract, theirs), (self._served, ours))
            ]
            if (schemas[0] is None) != (schemas[1] is None):
                yield Difference(place, "no content" if schemas[1] is None else "content")
            elif schemas[0] is not None:
                yield from self._of_schemas(place, *schemas, is_answer=True)

    def _of_schemas(self, place: str, theirs: Any, ours: Any, *, is_answer: bool) -> Iterator[Difference]:
        theirs, ours = self._contract.resolved(theirs), self._served.resolved(ours)
        if _is_nullable(ours) and not _is_nullable(theirs):
            yield Difference(place, "may be null")
        theirs, ours = self._contract.resolved(_without_null(theirs)), self._served.resolved(_without_null(ours))
        if _type(ours) != _type(theirs):
            yield Difference(place, f"type {_type(theirs)}, here {_type(ours)}")
            return
        promised, given = (theirs, ours) if is_answer else (ours, theirs)
        for limit in _LIMITS:
            if not _is_within(promised.get(limit), given.get(limit)):
                yield Difference(place, f"{limit} {_shown(theirs.get(limit))}, here {_shown(ours.get(limit))}")
        yield from self._of_properties(place, theirs, ours, is_answer=is_answer)
        if "items" in theirs or "items" in ours:
            items = theirs.get("items", {}), ours.get("items", {})
            yield from self._of_schemas(f"{place}[]", *items, is_answer=is_answer)

    def _of_properties(self, place: str, theirs: Json, ours: Json, *, is_answer: bool) -> Iterator[Difference]:
        fields = theirs.get("properties", {}), ours.get("properties", {})
        for name in sorted({*fields[0], *fields[1]}):
            if name not in fields[1] or name not in fields[0]:
                missing = "never answered" if is_answer else "not read"
                yield Difference(f"{place} {name}", missing if name not in fields[1] else "not in the contract")
            else:
                yield from self._of_schemas(f"{place} {name}", fields[0][name], fields[1][name], is_answer=is_answer)
        must, may = (ours, theirs) if not is_answer else (theirs, ours)
        for name in sorted(set(must.get("required", ())) - set(may.get("required", ()))):
            if name in fields[0] and name in fields[1]:
                yield Difference(f"{place} {name}", "not always there" if is_answer else "required")


def _json_schema(message: Json) -> Any:
    """The schema of the content, of which there is one; None if there is none."""
    return next((content.get("schema") for content in message.get("content", {}).values()), None)
