"""Organizations and their members on the wire."""

from __future__ import annotations

from datetime import datetime

from tilde_core.models.base import Model, OrDefault

__all__ = ["Member", "OrganizationData"]


class OrganizationData(Model, frozen=True, kw_only=True):
    """An organization as the service describes it."""

    id: OrDefault[str] = ""
    name: OrDefault[str] = ""
    display_name: OrDefault[str] = ""
    status: OrDefault[str] = ""
    created_at: datetime | None = None


class Member(Model, frozen=True, kw_only=True):
    """A user who belongs to an organization."""

    organization_id: OrDefault[str] = ""
    user_id: OrDefault[str] = ""
    username: OrDefault[str] = ""
    full_name: OrDefault[str] = ""
    email: OrDefault[str] = ""
    joined_at: datetime | None = None
