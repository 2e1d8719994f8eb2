"""The object store's own routes: bytes in, bytes out. They take presigned URLs and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tilde_local.blobs import Blobs, StoredBlob
from tilde_local.errors import ApiError, BadRequest, MethodNotAllowed, error_response
from tilde_local.guard import request_id_of
from tilde_local.object_store import entry_of
from tilde_local.objects import ByteRange, entry_headers, not_modified, select_range
from tilde_local.routing import raw_path
from tilde_local.services import Services
from tilde_local.store import uploads
from tilde_local.store.records import Entry

__all__ = ["StoreRoute", "download", "upload", "upload_part"]

_PIECE = 1024 * 1024
# An error is answered after reading up to so much of the body: a client that is still sending would miss it.
_DRAINED = 256 * 1024 * 1024

StoreEndpoint = Callable[[Services, Request, dict[str, str]], Awaitable[Response]]


class StoreRoute:
    """ASGI: checks the signature of the URL, then serves it. `query` of the endpoint is what was signed."""

    def __init__(self, services: Services, method: str, endpoint: StoreEndpoint) -> None:
        self._services = services
        self._method = method
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        except ApiError as error:
            await _drain(request)
            response = error_response(error, request_id_of(scope))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != self._method:
            raise MethodNotAllowed(f"this URL is for {self._method} only", headers={"Allow": self._method})
        if "authorization" in request.headers:
            raise BadRequest(
                "a presigned URL is its own authorization: send no Authorization header with it",
                code="unexpected_authorization",
            )
        query = self._services.signer.check_url(
            request.method, raw_path(request.scope), request.scope["query_string"].decode("latin-1")
        )
        return await self._endpoint(self._services, request, query)


async def _drain(request: Request) -> None:
    seen = 0
    try:
        async for piece in request.stream():
            seen += len(piece)
            if seen > _DRAINED:
                return
    except (ClientDisconnect, RuntimeError):
        # RuntimeError: the endpoint has read it all.
        return


async def upload(services: Services, request: Request, query: dict[str, str]) -> Response:
    """PUT /store/uploads/{upload}"""

    def record(stored: StoredBlob) -> None:
        with services.database.write() as db:
            uploads.record_upload(db, request.path_params["upload"], query["session"], stored, services.now())

    return await _receive(request, services.blobs, record)


async def upload_part(services: Services, request: Request, query: dict[str, str]) -> Response:
    """PUT /store/uploads/{upload}/parts/{number}"""
    upload_id, number = request.path_params["upload"], int(request.path_params["number"])

    def check() -> None:
        with services.database.read() as db:
            uploads.check_part(db, upload_id, number)

    def record(stored: StoredBlob) -> None:
        with services.database.write() as db:
            in_time = uploads.record_part(db, upload_id, number, stored, services.now())
        if not in_time:
            check()

    await run_in_threadpool(check)
    return await _receive(request, services.blobs, record)


async def _receive(request: Request, blobs: Blobs, record: Callable[[StoredBlob], None]) -> Response:
    """Store the whole body and record it. Raises ClientDisconnect if it breaks off.

    Its length is not checked again: h11 ends the stream after as many bytes as were announced, and not before.
    """
    writer = await run_in_threadpool(blobs.create)

    def finish() -> StoredBlob:
        # In one go, so that only a crash can leave a blob behind that no row names.
        stored = writer.finish()
        record(stored)
        return stored

    try:
        async for piece in _pieces(request):
            await run_in_threadpool(writer.write, piece)
        stored = await run_in_threadpool(finish)
    except BaseException:
        writer.discard()
        raise
    return Response(headers={"ETag": f'"{stored.md5}"'})


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body in large pieces: each is a trip to another thread."""
    gathered = bytearray()
    async for chunk in request.stream():
        gathered += chunk
        if len(gathered) >= _PIECE:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


async def download(services: Services, request: Request, query: dict[str, str]) -> Response:
    """GET /store/objects/{digest}"""
    entry, committed = entry_of(request.path_params["digest"], query)
    # An object may be a web page; opened in a browser it must not run scripts in the server's own origin.
    headers = entry_headers(entry, committed) | {"Content-Security-Policy": "sandbox"}
    if not_modified(request.headers, entry.etag):
        return Response(status_code=304, headers={"ETag": entry.etag, "Last-Modified": headers["Last-Modified"]})
    span = select_range(request.headers, entry.etag, entry.size)
    first, last = span or (0, entry.size - 1)
    headers["Content-Length"] = str(last - first + 1)
    if span is not None:
        headers["Content-Range"] = f"bytes {first}-{last}/{entry.size}"
    return await _respond(services, entry, (first, last), 200 if span is None else 206, headers)


async def _respond(services: Services, entry: Entry, span: ByteRange, status: int, headers: dict[str, str]) -> Response:
    """A small body in one piece, a large one as it is read."""
    pieces = await run_in_threadpool(_find_pieces, services, entry, span)
    if span[1] - span[0] < _PIECE:
        content = await run_in_threadpool(lambda: b"".join(_read(services.blobs, *piece) for piece in pieces))
        return Response(content, status, headers)
    return StreamingResponse(_stream(services.blobs, pieces), status, headers)


def _find_pieces(services: Services, entry: Entry, span: ByteRange) -> list[tuple[bytes, int, int]]:
    """Which bytes of which blobs make up the span: `(digest, offset, length)`, none longer than one piece."""
    with services.database.read() as db:
        segments = uploads.segments(db, entry.blob, entry.size)
    pieces, start = [], 0
    for digest, size in segments:
        low, high = max(span[0] - start, 0), min(span[1] + 1 - start, size)
        pieces += [(digest, offset, min(_PIECE, high - offset)) for offset in range(low, high, _PIECE)]
        start += size
    return pieces


def _read(blobs: Blobs, digest: bytes, offset: int, length: int) -> bytes:
    with blobs.open(digest) as file:
        file.seek(offset)
        return file.read(length)


async def _stream(blobs: Blobs, pieces: list[tuple[bytes, int, int]]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield await run_in_threadpool(_read, blobs, *piece)
