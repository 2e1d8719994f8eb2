"""One import from its beginning to its end."""

from __future__ import annotations

import asyncio

from tilde_local.blobs import Blobs, StoredBlob
from tilde_local.errors import ApiError, NotFound
from tilde_local.imports.settings import Settings
from tilde_local.imports.sources import Found, Opened, Source, SourceError, open_source
from tilde_local.imports.target import Target
from tilde_local.services import Services
from tilde_local.store import commits, connectors, entries, imports, repositories
from tilde_local.store.paths import after_key, prefix_end
from tilde_local.store.records import Entry, ImportJob, Repository, View

__all__ = ["fail", "run"]

_ATTEMPTS = 3
_PAGE = 1000


async def run(services: Services, job: ImportJob) -> None:
    """Run an import. What goes wrong with it is written down, not raised."""
    try:
        target = Target(services, job)
        if job.connector_id is not None:
            where = await _from_connector(target, job.connector_id)
        else:
            assert job.source_repository is not None
            where = await _from_repository(target, job.source_repository)
        target.commit(where)
    except (ApiError, SourceError) as error:
        fail(services, job, str(error))


def fail(services: Services, job: ImportJob, reason: str) -> None:
    """Write down that it did not work, and why; what was staged is rolled back."""
    with services.database.write() as db:
        imports.fail(db, job, reason, services.now())


async def _from_connector(target: Target, connector_id: str) -> str:
    """Stage every object; where they came from. Raises SourceError, ApiError."""
    with target.services.database.read() as db:
        connector = connectors.usable(db, target.repository, connector_id)
        settings = connectors.settings_of(db, target.services.encryption, connector)
    root = settings.place.uri.partition("://")[0] + f"://{settings.place.bucket}/"
    prefix = settings.place.prefix + target.job.source_prefix
    async with open_source(settings, _ATTEMPTS) as source:
        async for page in source.list(prefix, _PAGE):
            for found in page:
                # Consoles make such objects, to show an empty folder.
                if found.size or not found.key.endswith("/"):
                    await _import(target, source, found, prefix, connector_id, settings, root)
    return root + prefix


async def _import(
    target: Target, source: Source, found: Found, prefix: str, connector_id: str, settings: Settings, root: str
) -> None:
    path = target.path_of(found.key, prefix)
    async with source.read(found) as opened:
        stored = await _store(target.services.blobs, opened, found, root)
    facts = target.source(
        connector_id=connector_id,
        connector_type=settings.type,
        source_path=root + found.key,
        version_id=opened.version,
        source_etag=found.etag.strip('"'),
    )
    target.stage_blob(path, stored, opened.content_type, facts)


async def _store(blobs: Blobs, opened: Opened, found: Found, root: str) -> StoredBlob:
    """The bytes as a blob: no more than a piece of them is in memory. Raises SourceError."""
    writer = blobs.create()
    try:
        async for piece in opened.pieces:
            writer.write(piece)
        if writer.size != found.size:
            raise SourceError(f"{root}{found.key} changed while it was read: {found.size} bytes, then {writer.size}")
        return writer.finish()
    except BaseException:
        writer.discard()
        raise


async def _from_repository(target: Target, key: int) -> str:
    """Stage every object as the newest commit of another repository has it; which one. Raises SourceError."""
    prefix, names = target.job.source_prefix, "/".join(target.job.source_names)
    seq, version = _newest(target, key)
    low, where = prefix, f"{names}/{prefix}"
    while found := _page(target, View(key, seq, _source(target, key).head), low):
        target.stage([_copied(target, path, entry, names, version) for path, entry in found])
        low = after_key(found[-1][0])
        await asyncio.sleep(0)  # here it may be interrupted
    return where
