"""An entry as HTTP sees it: headers, conditions and byte ranges."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from email.utils import format_datetime

import msgspec

from tilde_local.clock import parse_stamp
from tilde_local.errors import BadRequest, PreconditionFailed, RangeNotSatisfiable
from tilde_local.store.records import Entry

__all__ = [
    "ByteRange",
    "check_content_type",
    "check_metadata",
    "entry_headers",
    "matches",
    "not_modified",
    "select_range",
    "unquoted",
]

MAX_METADATA_BYTES = 4096
ByteRange = tuple[int, int]

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_PLAIN = re.compile(r"[!-~]([ -~]*[!-~])?")
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)", re.ASCII | re.IGNORECASE)
# No object is as large, and no more digits are read: int() refuses thousands of them.
_FAR = 10**18


def check_content_type(content_type: str) -> str:
    """`content_type`, if it can be sent as a header. Raises BadRequest."""
    if not _PLAIN.fullmatch(content_type) or len(content_type) > 256:
        raise BadRequest(f"content_type: expected printable ASCII of at most 256 characters, got {content_type!r}")
    return content_type


def check_metadata(metadata: Mapping[str, str]) -> str:
    """Metadata as it is stored. Keys become parts of header names, which limits them. Raises BadRequest."""
    names: dict[str, str] = {}
    for key in metadata:
        if not _TOKEN.fullmatch(key):
            raise BadRequest(f"metadata: the key {key!r} does not fit in a header name")
        if (other := names.setdefault(key.lower(), key)) != key:
            raise BadRequest(f"metadata: the keys {other!r} and {key!r} differ only in case, and headers have none")
    text = msgspec.json.encode(metadata).decode() if metadata else ""
    if len(text.encode()) > MAX_METADATA_BYTES:
        raise BadRequest(f"metadata: at most {MAX_METADATA_BYTES} bytes as JSON")
    return text


def unquoted(etag: str) -> str:
    """An ETag as it stands in JSON; in headers it has double quotes."""
    return etag.strip('"')


def _header_value(value: str) -> str:
    """`value` itself if a header can carry it unchanged, else as an RFC 2047 word in UTF-8, as S3 does."""
    if _PLAIN.fullmatch(value) and not value.startswith("=?"):
        return value
    return f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?=" if value else ""


def entry_headers(entry: Entry, reproducible: bool) -> dict[str, str]:
    """The headers of an object. `reproducible`: reading the same URL of the API later gives the same bytes."""
    headers = {
        "ETag": entry.etag,
        "Content-Type": entry.content_type,
        "Content-Length": str(entry.size),
        "Accept-Ranges": "bytes",
        "Last-Modified": format_datetime(parse_stamp(entry.modified), usegmt=True),
        "X-Tilde-Reproducible": "true" if reproducible else "false",
    }
    metadata: dict[str, str] = msgspec.json.decode(entry.metadata) if entry.metadata else {}
    return headers | {f"X-Tilde-Meta-{key}": _header_value(value) for key, value in metadata.items()}


def matches(header: str, etag: str) -> bool:
    """Whether a list of ETags, or `*`, names `etag`."""
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags


def not_modified(headers: Mapping[str, str], etag: str) -> bool:
    """Whether the client has this object already. Raises PreconditionFailed if `If-Match` wants another one."""
    wanted = headers.get("if-match")
    if wanted is not None and not matches(wanted, etag):
        raise PreconditionFailed(f"the object has the ETag {etag}, not {wanted}")
    known = headers.get("if-none-match")
    return known is not None and matches(known, etag)


def _position(digits: str) -> int | None:
    """The number, or None where there is none."""
    if not digits:
        return None
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= 18 else _FAR


def select_range(headers: Mapping[str, str], etag: str, size: int) -> ByteRange | None:
    """The first and last byte asked for, or None for the whole object.

    Several ranges, and what is no range, are answered with the whole object, as RFC 9110 allows. Raises
    RangeNotSatisfiable for a range that holds no byte of the object.
    """
    found = _RANGE.fullmatch(headers.get("range", "").strip())
    if found is None or found.group(1, 2) == ("", "") or headers.get("if-range", etag) != etag:
        return None
    first, last = (_position(digits) for digits in found.groups())
    if first is None:
        span = max(size - (last or 0), 0), size - 1
    elif last is not None and last < first:
        return None
    else:
        span = first, size - 1 if last is None else min(last, size - 1)
    if span[0] > span[1]:
        raise RangeNotSatisfiable(
            f"the object has {size} bytes, none of them in {found.group()}",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return span
