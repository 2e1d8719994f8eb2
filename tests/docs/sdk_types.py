"""What the SDK has below a name, and of which type it is, by its annotations."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from datetime import datetime
from types import ModuleType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import tilde
import tilde.exceptions
import tilde.models

__all__ = ["FOREIGN", "NAMES", "UNKNOWN", "attribute", "element", "entered", "name_of", "result", "type_named"]

FOREIGN = object()
"""The type of what is not the SDK's own: `str`, files, what users define."""

UNKNOWN = object()
"""The type of what the SDK does not have."""

NAMES: dict[str, Any] = {
    "tilde": tilde,
    "Client": tilde.Client,
    **{name: getattr(tilde.exceptions, name) for name in tilde.exceptions.__all__},
    **{name: getattr(tilde.models, name) for name in tilde.models.__all__},
}


def attribute(owner: Any, name: str) -> Any:
    """A function, class or module, or the type of the value, that `owner` (a type or a module) has as `name`."""
    owner = _plain(owner)
    if owner is FOREIGN or owner is UNKNOWN:
        return owner
    if isinstance(owner, ModuleType):
        return _of_module(owner, name)
    found = inspect.getattr_static(owner, name, None)
    if inspect.isfunction(found):
        return found
    if isinstance(found, property):
        return _hint(found.fget, "return")
    return _of_instances(owner, name)


def _of_module(module: ModuleType, name: str) -> Any:
    found = getattr(module, name, UNKNOWN)
    if found is UNKNOWN or inspect.isfunction(found) or inspect.isclass(found) or inspect.ismodule(found):
        return found
    return next((kind for kind in type(found).__mro__ if kind in NAMES.values()), FOREIGN)


def _of_instances(owner: type, name: str) -> Any:
    """A field, or an attribute of an error, which is what its `__init__` is given."""
    if issubclass(owner, Exception):
        makers = (vars(kind).get("__init__") for kind in owner.__mro__)
        knowing = (init for init in makers if inspect.isfunction(init) and name in init.__annotations__)
        return next((_hint(init, name) for init in knowing), UNKNOWN)
    if name in getattr(owner, "__struct_fields__", ()):
        return _field(owner, name)
    return get_type_hints(owner, localns=NAMES)[name] if name in getattr(owner, "__dataclass_fields__", ()) else UNKNOWN


def _field(owner: type, name: str) -> Any:
    """At run time, every field that has a default may be null on the wire; the default tells whether it stays so."""
    hint = get_type_hints(owner, localns=NAMES)[name]
    has_none = inspect.signature(owner).parameters[name].default is None
    return hint if has_none else _without_none(hint)


def _without_none(hint: Any) -> Any:
    if get_origin(hint) not in (Union, UnionType):
        return hint
    # There is no other way to spell a union of parts that are known at run time only.
    return Union[tuple(part for part in get_args(hint) if part is not NoneType)]  # noqa: UP007


def _plain(hint: Any) -> Any:
    """The class of `Commit | None`, `PaginatedIterator[Commit]` and the like."""
    hint = _without_none(hint)
    kind = hint if hint in (FOREIGN, UNKNOWN) or isinstance(hint, ModuleType) else get_origin(hint) or hint
    is_ours = getattr(kind, "__module__", "tilde").startswith("tilde")
    return kind if is_ours else FOREIGN


def _hint(function: Any, name: str) -> Any:
    return eval(function.__annotations__[name], {**NAMES, **vars(sys.modules[function.__module__])})


def result(called: Any) -> Any:
    """The type of what a call of it returns."""
    return _hint(called, "return") if inspect.isfunction(called) else called


def element(hint: Any) -> Any:
    """The type of what a walk yields."""
    return hint if hint in (FOREIGN, UNKNOWN) else next(iter(get_args(hint)), FOREIGN)


def entered(hint: Any) -> Any:
    """The type of what `with` gives."""
    enter = attribute(hint, "__enter__")
    return result(enter) if inspect.isfunction(enter) else hint


def name_of(owner: Any) -> str:
    """The name of the class or module."""
    return str(getattr(_plain(owner), "__name__", ""))


def type_named(text: str) -> Any:
    """The type that an annotation means, such as `str | None` or `PaginatedIterator[Commit]`."""
    return eval(text, {"Iterator": Iterator, "datetime": datetime, **NAMES})
