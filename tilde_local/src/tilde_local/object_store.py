"""The addresses of the object store next to the API: presigned, short-lived, each good for one method.

A download URL carries the entry itself, so that it shows what was asked for even if the session it was read in is over.
"""

from __future__ import annotations

from collections.abc import Mapping

from tilde_local.signing import Signer, pack, unpack
from tilde_local.store.records import Entry

__all__ = ["DOWNLOAD_SECONDS", "UPLOAD_SECONDS", "download_url", "entry_of", "part_url", "upload_url"]

DOWNLOAD_SECONDS = 5 * 60
UPLOAD_SECONDS = 15 * 60


def upload_url(signer: Signer, upload_id: str, session_id: str) -> str:
    """Where to PUT the bytes of an upload."""
    return signer.url("PUT", f"/store/uploads/{upload_id}", {"session": session_id}, UPLOAD_SECONDS)


def part_url(signer: Signer, upload_id: str, number: int) -> str:
    """Where to PUT one part of a multipart upload."""
    return signer.url("PUT", f"/store/uploads/{upload_id}/parts/{number}", {}, UPLOAD_SECONDS)


def download_url(signer: Signer, entry: Entry, committed: bool) -> str:
    """Where to GET the bytes of `entry`."""
    packed = pack([entry.size, entry.etag, entry.content_type, entry.metadata, entry.modified, committed])
    return signer.url("GET", f"/store/objects/{entry.blob.hex()}", {"entry": packed}, DOWNLOAD_SECONDS)


def entry_of(digest: str, query: Mapping[str, str]) -> tuple[Entry, bool]:
    """The entry, and whether it was committed, out of a URL whose signature was checked."""
    *fields, committed = unpack(query["entry"])
    return Entry(bytes.fromhex(digest), *fields), committed
