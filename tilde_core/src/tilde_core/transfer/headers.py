"""What the headers of an object's answer say about it."""

from __future__ import annotations

from email.errors import HeaderParseError
from email.header import decode_header, make_header

from tilde_core.exceptions import SerializationError
from tilde_core.http import Headers
from tilde_core.models.objects import ObjectMetadata
from tilde_core.transfer.checksums import unquoted

__all__ = ["is_reproducible", "object_metadata", "user_metadata"]

_METADATA_PREFIX = "x-tilde-meta-"


def object_metadata(headers: Headers, operation: str) -> ObjectMetadata:
    """Return what the answer to a HEAD says. Raises `SerializationError` if it does not say how long the object is."""
    length = headers.get("Content-Length", "")
    if not (length.isascii() and length.isdigit()):
        raise SerializationError(f"the answer has the length {length!r}, which is no number", operation=operation)
    return ObjectMetadata(
        etag=unquoted(headers.get("ETag", "")),
        content_type=headers.get("Content-Type", ""),
        content_length=int(length),
        reproducible=is_reproducible(headers),
        metadata=user_metadata(headers),
    )


def is_reproducible(headers: Headers) -> bool:
    """Whether the service can make the object anew from its source."""
    return headers.get("X-Tilde-Reproducible", "").strip().lower() == "true"


def user_metadata(headers: Headers) -> dict[str, str]:
    """Return what the user noted down with the object."""
    return {
        name[len(_METADATA_PREFIX) :]: _as_text(value)
        for name, value in headers.multi_items()
        if name.lower().startswith(_METADATA_PREFIX)
    }


def _as_text(value: str) -> str:
    """What stands in a header, which is made for ASCII: RFC 2047 words, or UTF-8, which transports read bytewise."""
    try:
        if value.startswith("=?"):
            return str(make_header(decode_header(value)))
        return value.encode("latin-1").decode("utf-8")
    except (HeaderParseError, LookupError, UnicodeError):
        return value
