"""Bringing objects in from another repository of this server. Their rows are copied; the bytes are there already."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from tilde_local.imports.target import Target
from tilde_local.objects import unquoted
from tilde_local.store import commits, entries, repositories
from tilde_local.store.paths import after_key, prefix_end
from tilde_local.store.records import Entry, View

__all__ = ["copy"]

_PAGE = 1000


class _Source(NamedTuple):
    """The commit of the repository that is copied: one and the same from the beginning to the end."""

    repository: int
    names: str
    seq: int
    commit_id: str


async def copy(target: Target, repository: int) -> str:
    """Stage every object below the prefix; where they came from. Raises ApiError."""
    source, prefix = _newest(target, repository), target.job.source_prefix
    low = prefix
    while page := _page(target, source, low):
        target.stage([_copied(target, source, path, entry) for path, entry in page])
        low = after_key(page[-1][0])
        await asyncio.sleep(0)  # where it may be interrupted
    return f"{source.names}/{prefix}"


def _newest(target: Target, key: int) -> _Source:
    with target.services.database.read() as db:
        repository = repositories.find_by_key(db, key)
        newest = commits.log(db, repository, repository.head, "", None, 1)
    return _Source(key, "/".join(target.job.source_names), repository.head, newest[0].id if newest else "")


def _page(target: Target, source: _Source, low: str) -> list[tuple[str, Entry]]:
    """The next objects. Raises NotFound if the repository was deleted meanwhile."""
    with target.services.database.read() as db:
        # Commits that were made since have moved rows: that is what `head` tells.
        view = View(source.repository, source.seq, repositories.find_by_key(db, source.repository).head)
        return list(entries.walk(db, view, low, prefix_end(target.job.source_prefix), _PAGE))


def _copied(target: Target, source: _Source, path: str, entry: Entry) -> tuple[str, Entry]:
    origin = target.origin(
        source_path=f"{source.names}/{path}", version_id=source.commit_id, source_etag=unquoted(entry.etag)
    )
    renamed = target.path_of(path, target.job.source_prefix)
    return renamed, entry._replace(modified=target.services.now(), source=origin)
