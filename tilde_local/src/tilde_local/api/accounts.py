"""/auth: who calls, and who else is there"""

from __future__ import annotations

import sqlite3
from typing import Literal

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response
from tilde_local.api.endpoint import Listed, Parameter, Time, Uuid, endpoint
from tilde_local.errors import Forbidden
from tilde_local.store import organizations, principals, users
from tilde_local.store.records import Principal

__all__ = ["check_username", "me", "search"]

_MOST_FOUND = 20


class UserAnswer(msgspec.Struct):
    """Who calls. Roles and agents are told by their `source`."""

    id: Uuid
    username: str
    email: str
    full_name: str
    source: str
    status: Literal["active"]
    created_at: Time


class OrganizationSummary(msgspec.Struct):
    """An organization of the caller."""

    id: Uuid
    name: str
    display_name: str


class Me(msgspec.Struct):
    """The caller and his organizations."""

    user: UserAnswer
    organizations: list[OrganizationSummary]
    has_password: bool


class Found(msgspec.Struct):
    """A user as others find him."""

    username: str
    full_name: str


class IsAvailable(msgspec.Struct):
    """Whether a username can be taken."""

    available: bool


@endpoint("getCurrentUser", {200: Me})
def me(call: Call) -> Response:
    """GET /auth/me: who the API key belongs to."""
    with call.services.database.read() as db:
        user = _describe(db, call.caller)
        mine = organizations.list_of(db, call.caller)
    summaries = [OrganizationSummary(each.id, each.name, each.display_name) for each in mine]
    return json_response(Me(user, summaries, has_password=False))


def _describe(db: sqlite3.Connection, caller: Principal) -> UserAnswer:
    if caller.type == "user":
        user = users.find(db, caller.id)
        return UserAnswer(user.id, user.username, user.email, user.full_name, "local", "active", user.created_at)
    created_at = principals.created_at(db, caller)
    return UserAnswer(caller.id, caller.name, "", caller.name, caller.type, "active", created_at)


def _refuse_agents(call: Call) -> None:
    """Raise Forbidden for an agent: no inline policy could grant what lies outside of organizations."""
    if call.caller.type == "agent":
        raise Forbidden("agents may do what their inline policies grant, which is never to look for users")


@endpoint(
    "checkUsername", {200: IsAvailable}, query=(Parameter("username", "the name", required=True),), errors=(400, 403)
)
def check_username(call: Call) -> Response:
    """GET /auth/check-username"""
    _refuse_agents(call)
    username = call.query.required("username")
    with call.services.database.read() as db:
        available = users.is_name(username) and users.find_by_name(db, username) is None
    return json_response(IsAvailable(available))


@endpoint("searchUsers", {200: Listed[Found]}, query=(Parameter("q", "how the username begins"),), errors=(403,))
def search(call: Call) -> Response:
    """GET /auth/search-users: the first 20 by name."""
    _refuse_agents(call)
    with call.services.database.read() as db:
        found = users.search(db, call.query.text("q"), _MOST_FOUND)
    return json_response(Listed([Found(user.username, user.full_name) for user in found]))
