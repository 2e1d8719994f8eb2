"""The caller, other users, and names that are free or taken, on the wire."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tilde_core.models.base import Model, OrDefault

__all__ = ["CurrentUser", "NameCheck", "OrganizationSummary", "User", "UserSummary"]


class User(Model, frozen=True, kw_only=True):
    """A user's account. `status` is `"active"`, or `"pending"` until an admin approves it."""

    id: str
    username: OrDefault[str] = ""
    email: OrDefault[str] = ""
    full_name: OrDefault[str] = ""
    company: OrDefault[str] = ""
    bio: OrDefault[str] = ""
    source: OrDefault[str] = ""
    status: OrDefault[str] = ""
    created_at: datetime | None = None


class OrganizationSummary(Model, frozen=True, kw_only=True):
    """An organization that a user belongs to; `tilde.organizations.get(name)` has the rest."""

    id: OrDefault[str] = ""
    name: OrDefault[str] = ""
    display_name: OrDefault[str] = ""


class CurrentUser(Model, frozen=True, kw_only=True):
    """Who the caller is, and which organizations they belong to."""

    user: User
    organizations: OrDefault[list[OrganizationSummary]] = msgspec.field(default_factory=list)
    has_password: OrDefault[bool] = False


class UserSummary(Model, frozen=True, kw_only=True):
    """A user whom a search has found."""

    username: OrDefault[str] = ""
    full_name: OrDefault[str] = ""


class NameCheck(Model, frozen=True, kw_only=True):
    """Whether a name is `available`. If not, `reason` is `"invalid"`, `"reserved"` or `"taken"`, or `""`: not told."""

    available: bool
    reason: OrDefault[str] = ""
