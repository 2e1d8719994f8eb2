"""The base of all wire types: frozen, and tolerant of what services send.

Unknown fields are passed over, missing ones get their default, and so does `null` where a field is `OrDefault[...]`:
services write `null` for an empty list or map.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Generic, Optional, TypeVar

import msgspec

__all__ = ["ListAnswer", "Model", "OrDefault", "PageInfo"]

T = TypeVar("T")

if TYPE_CHECKING:
    OrDefault = Annotated[T, "null on the wire means the default"]
else:
    OrDefault = Optional


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A wire type. `null` in an `OrDefault` field becomes the field's default."""

    def __post_init__(self) -> None:
        for name, default in _defaults(type(self)):
            if getattr(self, name) is None:
                msgspec.structs.force_setattr(self, name, default())


_known_defaults: dict[type[Model], tuple[tuple[str, Any], ...]] = {}


def _defaults(kind: type[Model]) -> tuple[tuple[str, Any], ...]:
    """The fields of `kind` whose default is not `None`, each with a function that makes it."""
    if kind not in _known_defaults:
        _known_defaults[kind] = tuple(
            (
                field.name,
                field.default_factory if field.default is msgspec.NODEFAULT else _constant(field.default),
            )
            for field in msgspec.structs.fields(kind)
            if field.default is not None and not field.required
        )
    return _known_defaults[kind]


def _constant(value: Any) -> Any:
    return lambda: value


class PageInfo(msgspec.Struct, frozen=True):
    """Where a page ends: whether there is more, and the cursor to go on from."""

    has_more: bool | None = None
    next_offset: str | None = None


class ListAnswer(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list call; an answer without `pagination` is the whole list."""

    results: list[T] | None = None
    pagination: PageInfo | None = None
