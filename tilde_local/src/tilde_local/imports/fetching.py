"""Bringing objects in through a connector."""

from __future__ import annotations

from tilde_local.blobs import Blobs, StoredBlob
from tilde_local.imports.settings import Settings
from tilde_local.imports.sources import Found, InterruptedReading, Opened, Source, SourceError, open_source
from tilde_local.imports.target import Target
from tilde_local.store import connectors

__all__ = ["fetch"]

_ATTEMPTS = 3
_PAGE = 1000


async def fetch(target: Target, connector_id: str) -> str:
    """Stage every object below the prefix; where they came from. Raises SourceError, ApiError."""
    settings = _settings(target, connector_id)
    prefix = settings.place.prefix + target.job.source_prefix
    async with open_source(settings, _ATTEMPTS) as source:
        async for page in source.list(prefix, _PAGE):
            for found in page:
                # Consoles make such objects, to show an empty folder.
                if found.size or not found.key.endswith("/"):
                    await _fetch_one(target, settings, source, found, prefix)
    return settings.place.uri_of(prefix)


def _settings(target: Target, connector_id: str) -> Settings:
    """Those of the connector, which may be deleted or detached since the import was started. Raises ApiError."""
    with target.services.database.read() as db:
        connector = connectors.usable(db, target.repository, connector_id)
        return connectors.settings_of(db, target.services.encryption, connector)


async def _fetch_one(target: Target, settings: Settings, source: Source, found: Found, prefix: str) -> None:
    path, uri = target.path_of(found.key, prefix), settings.place.uri_of(found.key)
    stored, opened = await _read(target.services.blobs, source, found, uri)
    origin = target.origin(
        connector_id=target.job.connector_id,
        connector_type=settings.type,
        source_path=uri,
        version_id=opened.version,
        source_etag=found.etag.strip('"'),
    )
    target.stage_blob(path, stored, opened.content_type, origin)


async def _read(blobs: Blobs, source: Source, found: Found, uri: str) -> tuple[StoredBlob, Opened]:
    """The object as a blob, and what else its source says of it. Raises SourceError."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with source.read(found) as opened:
                return await _store(blobs, opened, found, uri), opened
        except InterruptedReading:
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError("there is at least one attempt")


async def _store(blobs: Blobs, opened: Opened, found: Found, uri: str) -> StoredBlob:
    """The bytes as a blob: no more than a piece of them is in memory. Raises SourceError."""
    writer = blobs.create()
    try:
        async for piece in opened.pieces:
            writer.write(piece)
        if writer.size != found.size:
            raise SourceError(f"{uri} changed while it was read: it had {found.size} bytes, and then {writer.size}")
        return writer.finish()
    except BaseException:
        writer.discard()
        raise
