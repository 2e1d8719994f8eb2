"""Triggers on the wire, and the shape of what they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict

import msgspec

from tilde_core.models.base import Model, OrDefault

__all__ = [
    "DiffType",
    "SandboxTriggerCondition",
    "SandboxTriggerConfig",
    "SandboxTriggerData",
    "SandboxTriggerRun",
]

DiffType = Literal["any", "added", "removed", "changed"]


class SandboxTriggerCondition(TypedDict, total=False):
    """What a commit must change for a trigger to fire.

    `{"type": "prefix", "prefix": "documents/"}`, or `{"type": "path_exact", "path": "config.json"}`, which may also
    have a `diff_type`: `"any"`, `"added"`, `"removed"` or `"changed"`.
    """

    type: Literal["prefix", "path_exact"]
    prefix: str
    path: str
    diff_type: DiffType


class SandboxTriggerConfig(TypedDict, total=False):
    """The sandbox that a trigger creates: see the arguments of `repo.sandboxes.create` with these names.

    Variables are `env_vars`, as the service calls them, or `env` in what is sent.
    """

    image: str
    command: str | Sequence[str]
    mountpoint: str
    path_prefix: str
    timeout_seconds: int
    env_vars: dict[str, str]
    env: dict[str, str]


class SandboxTriggerData(Model, frozen=True, kw_only=True):
    """A trigger as the service describes it. What it is made of is kept as it came: an update sends it back whole."""

    id: str
    repository_id: OrDefault[str] = ""
    name: OrDefault[str] = ""
    description: OrDefault[str] = ""
    enabled: OrDefault[bool] = True
    conditions: OrDefault[list[dict[str, Any]]] = msgspec.field(default_factory=list)
    sandbox_config: OrDefault[dict[str, Any]] = msgspec.field(default_factory=dict)
    run_as: OrDefault[dict[str, Any]] = msgspec.field(default_factory=dict)
    created_by: OrDefault[str] = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None


class SandboxTriggerRun(Model, frozen=True, kw_only=True):
    """A commit on which a trigger fired: `status` is `"pending"`, `"created"`, `"skipped"` or `"failed"`.

    `reason` says why it was skipped or failed. `sandbox_id` is the sandbox that it has created, `None` if it has not;
    `matched_paths` are the paths or prefixes by which the commit met the conditions.
    """

    id: str
    repository_id: OrDefault[str] = ""
    trigger_id: OrDefault[str] = ""
    commit_id: OrDefault[str] = ""
    status: OrDefault[str] = ""
    reason: OrDefault[str] = ""
    sandbox_id: str | None = None
    matched_paths: OrDefault[list[str]] = msgspec.field(default_factory=list)
    created_at: datetime | None = None
    updated_at: datetime | None = None
