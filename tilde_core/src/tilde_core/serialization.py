"""JSON to types and back, with msgspec; every failure is a `SerializationError`."""

from __future__ import annotations

import zlib
from typing import Any, TypeVar

import msgspec

from tilde_core.exceptions import SerializationError
from tilde_core.http import Response

__all__ = ["decode_json", "decompressed", "encode_json"]

T = TypeVar("T")


def encode_json(value: Any) -> bytes:
    """Return `value` as JSON. Raises `TypeError` or `ValueError` for what JSON cannot hold: the caller's mistake."""
    return msgspec.json.encode(value)


def decode_json(response: Response, kind: type[T], operation: str) -> T:
    """Return the body of `response` as a `kind`. Raises `SerializationError` that names the place."""
    try:
        return msgspec.json.decode(response.read(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SerializationError(
            f"the service's answer is not the JSON it should be: {error}",
            operation=operation,
            request_id=response.headers.request_id,
        ) from error


def decompressed(response: Response, operation: str) -> Response:
    """Return `response` with its body, which must have been read, as it was before `Content-Encoding: gzip`."""
    if response.headers.get("Content-Encoding", "").lower() != "gzip" or not response.read():
        return response
    try:
        content = zlib.decompress(response.read(), wbits=zlib.MAX_WBITS | 16)
    except zlib.error as error:
        raise SerializationError(
            f"the service's answer says it is gzip and is not: {error}",
            operation=operation,
            request_id=response.headers.request_id,
        ) from error
    return Response(response.status, response.headers.without("Content-Encoding"), content)
