"""The output of a sandbox as part of a page: the last of it if the sandbox has ended, else a frame that follows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html import escape

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from tilde_local.console.places import names
from tilde_local.console.rendering import FRAMED, page_headers, text_of, visible
from tilde_local.console.transcript import Transcript, read_tail
from tilde_local.console.visits import Visit
from tilde_local.sandboxes.logs import OUTPUT, follow
from tilde_local.sandboxes.reading import active_of, log_of
from tilde_local.services import Services
from tilde_local.store import sandboxes
from tilde_local.store.records import Sandbox

__all__ = ["MAX_FRAME_BYTES", "TAIL_BYTES", "download", "frame", "last_of"]

TAIL_BYTES = 256 * 1024
# A frame that has shown so much takes no more: a browser would have to keep it all.
MAX_FRAME_BYTES = 4 * TAIL_BYTES


def _find(visit: Visit) -> Sandbox:
    with visit.call.services.database.read() as db:
        return sandboxes.find(db, visit.call.repository(db, "GetSandboxLogs"), visit.call.params["sandbox_id"])


def last_of(services: Services, sandbox: Sandbox, name: str) -> tuple[str, int]:
    """The last of a log that has ended, and how many bytes are in front of it."""
    tail = read_tail(services.sandboxes.logs.path(sandbox.id, name), TAIL_BYTES)
    return Transcript().add(tail.data, is_last=True), tail.skipped


def download(visit: Visit) -> Response:
    """GET …/sandboxes/{sandbox_id}/output: all of it, as a file."""
    sandbox = _find(visit)
    headers = page_headers() | {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f'attachment; filename="{sandbox.id}.log"',
    }
    return StreamingResponse(log_of(visit.call.services, sandbox, OUTPUT), headers=headers)


def frame(visit: Visit) -> Response:
    """GET …/sandboxes/{sandbox_id}/log: the last of the output, and what comes, until the sandbox ends."""
    sandbox = _find(visit)
    return StreamingResponse(_frame(visit, sandbox), headers=page_headers(FRAMED), media_type="text/html")


async def _frame(visit: Visit, sandbox: Sandbox) -> AsyncIterator[str]:
    services, transcript, shown = visit.call.services, Transcript(), 0
    active = await run_in_threadpool(active_of, services, sandbox)
    path = services.sandboxes.logs.path(sandbox.id, OUTPUT)
    tail = await run_in_threadpool(read_tail, path, TAIL_BYTES)
    yield text_of("log_begin", skipped=tail.skipped) + _html(transcript.add(tail.data))
    if active is not None:
        async for data in follow(active.output, tail.skipped + len(tail.data)):
            yield _html(transcript.add(data))
            shown += len(data)
            if shown > MAX_FRAME_BYTES:
                break
    yield _html(transcript.add(b"", is_last=True))
    now = await run_in_threadpool(_reread, services, sandbox)
    yield text_of("log_end", **names(visit.call), sandbox=now)


def _html(text: str) -> str:
    return escape(visible(text))


def _reread(services: Services, sandbox: Sandbox) -> Sandbox:
    with services.database.read() as db:
        return sandboxes.find_by_id(db, sandbox.id) or sandbox
