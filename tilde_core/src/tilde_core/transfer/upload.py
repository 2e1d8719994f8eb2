"""`put`: in one piece, or in parts."""

from __future__ import annotations

from tilde_core.models.objects import PutObjectResult
from tilde_core.transfer import limits
from tilde_core.transfer.calls import Details, Multipart, UploadCalls
from tilde_core.transfer.checksums import check_etag, is_md5, unquoted
from tilde_core.transfer.multipart import upload_in_parts
from tilde_core.transfer.outgoing import Outgoing
from tilde_core.transfer.parts import parts_of_source, parts_of_stream
from tilde_core.transfer.progress import Progress
from tilde_core.transfer.sources import ObjectData, Source, StreamSource, opened_source
from tilde_core.transfer.spool import Spool

__all__ = ["upload"]


def upload(calls: UploadCalls, data: ObjectData, details: Details) -> PutObjectResult:
    """Stage `data` at the path of `calls`. Raises as `SessionObjects.put` says."""
    with opened_source(data, limits.PIECE) as source:
        etag = (
            _upload_stream(calls, source, details)
            if isinstance(source, StreamSource)
            else _upload(calls, source, details)
        )
    return PutObjectResult(path=calls.path, etag=etag)


def _upload(calls: UploadCalls, source: Source, details: Details) -> str:
    multipart = _begun_multipart(calls) if source.size >= limits.MULTIPART_THRESHOLD else None
    if multipart is None:
        return _upload_whole(calls, source, details)
    progress = Progress(calls.client, "objects.put", calls.path, source.size)
    return upload_in_parts(calls, multipart, parts_of_source(source), source.check_size, details, progress)


def _upload_stream(calls: UploadCalls, stream: StreamSource, details: Details) -> str:
    """Read ahead to learn whether it is small. What was read is kept, as a stream cannot be read again."""
    with Spool() as spool:
        if not spool.fill(stream, limits.MULTIPART_THRESHOLD):
            multipart = _begun_multipart(calls)
            if multipart is not None:
                progress = Progress(calls.client, "objects.put", calls.path, None)
                parts = parts_of_stream(spool, stream)
                return upload_in_parts(calls, multipart, parts, spool.check_size, details, progress)
            spool.fill(stream)
        return _upload_whole(calls, spool, details)


def _begun_multipart(calls: UploadCalls) -> Multipart | None:
    """Begin a multipart upload. `None` if the service has none, which is remembered for the client."""
    runtime = calls.client._runtime
    if not runtime.has_multipart:
        return None
    multipart = calls.initiate()
    runtime.has_multipart = multipart is not None
    return multipart


def _upload_whole(calls: UploadCalls, source: Source, details: Details) -> str:
    progress = Progress(calls.client, "objects.put", calls.path, source.size)
    content = Outgoing(source, 0, source.size, progress.reached)
    ticket, headers = calls.store(calls.ticket, content)
    source.check_size()
    stored = unquoted(headers.get("ETag", ""))
    check_etag(stored, content.md5, repr(calls.path), headers.request_id)
    progress.reached(source.size)
    return calls.finalize(ticket, source.size, stored if is_md5(stored) else "", details) or stored
