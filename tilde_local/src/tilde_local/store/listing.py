"""Pages of entries, with everything below a delimiter folded into one result that is skipped, not read."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from tilde_local.store import entries
from tilde_local.store.paths import Bound, after_key, prefix_end
from tilde_local.store.records import Entry, View

__all__ = ["Listed", "common_prefix", "list_page", "start_of"]


class Listed(NamedTuple):
    """A path with what it holds, or without: then it is a common prefix."""

    path: str
    entry: Entry | None


def common_prefix(path: str, prefix: str, delimiter: str) -> str | None:
    """The part of `path` up to the first delimiter beyond `prefix`, or None if there is no delimiter."""
    cut = path.find(delimiter, len(prefix)) if delimiter else -1
    return None if cut < 0 else path[: cut + len(delimiter)]


def start_of(prefix: str, after: str, delimiter: str) -> Bound:
    """The first path that a page of `prefix` after the result `after` may hold."""
    if after < prefix:
        return prefix
    folded = common_prefix(after, prefix, delimiter) if after.startswith(prefix) else None
    return after_key(after) if folded is None else prefix_end(folded)


def list_page(db: sqlite3.Connection, view: View, prefix: str, after: str, limit: int, delimiter: str) -> list[Listed]:
    """The first `limit` results under `prefix` that sort after `after`."""
    low, high = start_of(prefix, after, delimiter), prefix_end(prefix)
    results: list[Listed] = []
    while isinstance(low, str) and len(results) < limit:
        low = _extend(results, db, view, prefix, low, high, limit, delimiter)
    return results


def _extend(
    results: list[Listed],
    db: sqlite3.Connection,
    view: View,
    prefix: str,
    low: str,
    high: Bound,
    limit: int,
    delimiter: str,
) -> Bound:
    """Append results up to the first common prefix; return where to go on: behind all keys under it."""
    for path, entry in entries.walk(db, view, low, high, limit - len(results)):
        folded = common_prefix(path, prefix, delimiter)
        if folded is not None:
            results.append(Listed(folded, None))
            return prefix_end(folded)
        results.append(Listed(path, entry))
    return b""
