"""Repositories on the wire."""

from __future__ import annotations

from datetime import datetime

from tilde_core.models.base import Model, OrDefault

__all__ = ["ListedRepository", "RepositoryData"]


class RepositoryData(Model, frozen=True, kw_only=True):
    """A repository as the service describes it."""

    id: OrDefault[str] = ""
    organization_id: OrDefault[str] = ""
    name: OrDefault[str] = ""
    description: OrDefault[str] = ""
    visibility: OrDefault[str] = ""
    retention_days: int | None = None
    created_by_type: OrDefault[str] = ""
    created_by: OrDefault[str] = ""
    created_at: datetime | None = None


class ListedRepository(Model, frozen=True, kw_only=True):
    """What the list of all repositories tells of one; `None` is what it does not tell."""

    name: str
    organization_slug: str
    id: str | None = None
    description: str | None = None
    visibility: str | None = None
    created_at: datetime | None = None
