"""Policies on the wire."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tilde_core.models.base import Model, OrDefault

__all__ = [
    "EffectivePolicy",
    "PolicyAttachment",
    "PolicyData",
    "PolicyDetails",
    "PolicySummary",
    "ValidationError",
    "ValidationResult",
]


class _PolicyFields(Model, frozen=True, kw_only=True):
    id: str
    organization_id: OrDefault[str] = ""
    name: OrDefault[str] = ""
    description: OrDefault[str] = ""
    is_builtin: OrDefault[bool] = False
    created_at: datetime | None = None
    updated_at: datetime | None = None


class PolicySummary(_PolicyFields, frozen=True, kw_only=True):
    """A policy as lists describe it: without its text."""

    attachment_count: int | None = None


class PolicyData(_PolicyFields, frozen=True, kw_only=True):
    """A policy with its text."""

    policy_text: OrDefault[str] = ""
    created_by_type: OrDefault[str] = ""
    created_by: OrDefault[str] = ""


class PolicyAttachment(Model, frozen=True, kw_only=True):
    """That a policy is attached to a principal, who has attached it (`attached_by`), and when."""

    policy_id: OrDefault[str] = ""
    policy_name: OrDefault[str] = ""
    is_builtin: OrDefault[bool] = False
    principal_type: OrDefault[str] = ""
    principal_id: OrDefault[str] = ""
    principal_name: OrDefault[str] = ""
    attached_by_type: OrDefault[str] = ""
    attached_by: OrDefault[str] = ""
    attached_at: datetime | None = None


class PolicyDetails(Model, frozen=True, kw_only=True):
    """A policy with its text and whom it is attached to."""

    policy: PolicyData
    attachments: OrDefault[list[PolicyAttachment]] = msgspec.field(default_factory=list)


class EffectivePolicy(Model, frozen=True, kw_only=True):
    """A policy that is in force for a principal.

    `source` is `"direct"`, `"group"` (through the group `source_name`) or, for agents, `"inline"`.
    """

    policy_id: OrDefault[str] = ""
    policy_name: OrDefault[str] = ""
    is_builtin: OrDefault[bool] = False
    source: OrDefault[str] = ""
    source_name: OrDefault[str] = ""


class ValidationError(Model, frozen=True, kw_only=True):
    """What is wrong with a policy text, and where: `line` and `column` count from 1. It is not an exception."""

    line: OrDefault[int] = 0
    column: OrDefault[int] = 0
    message: OrDefault[str] = ""


class ValidationResult(Model, frozen=True, kw_only=True):
    """Whether a policy text is `valid`, and the `errors` if it is not."""

    valid: OrDefault[bool] = False
    errors: OrDefault[list[ValidationError]] = msgspec.field(default_factory=list)
