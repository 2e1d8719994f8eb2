"""Groups on the wire."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tilde_core.models.base import Model, OrDefault
from tilde_core.models.policies import PolicyAttachment

__all__ = ["EffectiveGroup", "GroupData", "GroupDetails", "GroupMember"]


class GroupData(Model, frozen=True, kw_only=True):
    """A group as lists describe it."""

    id: str
    organization_id: OrDefault[str] = ""
    name: OrDefault[str] = ""
    description: OrDefault[str] = ""
    created_by_type: OrDefault[str] = ""
    created_by: OrDefault[str] = ""
    created_at: datetime | None = None


class GroupMember(Model, frozen=True, kw_only=True):
    """A user, role, agent or other group in a group: `subject_type` and `subject_id` say which."""

    subject_type: OrDefault[str] = ""
    subject_id: OrDefault[str] = ""
    display_name: OrDefault[str] = ""
    username: OrDefault[str] = ""
    added_at: datetime | None = None


class GroupDetails(Model, frozen=True, kw_only=True):
    """A group with its members and the policies that are attached to it."""

    group: GroupData
    members: OrDefault[list[GroupMember]] = msgspec.field(default_factory=list)
    attachments: OrDefault[list[PolicyAttachment]] = msgspec.field(default_factory=list)


class EffectiveGroup(Model, frozen=True, kw_only=True):
    """A group that a principal is in: `source` is `"direct"`, or `"group"` through the group `source_name`."""

    group_id: OrDefault[str] = ""
    group_name: OrDefault[str] = ""
    description: OrDefault[str] = ""
    source: OrDefault[str] = ""
    source_name: OrDefault[str] = ""
