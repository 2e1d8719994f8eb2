"""Invitations to organizations on the wire."""

from __future__ import annotations

from datetime import datetime

from tilde_core.models.base import Model, OrDefault

__all__ = ["InvitationData"]


class InvitationData(Model, frozen=True, kw_only=True):
    """An invitation as the service describes it. Only the invitee is told the names, the last three."""

    id: str
    organization_id: OrDefault[str] = ""
    email: OrDefault[str] = ""
    invited_by: OrDefault[str] = ""
    status: OrDefault[str] = ""
    created_at: datetime | None = None
    expires_at: datetime | None = None
    organization_name: str | None = None
    organization_display_name: str | None = None
    inviter_name: str | None = None
