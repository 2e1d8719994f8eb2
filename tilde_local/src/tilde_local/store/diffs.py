"""What differs between two commits, or between a session and the commit below it. Read from what changed, never from
everything there is."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import NamedTuple

from tilde_local.store import entries, sessions
from tilde_local.store.listing import common_prefix, start_of
from tilde_local.store.paths import Bound, after_key, prefix_end
from tilde_local.store.records import Entry, Repository, Session, View

__all__ = ["CHANGED_SQL", "Comparison", "Difference", "compare_commits", "compare_session", "diff_page", "list_changed"]

# The changed paths of up to so many commits are merged as they are read, at the price of a cursor a commit, opened
# again behind every common prefix. Those of more are found by walking the changes of all commits along the paths, which
# needs one cursor and no sorting, but steps over the changes of the other commits.
_MERGED_COMMITS = 16
_BATCH = 1000


class Difference(NamedTuple):
    """A path that differs; `entry` is what it holds now, or held if it is gone. A common prefix has none."""

    path: str
    status: str
    entry: Entry | None


class Comparison(NamedTuple):
    """Two sides: which paths may differ from a bound on, in order, and what each side holds at some of them."""

    candidates: Callable[[str, Bound], Iterator[str]]
    left: Callable[[Sequence[str]], Mapping[str, Entry]]
    right: Callable[[Sequence[str]], Mapping[str, Entry]]


def compare_commits(db: sqlite3.Connection, repository: Repository, left: int, right: int) -> Comparison:
    """Commit number `left` (0: nothing) against commit number `right`."""
    first, last = sorted((left, right))

    def candidates(low: str, high: Bound) -> Iterator[str]:
        return _changed_paths(db, repository.key, first, last, low, high)

    def at(seq: int) -> Callable[[Sequence[str]], Mapping[str, Entry]]:
        return lambda paths: entries.find_many(db, View(repository.key, seq, repository.head), paths)

    return Comparison(candidates, at(left), at(right))


def compare_session(db: sqlite3.Connection, repository: Repository, session: Session) -> Comparison:
    """The commit that the session sees against what the session staged."""

    def candidates(low: str, high: Bound) -> Iterator[str]:
        return (path for path, _ in sessions.staged(db, session, low, high))

    def below(paths: Sequence[str]) -> Mapping[str, Entry]:
        return entries.find_many(db, sessions.view_of(session, repository), paths)

    def staged(paths: Sequence[str]) -> Mapping[str, Entry]:
        found = sessions.staged(db, session, paths[0], after_key(paths[-1]))
        return {path: entry for path, entry in found if entry is not None}

    return Comparison(candidates, below, staged)


def diff_page(sides: Comparison, prefix: str, after: str, limit: int, delimiter: str) -> list[Difference]:
    """The first `limit` differences under `prefix` that sort after `after`."""
    low, high = start_of(prefix, after, delimiter), prefix_end(prefix)
    results: list[Difference] = []
    while isinstance(low, str) and len(results) < limit:
        low = _extend(results, sides, prefix, low, high, limit, delimiter)
    return results


def _extend(
    results: list[Difference], sides: Comparison, prefix: str, low: str, high: Bound, limit: int, delimiter: str
) -> Bound:
    """Append differences up to the first common prefix; return where to go on: behind all keys under it."""
    for difference in _differences(sides, low, high):
        folded = common_prefix(difference.path, prefix, delimiter)
        if folded is not None:
            results.append(Difference(folded, "modified", None))
            return prefix_end(folded)
        results.append(difference)
        if len(results) == limit:
            break
    return b""


def _differences(sides: Comparison, low: str, high: Bound) -> Iterator[Difference]:
    candidates = sides.candidates(low, high)
    # Small batches first: with a delimiter often only the first difference is wanted.
    size = 1
    while paths := list(islice(candidates, size)):
        left, right = sides.left(paths), sides.right(paths)
        for path in paths:
            difference = _difference(path, left.get(path), right.get(path))
            if difference is not None:
                yield difference
        size = min(2 * size, _BATCH)


def _difference(path: str, before: Entry | None, now: Entry | None) -> Difference | None:
    if now is None:
        return before and Difference(path, "removed", before)
    if before is None:
        return Difference(path, "added", now)
    return None if now.same_content(before) else Difference(path, "modified", now)


def _changed_paths(
    db: sqlite3.Connection, repository: int, first: int, last: int, low: str, high: Bound
) -> Iterator[str]:
    """The paths that commits number `first + 1` to `last` changed, in order, each once."""
    if last - first > _MERGED_COMMITS:
        query = (
            "SELECT DISTINCT path FROM changes INDEXED BY changes_of_path WHERE repository = ? AND seq > ? AND seq <= ?"
            " AND path >= ? AND path < ? ORDER BY path"
        )
        return (row[0] for row in db.execute(query, (repository, first, last, low, high)))
    query = "SELECT path FROM changes WHERE repository = ? AND seq = ? AND path >= ? AND path < ? ORDER BY path"
    walks = [db.execute(query, (repository, seq, low, high)) for seq in range(first + 1, last + 1)]
    # Python orders text by code points, which is the order of its UTF-8 bytes.
    return (row[0] for row, _ in groupby(heapq.merge(*walks)))


# What a commit replaced ended with it, and what it made began with it, and is still there or has ended since.
CHANGED_SQL = """
SELECT c.path, CASE WHEN coalesce(l.blob, n.blob) IS NULL THEN 'removed' WHEN b.blob IS NULL THEN 'added'
    ELSE 'modified' END AS status
FROM changes c
LEFT JOIN history b ON b.repository = c.repository AND b.path = c.path AND b.until = c.seq
LEFT JOIN live l ON l.repository = c.repository AND l.path = c.path AND l.since = c.seq
LEFT JOIN history n ON n.repository = c.repository AND n.path = c.path AND n.until > c.seq AND n.since = c.seq
WHERE c.repository = ? AND c.seq = ? AND c.path >= ? AND c.path < ?
    AND (b.blob, b.content_type, b.metadata) IS NOT (coalesce(l.blob, n.blob),
        coalesce(l.content_type, n.content_type), coalesce(l.metadata, n.metadata))
ORDER BY c.path LIMIT ?
"""


def list_changed(
    db: sqlite3.Connection, repository: Repository, seq: int, low: str, high: Bound, limit: int
) -> list[tuple[str, str]]:
    """The first `limit` paths in a range that differ between a commit and the one before, and their status.

    As `diff_page` between the two, but without what the paths hold, and without a step of Python for each path that the
    commit has put again as it was.
    """
    return db.execute(CHANGED_SQL, (repository.key, seq, low, high, limit)).fetchall()
