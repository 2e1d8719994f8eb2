"""Connectors on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from tilde_core.models.base import Model, OrDefault

__all__ = ["ConnectionTestResult", "ConnectorData", "ConnectorType"]

ConnectorType = Literal["s3", "gcs", "git", "google_drive"]
"""The kind of storage that a connector reads from."""


class ConnectorData(Model, frozen=True, kw_only=True):
    """A connector as the service describes it: without its configuration."""

    id: str
    name: OrDefault[str] = ""
    type: OrDefault[str] = ""
    source_uri: OrDefault[str] = ""
    display_source: OrDefault[str] = ""
    disabled: OrDefault[bool] = False
    public_key: str | None = None
    created_at: datetime | None = None


class ConnectionTestResult(Model, frozen=True, kw_only=True):
    """That a connection works: `status` is `"ok"`. One that does not is an error."""

    status: OrDefault[str] = ""
