"""ETags, and whether they fit the bytes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tilde_core.exceptions import IntegrityError

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["check_etag", "etag_of_parts", "is_md5", "new_md5", "unquoted"]

_MD5 = re.compile(r"[0-9a-fA-F]{32}\Z")


def new_md5() -> _Hash:
    """Return an MD5 to feed. It tells bytes that changed by accident; it protects from nobody."""
    return hashlib.md5(usedforsecurity=False)


def unquoted(etag: str) -> str:
    """Return an ETag without its quotes and without the mark of a weak one."""
    return etag.strip().removeprefix("W/").strip('"')


def is_md5(etag: str) -> bool:
    """Whether an unquoted ETag is an MD5; that of a multipart object, with its dash, is not."""
    return _MD5.match(etag) is not None


def etag_of_parts(etags: Iterable[str]) -> str:
    """Return the ETag that S3 gives to an object in parts with these ETags; `""` if those are no MD5s."""
    digests = [unquoted(etag) for etag in etags]
    if not digests or not all(map(is_md5, digests)):
        return ""
    return f"{hashlib.md5(bytes.fromhex(''.join(digests)), usedforsecurity=False).hexdigest()}-{len(digests)}"


def check_etag(etag: str, md5: str, what: str, request_id: str) -> None:
    """Raise `IntegrityError` if `etag`, with or without quotes, is an MD5 other than `md5`.

    `what` names the bytes, `request_id` the request that stored them.
    """
    stored = unquoted(etag)
    if is_md5(stored) and stored.lower() != md5:
        raise IntegrityError(
            f"{what} was damaged on the way: MD5 {md5} was sent and the object store has {stored}; nothing was staged",
            operation="objects.put",
            request_id=request_id,
        )
