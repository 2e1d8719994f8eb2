"""An upload in parts: stored in parallel, staged when all are there, aborted when anything fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from tilde_core.exceptions import IntegrityError, TildeError
from tilde_core.logs import logger
from tilde_core.transfer import limits
from tilde_core.transfer.calls import CompletedPart, Details, Multipart, UploadCalls
from tilde_core.transfer.checksums import check_etag
from tilde_core.transfer.outgoing import Outgoing
from tilde_core.transfer.parts import Part
from tilde_core.transfer.progress import Progress
from tilde_core.transfer.workers import Workers

__all__ = ["upload_in_parts"]


def upload_in_parts(
    calls: UploadCalls,
    multipart: Multipart,
    parts: Iterable[Part],
    check_source: Callable[[], None],
    details: Details,
    progress: Progress,
) -> str:
    """Store `parts` and stage the object. Return its ETag without quotes.

    `check_source` is called when all parts are stored. Whatever fails, Ctrl-C included, the upload is aborted, so that
    no part is left behind; only not if the object may be staged already.
    """
    workers: Workers[tuple[CompletedPart, int]] = Workers(limits.WORKERS)
    try:
        for part in _as_there_is_room(parts, workers):
            _start(workers, part, partial(_stored, calls, multipart, part, workers.check, progress))
        stored = sorted(workers.results(), key=lambda result: result[0].part_number)
        check_source()
        size = sum(size for _, size in stored)
        etag = calls.complete(multipart, [completed for completed, _ in stored], size, details)
    except BaseException:
        workers.cancel()
        if not calls.may_be_staged:
            _abort(calls, multipart)
        raise
    return etag or _etag_asked_for(calls)


def _as_there_is_room(parts: Iterable[Part], workers: Workers[tuple[CompletedPart, int]]) -> Iterable[Part]:
    """Yield the parts, each cut only when it can go out: a part of a stream takes up memory from then on."""
    waiting = iter(parts)
    while True:
        workers.wait_for_room()
        part = next(waiting, None)
        if part is None:
            return
        yield part


def _start(
    workers: Workers[tuple[CompletedPart, int]], part: Part, task: Callable[[], tuple[CompletedPart, int]]
) -> None:
    try:
        workers.start(task)
    except BaseException:
        part.close()
        raise


def _stored(
    calls: UploadCalls, multipart: Multipart, part: Part, check: Callable[[int], None], progress: Progress
) -> tuple[CompletedPart, int]:
    try:
        check(0)
        content = Outgoing(part.source, part.position, part.size, check)
        _, headers = calls.store(partial(calls.part_place, multipart, part.number), content)
    finally:
        part.close()
    etag, request_id = headers.get("ETag", ""), headers.request_id
    what = f"part {part.number} of {calls.path!r}"
    if not etag:
        message = f"the object store gave no ETag for {what}"
        raise IntegrityError(message, operation="objects.put", request_id=request_id)
    check_etag(etag, content.md5, what, request_id)
    progress.add(part.size)
    return CompletedPart(part.number, etag), part.size


def _abort(calls: UploadCalls, multipart: Multipart) -> None:
    try:
        calls.abort(multipart)
    except TildeError as error:  # the failure that led here matters more
        logger.warning("%r: the multipart upload could not be aborted, its parts stay stored: %s", calls.path, error)


def _etag_asked_for(calls: UploadCalls) -> str:
    """The ETag of an object in parts is the store's secret. It is staged: not to learn its ETag is no failure."""
    try:
        return calls.staged_etag()
    except TildeError as error:
        logger.info("%r is staged, but its ETag cannot be read: %s", calls.path, error)
        return ""
