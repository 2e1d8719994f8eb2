"""Finding one thing in a list, where the service has no call for a single one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from tilde_core.exceptions import NotFoundError

__all__ = ["picked"]

T = TypeVar("T")


def picked(items: Iterable[T], is_wanted: Callable[[T], bool], *, missing: str, operation: str) -> T:
    """Return the first item that is wanted. Raises `NotFoundError` with the words of `missing`, as a service would."""
    for item in items:
        if is_wanted(item):
            return item
    raise NotFoundError(missing, status_code=404, code="not_found", operation=operation)
