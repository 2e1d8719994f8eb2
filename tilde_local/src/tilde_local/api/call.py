"""One authenticated API call: its path, query and body, read strictly."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import HTTPConnection
from starlette.responses import Response

from tilde_local.errors import BadRequest
from tilde_local.sandboxes.gateway import OUTER_ORIGIN
from tilde_local.services import Services
from tilde_local.store import organizations, repositories
from tilde_local.store.permissions import Caller
from tilde_local.store.records import Organization, Principal, Repository

__all__ = ["MAX_AMOUNT", "Call", "Query", "json_response", "no_content", "origins", "page_of"]

T = TypeVar("T")
R = TypeVar("R")

MAX_AMOUNT = 1000
DEFAULT_AMOUNT = 100
_AT = re.compile(r"(?P<what>.*?)(?: - at `(?:key in )?\$\.?(?P<field>[^`]*)`)?")
_MISSING = re.compile(r"Object (?P<what>missing required|contains unknown) field `(?P<name>[^`]*)`")


class Query:
    """The query parameters of an operation, which knows `names`: others are ignored.

    Repeated and undecodable ones are refused with a 400.
    """

    def __init__(self, raw: bytes, names: frozenset[str]) -> None:
        self._names = names
        self._values: dict[str, str] = {}
        try:
            pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
        except ValueError as error:
            raise BadRequest("the query is not percent-encoded UTF-8") from error
        for name, value in pairs:
            if name in self._values:
                raise BadRequest(f"{name}: given more than once")
            self._values[name] = value

    def text(self, name: str) -> str:
        """The parameter, or an empty string if it is absent: for those that mean the same empty."""
        return self.optional(name) or ""

    def optional(self, name: str) -> str | None:
        """The parameter, or None if it is absent: for those that name something, as an empty name is a wrong one."""
        if name not in self._names:
            raise LookupError(f"the parameter {name!r} is not in the description of this operation")
        return self._values.get(name)

    def required(self, name: str) -> str:
        """The parameter. Raises BadRequest if it is absent."""
        value = self.optional(name)
        if value is None:
            raise BadRequest(f"{name}: a required query parameter is missing")
        return value

    def number(self, name: str, default: int, highest: int) -> int:
        """The parameter as an integer from 1 to `highest`. Raises BadRequest."""
        text = self.optional(name)
        if text is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or not 1 <= int(text) <= highest:
            raise BadRequest(f"{name}: expected an integer from 1 to {highest}, got {text!r}")
        return int(text)

    def amount(self, default: int = DEFAULT_AMOUNT) -> int:
        """How many results a page shall have."""
        return self.number("amount", default, MAX_AMOUNT)


class Call(NamedTuple):
    """What an endpoint gets. `origin` is the server's own address as the client wrote it, `web_origin` that for people.

    Nothing of an organization can be reached without naming the action that it is for.
    """

    services: Services
    caller: Principal
    params: Mapping[str, str]
    query: Query
    body: bytes
    origin: str
    web_origin: str

    def json(self, shape: type[T]) -> T:
        """The body as `shape`. Raises BadRequest that names the field which is wrong."""
        if not self.body:
            raise BadRequest("a JSON body is required")
        try:
            return msgspec.json.decode(self.body, type=shape)
        except msgspec.ValidationError as error:
            raise BadRequest(_explain(str(error), self.body)) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest(f"the body is not JSON: {error}", code="malformed_json") from error

    def own_organization(self, db: sqlite3.Connection) -> Organization:
        """The organization in the path, for which belonging to it is enough. Raises NotFound."""
        return organizations.find(db, self.params["organization"], self.caller)

    def permissions(self, db: sqlite3.Connection, organization: Organization) -> Caller:
        """What the caller may do in an organization of his."""
        return Caller.of(db, self.caller, organization)

    def organization(self, db: sqlite3.Connection, action: str, **arguments: str) -> Organization:
        """The organization in the path, if the caller may do `action` there. Raises NotFound, Forbidden."""
        organization = self.own_organization(db)
        self.permissions(db, organization).require(action, arguments)
        return organization

    def repository(self, db: sqlite3.Connection, action: str, **arguments: str) -> Repository:
        """The repository in the path, if the caller may do `action` there. Raises NotFound, Forbidden."""
        return self.repository_for(db, action, [arguments])

    def repository_for(self, db: sqlite3.Connection, action: str, several: Iterable[Mapping[str, str]]) -> Repository:
        """The repository in the path, if the caller may do `action` with each of several sets of arguments."""
        organization, name = self.own_organization(db), self.params["repository"]
        permissions = self.permissions(db, organization)
        for arguments in several:
            permissions.require(action, {"repository": name, **arguments})
        return repositories.find(db, organization, name)

    def source_repository(
        self, db: sqlite3.Connection, organization: str, name: str, actions: Iterable[str], path: str
    ) -> Repository:
        """Another repository than that in the path, if the caller may do all `actions` to `path` there.

        Raises NotFound, also if he does not belong to the organization, and Forbidden.
        """
        found = organizations.find(db, organization, self.caller)
        permissions = self.permissions(db, found)
        for action in actions:
            permissions.require(action, {"repository": name, "path": path})
        return repositories.find(db, found, name)


def _explain(message: str, body: bytes) -> str:
    """A message of msgspec with the field in front: `retention_days: expected int, got str`."""
    found = _AT.fullmatch(message)
    what, field = (found["what"], _with_key(found["field"] or "", body)) if found else (message, "")
    if missing := _MISSING.fullmatch(what):
        name = ".".join(part for part in (field, missing["name"]) if part)
        return f"{name}: {'required, but missing' if 'missing' in missing['what'] else 'no such field'}"
    text = what.replace("`", "")
    return f"{field or 'body'}: {text[:1].lower()}{text[1:]}"


def _with_key(field: str, body: bytes) -> str:
    """`metadata[...]` as `metadata['key']`: msgspec names the places in arrays, but not in maps."""
    holder, found, rest = field.partition("[...]")
    for key, value in _map_at(body, holder).items() if found else ():
        # All maps are of text, and decoding stopped at the first value that is none.
        if not isinstance(value, str):
            return f"{holder}[{key!r}]{rest}"
    return field


def _map_at(body: bytes, place: str) -> dict[str, Any]:
    """The map in a field; empty if the body is no JSON further on, or has another value for the same name there."""
    try:
        found = msgspec.json.decode(body)
        for name in place.split("."):
            found = found[name]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def origins(connection: HTTPConnection) -> tuple[str, str]:
    """The server's address as the client wrote it, and as people can open it: in a sandbox that is another one."""
    origin = f"http://{connection.headers['host']}"
    return origin, connection.scope.get(OUTER_ORIGIN, origin)


def json_response(value: Any, status: int = 200) -> Response:
    """`value` as JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def no_content() -> Response:
    """Done, and nothing to say about it."""
    return Response(status_code=204)


def page_of(rows: list[R], amount: int, render: Callable[[R], Any], cursor: Callable[[R], str]) -> Response:
    """A page of `amount` results out of up to one more, which only tells that there is a next page."""
    shown = rows[:amount]
    pagination: dict[str, Any] = {"has_more": len(rows) > amount, "max_per_page": MAX_AMOUNT}
    if len(rows) > amount:
        pagination["next_offset"] = cursor(shown[-1])
    return json_response({"results": [render(row) for row in shown], "pagination": pagination})
