"""Import jobs on the wire."""

from __future__ import annotations

from datetime import datetime

from tilde_core.models.base import Model, OrDefault

__all__ = ["ImportJobData"]


class ImportJobData(Model, frozen=True, kw_only=True):
    """An import job as the service describes it."""

    id: str
    repository_id: OrDefault[str] = ""
    connector_id: str | None = None
    source_repository_id: str | None = None
    source_organization: OrDefault[str] = ""
    source_repository: OrDefault[str] = ""
    destination_path: OrDefault[str] = ""
    source_prefix: OrDefault[str] = ""
    commit_message: OrDefault[str] = ""
    status: OrDefault[str] = ""
    objects_imported: OrDefault[int] = 0
    commit_id: OrDefault[str] = ""
    error: OrDefault[str] = ""
    created_by_type: OrDefault[str] = ""
    created_by: OrDefault[str] = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
