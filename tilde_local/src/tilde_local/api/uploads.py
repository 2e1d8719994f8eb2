"""PUT /object, /object/finalize and /object/multipart: bytes come in at the object store, and become objects here."""

from __future__ import annotations

import uuid
from typing import Annotated

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response, no_content
from tilde_local.api.endpoint import OBJECT_PATH, SESSION, Parameter, Uri, endpoint
from tilde_local.api.objects import session_of
from tilde_local.errors import BadRequest
from tilde_local.object_store import part_url, upload_url
from tilde_local.objects import check_content_type, check_metadata, unquoted
from tilde_local.store import sessions, uploads
from tilde_local.store.paths import check_path
from tilde_local.store.records import Entry

__all__ = ["abort_multipart", "begin", "begin_multipart", "complete_multipart", "finalize", "get_part_url"]

DEFAULT_CONTENT_TYPE = "application/octet-stream"


class FinalizeObject(msgspec.Struct):
    """The body of POST /object/finalize."""

    upload_token: str
    checksum: str = ""
    content_type: str = ""
    size_bytes: int | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, str] = {}


class Part(msgspec.Struct):
    """One part in the body of POST /object/multipart/complete."""

    part_number: int
    etag: str


class CompleteMultipart(FinalizeObject, kw_only=True):
    """The body of POST /object/multipart/complete."""

    upload_id: str
    parts: list[Part]


class Begun(msgspec.Struct):
    """Where to put the bytes."""

    upload_url: Uri
    upload_token: str


class BegunMultipart(msgspec.Struct):
    """A multipart upload."""

    upload_id: str
    upload_token: str


class PartUrl(msgspec.Struct):
    """Where to put a part."""

    upload_url: Uri


class Uploaded(msgspec.Struct):
    """What is staged now."""

    path: str
    etag: str


_UPLOAD = (
    Parameter("upload_id", "the multipart upload", required=True),
    Parameter("upload_token", "its token", required=True),
)
_ERRORS = (400, 403, 404, 409)


def _target(call: Call) -> dict[str, str]:
    """What an upload token is bound to."""
    return {"session": call.query.required("session_id"), "path": check_path(call.query.required("path"))}


@endpoint("putObject", {200: Begun}, query=(SESSION, OBJECT_PATH), errors=_ERRORS)
def begin(call: Call) -> Response:
    """PUT /object: where to put the bytes, and the token to finalize them with."""
    target, upload_id = _target(call), str(uuid.uuid4())
    with call.services.database.read() as db:
        session_of(call, db, "PutObject", target["path"])
    signer = call.services.signer
    url = call.origin + upload_url(signer, upload_id, target["session"])
    return json_response(Begun(url, signer.token("upload", {**target, "upload": upload_id})))


def _entry(call: Call, body: FinalizeObject, blob: bytes, size: int, etag: str) -> Entry:
    """The entry that the upload becomes. Raises BadRequest if the bytes are not those the client sent."""
    if body.size_bytes is not msgspec.UNSET and body.size_bytes != size:
        raise BadRequest(f"size_bytes: {body.size_bytes} announced, {size} uploaded", code="size_mismatch")
    if body.checksum and unquoted(body.checksum).lower() != unquoted(etag):
        raise BadRequest(f"checksum: {body.checksum} announced, the upload has {etag}", code="checksum_mismatch")
    content_type = check_content_type(body.content_type or DEFAULT_CONTENT_TYPE)
    return Entry(blob, size, etag, content_type, check_metadata(body.metadata), call.services.now())


@endpoint("finalizeObject", {201: Uploaded}, query=(SESSION, OBJECT_PATH), body=FinalizeObject, errors=_ERRORS)
def finalize(call: Call) -> Response:
    """POST /object/finalize: stage what was uploaded. Once done, the same token changes nothing more."""
    target, body = _target(call), call.json(FinalizeObject)
    upload_id = call.services.signer.check_token("upload", body.upload_token, target)["upload"]
    with call.services.database.write() as db:
        _, session = session_of(call, db, "PutObject", target["path"])
        stored, done = uploads.find_upload(db, upload_id)
        entry = _entry(call, body, stored.digest, stored.size, f'"{stored.md5}"')
        if not done:
            sessions.stage(db, session, [(target["path"], entry)])
            uploads.mark_finalized(db, upload_id)
    return json_response(Uploaded(target["path"], unquoted(entry.etag)), 201)


@endpoint("initiateMultipartUpload", {200: BegunMultipart}, query=(SESSION, OBJECT_PATH), errors=_ERRORS)
def begin_multipart(call: Call) -> Response:
    """POST /object/multipart"""
    target = _target(call)
    with call.services.database.write() as db:
        session_of(call, db, "PutObject", target["path"])
        upload_id = uploads.begin_multipart(db, target["session"], target["path"], call.services.now())
    token = call.services.signer.token("multipart", {**target, "upload": upload_id})
    return json_response(BegunMultipart(upload_id, token))


def _check_multipart(call: Call, upload_id: str, token: str) -> dict[str, str]:
    target = _target(call)
    call.services.signer.check_token("multipart", token, {**target, "upload": upload_id})
    return target


@endpoint(
    "getPartPresignedURL",
    {200: PartUrl},
    query=(
        SESSION,
        OBJECT_PATH,
        *_UPLOAD,
        Parameter("part_number", "which part, from 1", Annotated[int, msgspec.Meta(ge=1, le=10_000)], required=True),
    ),
    errors=_ERRORS,
)
def get_part_url(call: Call) -> Response:
    """GET /object/multipart/part: where to put one part."""
    upload_id = call.query.required("upload_id")
    target = _check_multipart(call, upload_id, call.query.required("upload_token"))
    call.query.required("part_number")
    number = call.query.number("part_number", 1, uploads.MAX_PARTS)
    with call.services.database.read() as db:
        session_of(call, db, "PutObject", target["path"])
        uploads.check_part(db, upload_id, number)
    return json_response(PartUrl(call.origin + part_url(call.services.signer, upload_id, number)))


@endpoint(
    "completeMultipartUpload", {201: Uploaded}, query=(SESSION, OBJECT_PATH), body=CompleteMultipart, errors=_ERRORS
)
def complete_multipart(call: Call) -> Response:
    """POST /object/multipart/complete: stage the assembled object. Once done, repeating changes nothing more."""
    body = call.json(CompleteMultipart)
    target = _check_multipart(call, body.upload_id, body.upload_token)
    listed = [(part.part_number, part.etag) for part in body.parts]
    with call.services.database.write() as db:
        _, session = session_of(call, db, "PutObject", target["path"])
        etag = uploads.completed(db, body.upload_id)
        if etag is None:
            whole = uploads.assemble(db, body.upload_id, listed)
            etag = whole.etag
            sessions.stage(db, session, [(target["path"], _entry(call, body, *whole))])
    return json_response(Uploaded(target["path"], unquoted(etag)), 201)


@endpoint("abortMultipartUpload", {204: None}, query=(SESSION, OBJECT_PATH, *_UPLOAD), errors=(400, 403, 404))
def abort_multipart(call: Call) -> Response:
    """DELETE /object/multipart: fine also if the upload is over."""
    upload_id = call.query.required("upload_id")
    target = _check_multipart(call, upload_id, call.query.required("upload_token"))
    with call.services.database.write() as db:
        call.repository(db, "PutObject", path=target["path"])
        uploads.abort(db, upload_id)
    return no_content()
