"""Agents on the wire."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tilde_core.models.base import Model, OrDefault

__all__ = ["AgentData"]


class AgentData(Model, frozen=True, kw_only=True):
    """An agent as the service describes it."""

    id: OrDefault[str] = ""
    organization_id: OrDefault[str] = ""
    name: str
    description: OrDefault[str] = ""
    metadata: OrDefault[dict[str, str]] = msgspec.field(default_factory=dict)
    inline_policy: OrDefault[str] = ""
    inline_policy_updated_at: datetime | None = None
    created_by_type: OrDefault[str] = ""
    created_by: OrDefault[str] = ""
    created_by_name: OrDefault[str] = ""
    created_at: datetime | None = None
    last_used_at: datetime | None = None
