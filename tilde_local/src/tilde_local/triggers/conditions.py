"""The conditions of a trigger, and which of the changes of a commit meet them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from tilde_local.errors import BadRequest
from tilde_local.store import diffs
from tilde_local.store.paths import after_key, check_path, prefix_end
from tilde_local.store.records import Repository

__all__ = ["MAX_PATHS", "Condition", "checked", "matched_paths"]

# So many changed paths below a prefix are told one by one; of more, the prefix alone.
MAX_PATHS = 100
_ABSENT = msgspec.UNSET
# The words of conditions for those of a diff.
_NAMES = {"added": "added", "removed": "removed", "modified": "changed"}


class Condition(msgspec.Struct, forbid_unknown_fields=True):
    """What a trigger waits for: `prefix`, any change below it, or `path_exact`, a change of one path."""

    type: Literal["prefix", "path_exact"]
    prefix: str | msgspec.UnsetType = _ABSENT
    path: str | msgspec.UnsetType = _ABSENT
    diff_type: Literal["any", "added", "removed", "changed"] | msgspec.UnsetType = _ABSENT


def checked(conditions: Iterable[Condition]) -> list[Condition]:
    """The conditions with their defaults. Raises BadRequest that names the field."""
    return [
        (_checked_prefix if each.type == "prefix" else _checked_path)(each, f"conditions[{number}]")
        for number, each in enumerate(conditions)
    ]


def _checked_prefix(condition: Condition, place: str) -> Condition:
    if condition.prefix is _ABSENT:
        raise BadRequest(f"{place}.prefix: required, but missing; an empty one is met by every change")
    if condition.path is not _ABSENT:
        raise BadRequest(f"{place}.path: only for conditions of the type path_exact")
    if condition.diff_type not in (_ABSENT, "any"):
        raise BadRequest(f"{place}.diff_type: a prefix is met by any change, {condition.diff_type!r} needs path_exact")
    if condition.prefix:
        check_path(condition.prefix, f"{place}.prefix")
    return Condition("prefix", prefix=condition.prefix)


def _checked_path(condition: Condition, place: str) -> Condition:
    if condition.path is _ABSENT:
        raise BadRequest(f"{place}.path: required, but missing")
    if condition.prefix is not _ABSENT:
        raise BadRequest(f"{place}.prefix: only for conditions of the type prefix")
    diff_type = "any" if condition.diff_type is _ABSENT else condition.diff_type
    return Condition("path_exact", path=check_path(condition.path, f"{place}.path"), diff_type=diff_type)


def matched_paths(
    db: sqlite3.Connection, repository: Repository, seq: int, conditions: Iterable[Condition]
) -> list[str]:
    """What commit number `seq` changed that meets a condition, in order.

    Walks along the changes up to as many as are told, and past those that put again what was there.
    """
    return sorted({path for condition in conditions for path in _matches(db, repository, seq, condition)})


def _matches(db: sqlite3.Connection, repository: Repository, seq: int, condition: Condition) -> Iterator[str]:
    if condition.type == "path_exact":
        path = str(condition.path)
        for _, status in diffs.list_changed(db, repository, seq, path, after_key(path), 1):
            if condition.diff_type in ("any", _NAMES[status]):
                yield path
        return
    prefix = str(condition.prefix)
    several = diffs.list_changed(db, repository, seq, prefix, prefix_end(prefix), MAX_PATHS + 1)
    yield from [prefix] if len(several) > MAX_PATHS else [path for path, _ in several]
