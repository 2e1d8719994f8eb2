"""Principals in queries and bodies: a type and an id."""

from __future__ import annotations

import sqlite3
from typing import Annotated

import msgspec

from tilde_local.api.call import Call
from tilde_local.api.endpoint import Parameter, SubjectType, Uuid
from tilde_local.errors import BadRequest
from tilde_local.store import principals
from tilde_local.store.records import Organization, Principal

__all__ = ["PRINCIPAL", "SUBJECT", "WHOSE", "Source", "asked_about", "named", "pair"]

Source = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["direct", "group"]})]

_TYPES = ("user", "group", "role", "agent")


def _pair(prefix: str, *, required: bool) -> tuple[Parameter, Parameter]:
    return (
        Parameter(f"{prefix}_type", "what kind of principal", SubjectType, required),
        Parameter(f"{prefix}_id", "its id", Uuid, required),
    )


PRINCIPAL = _pair("principal", required=True)
SUBJECT = _pair("subject", required=True)
WHOSE = (Parameter("user_id", "a user: instead of type and id", Uuid), *_pair("principal", required=False))


def _checked_type(field: str, kind: str) -> str:
    if kind not in _TYPES:
        raise BadRequest(f"{field}: one of {', '.join(_TYPES)}, got {kind!r}")
    return kind


def pair(call: Call, prefix: str) -> tuple[str, str]:
    """Type and id of the principal in the query, who need not exist any more. Raises BadRequest."""
    kind = _checked_type(f"{prefix}_type", call.query.required(f"{prefix}_type"))
    return kind, call.query.required(f"{prefix}_id")


def named(db: sqlite3.Connection, organization: Organization, prefix: str, kind: str, principal_id: str) -> Principal:
    """The principal of the organization with that type and id. Raises BadRequest."""
    found = principals.find_by_id(db, _checked_type(f"{prefix}_type", kind), principal_id, organization)
    if found is None:
        raise BadRequest(f"{prefix}_id: no {kind} {principal_id!r} in organization {organization.name!r}")
    return found


def asked_about(call: Call, db: sqlite3.Connection, organization: Organization) -> Principal:
    """The principal that the query asks about, by `user_id` or by type and id. Raises BadRequest."""
    user_id, kind, principal_id = (call.query.optional(name) for name in ("user_id", "principal_type", "principal_id"))
    if user_id is not None and (kind is not None or principal_id is not None):
        raise BadRequest("user_id excludes principal_type and principal_id: give one or the other")
    if user_id is not None:
        return named(db, organization, "user", "user", user_id)
    if kind is None or principal_id is None:
        raise BadRequest("principal_type and principal_id: both are required")
    return named(db, organization, "principal", kind, principal_id)
