"""What public methods and properties return can be imported from `tilde.models`."""

from __future__ import annotations

import inspect
import os
import sys
import types
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import tilde.models
import tilde_core.default_client
from tilde import Client
from tilde_core.exceptions import TildeError

# Named at home, or of no use to users.
ELSEWHERE = {"Client", "Timeout", "Pipeline"}


# Names that modules import for annotations alone.
KNOWN = {**vars(tilde.models), "Client": Client, "os": os}


def returned(function: Any) -> Iterator[type]:
    """Our own classes in the annotation of what `function` returns."""
    names = {**KNOWN, **vars(sys.modules[function.__module__])}
    yield from _classes(get_type_hints(function, globalns=names)["return"])


def _classes(hint: Any) -> Iterator[type]:
    for part in (hint, get_origin(hint)):
        # Python 3.10 takes an alias like PaginatedIterator[Group] for a class.
        if inspect.isclass(part) and get_origin(part) is None and part.__module__.startswith("tilde"):
            yield part
    for argument in get_args(hint):
        yield from _classes(argument)


def members(kind: type) -> Iterator[Any]:
    """The public functions of a class, those behind its properties too."""
    for name, member in inspect.getmembers(kind):
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield member.fget
        elif isinstance(member, (types.FunctionType, types.MethodType)) and member.__module__.startswith("tilde"):
            yield member


def fields(kind: type) -> Iterator[type]:
    """Our own classes in the fields of a model."""
    if hasattr(kind, "__struct_fields__"):
        names = {**KNOWN, **vars(sys.modules[kind.__module__])}
        for hint in get_type_hints(kind, globalns=names).values():
            yield from _classes(hint)


def reachable() -> set[type]:
    """All our classes that one gets from a client, and from what one gets."""
    seen: set[type] = set()
    waiting: list[type] = [Client, *(_classes(tilde_core.default_client.repository))]
    while waiting:
        kind = waiting.pop()
        if kind not in seen:
            seen.add(kind)
            waiting.extend(found for member in members(kind) for found in returned(member))
            waiting.extend(fields(kind))
    return seen


REACHABLE = sorted(reachable(), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", REACHABLE, ids=lambda kind: kind.__name__)
def test_what_one_gets_can_be_imported(kind: type) -> None:
    if kind.__name__ not in ELSEWHERE and not issubclass(kind, TildeError):
        assert getattr(tilde.models, kind.__name__, None) is kind
        assert kind.__name__ in tilde.models.__all__


def test_the_walk_gets_around() -> None:
    names = {kind.__name__ for kind in REACHABLE}
    assert {"CurrentUser", "OrganizationSummary", "Invitation", "ApprovalResult", "Commit", "SourceMetadata"} <= names


def test_models_are_in_order_and_there() -> None:
    assert tilde.models.__all__ == sorted(tilde.models.__all__)
    assert [name for name in tilde.models.__all__ if not hasattr(tilde.models, name)] == []
