"""What a call names, and what it leaves as it is."""

from __future__ import annotations

from typing import Any

__all__ = ["changes", "named"]


def named(**arguments: Any) -> dict[str, Any]:
    """Return the arguments that are not `None`: what is not named is not sent."""
    return {name: value for name, value in arguments.items() if value is not None}


def changes(**arguments: Any) -> dict[str, Any]:
    """Return the arguments that are not `None`. Raises `ValueError` if that is none of them."""
    body = named(**arguments)
    if not body:
        *others, last = arguments
        raise ValueError(f"update: name at least one of {', '.join(others)} and {last}")
    return body
