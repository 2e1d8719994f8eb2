"""The base of all wire types: frozen, and tolerant of what services send.

Unknown fields are passed over, missing ones get their default, and so does `null` where a field is `OrDefault[...]`:
services write `null` for an empty list or map.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Generic, Optional, TypeVar

import msgspec

__all__ = ["ListAnswer", "Model", "OrDefault", "PageInfo", "plain"]

T = TypeVar("T")

if TYPE_CHECKING:
    OrDefault = Annotated[T, "null on the wire means the default"]
else:
    OrDefault = Optional


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A wire type. `null` in an `OrDefault` field becomes the field's default."""

    def __post_init__(self) -> None:
        # Runs for every entry of a listing: nothing here that can be done once.
        for name, default in _defaults[type(self)]:
            if getattr(self, name) is None:
                msgspec.structs.force_setattr(self, name, default())

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values; times stay `datetime`."""
        return plain(self)

    def _cells(self) -> dict[str, Any]:
        """What its line of a table shows."""
        return plain(self)


def plain(value: msgspec.Struct) -> dict[str, Any]:
    """Return the fields of a struct as plain values, those of structs in it too; times stay `datetime`."""
    fields: dict[str, Any] = msgspec.to_builtins(value, builtin_types=(datetime,))
    return fields


class _Defaults(dict[type[Model], tuple[tuple[str, Callable[[], Any]], ...]]):
    """The fields of each model whose default is not `None`, each with a function that makes the default."""

    def __missing__(self, kind: type[Model]) -> tuple[tuple[str, Callable[[], Any]], ...]:
        fields = msgspec.structs.fields(kind)
        self[kind] = tuple((f.name, _maker(f)) for f in fields if f.default is not None and not f.required)
        return self[kind]


_defaults = _Defaults()


def _maker(field: msgspec.structs.FieldInfo) -> Callable[[], Any]:
    return field.default_factory if field.default is msgspec.NODEFAULT else lambda: field.default


class PageInfo(msgspec.Struct, frozen=True):
    """Where a page ends: whether there is more, and the cursor to go on from."""

    has_more: bool | None = None
    next_offset: str | None = None


class ListAnswer(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list call; an answer without `pagination` is the whole list."""

    results: list[T] | None = None
    pagination: PageInfo | None = None
