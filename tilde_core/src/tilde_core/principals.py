"""Whom permissions are given to: users, groups, roles and agents."""

from __future__ import annotations

from typing import Literal, get_args

from tilde_core.arguments import checked_text

__all__ = ["PrincipalType", "checked_principal"]

PrincipalType = Literal["user", "group", "role", "agent"]
"""To whom a policy can be attached."""


def checked_principal(prefix: str, principal_type: str, principal_id: str) -> dict[str, str]:
    """Return type and id under the names `{prefix}_type` and `{prefix}_id`, as the service wants them.

    Raises `ValueError` for another type and for an empty id, and `TypeError`.
    """
    if principal_type not in get_args(PrincipalType):
        known = ", ".join(get_args(PrincipalType))
        raise ValueError(f"{prefix}_type {principal_type!r} must be one of {known}")
    if not checked_text(f"{prefix}_id", principal_id):
        raise ValueError(f"{prefix}_id is empty; it must be the id of a {principal_type}")
    return {f"{prefix}_type": principal_type, f"{prefix}_id": principal_id}
