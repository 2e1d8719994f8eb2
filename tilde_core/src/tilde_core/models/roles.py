"""Roles on the wire."""

from __future__ import annotations

from datetime import datetime

from tilde_core.models.base import Model, OrDefault

__all__ = ["RoleData"]


class RoleData(Model, frozen=True, kw_only=True):
    """A role as the service describes it."""

    id: OrDefault[str] = ""
    organization_id: OrDefault[str] = ""
    name: str
    description: OrDefault[str] = ""
    created_by_type: OrDefault[str] = ""
    created_by: OrDefault[str] = ""
    created_by_name: OrDefault[str] = ""
    created_at: datetime | None = None
    last_used_at: datetime | None = None
