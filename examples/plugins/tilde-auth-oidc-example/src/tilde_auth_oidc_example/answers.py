"""What issuers of tokens answer, and what is taken from it. Whatever is wrong, no error quotes the answer."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from tilde.exceptions import APIError, ConfigurationError, CredentialsError
from tilde.plugins import Request, Response

__all__ = ["checked_url", "json_of", "text_of"]

_HERE = ("127.0.0.1", "::1", "localhost")
_PRINTABLE = re.compile(r"[\x21-\x7e]+\Z")
_ERROR_CODE = re.compile(r"[a-z_]{1,40}\Z")
_MAX_BYTES = 64 * 1024


def checked_url(url: str, name: str) -> str:
    """Return `url` if a token may be sent there: over https, or to this machine. Raises `ConfigurationError`."""
    try:
        parts = urlsplit(url)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)
    except ValueError:
        is_safe = False
    if not is_safe:
        raise ConfigurationError(f"{name} must be an https URL: what is sent there is a secret")
    return url


def json_of(request: Request, response: Response) -> dict[str, Any]:
    """Return the JSON object of the answer. Raises `APIError` for an error status, else `CredentialsError`."""
    with response:
        body = b"".join(_bounded(request, response))
    answer = _parsed(body)
    if response.status != 200:
        raise _refused(request, response.status, answer)
    if not isinstance(answer, dict):
        raise CredentialsError(f"{request.safe_url} answered something that is not a JSON object")
    return answer


def text_of(answer: dict[str, Any], name: str, request: Request) -> str:
    """Return a token from the answer. Raises `CredentialsError` for one that cannot be sent."""
    token = answer.get(name)
    if not isinstance(token, str) or not _PRINTABLE.match(token):
        raise CredentialsError(f"{request.safe_url} answered without {name}, or with one that cannot be sent")
    return token


def _bounded(request: Request, response: Response) -> list[bytes]:
    pieces, size = [], 0
    for piece in response.iter_bytes():
        pieces.append(piece)
        size += len(piece)
        if size > _MAX_BYTES:
            raise CredentialsError(f"{request.safe_url} answered with more than {_MAX_BYTES} bytes")
    return pieces


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None  # not raised from the error: that holds the whole text, and perhaps a token


def _refused(request: Request, status: int, answer: Any) -> Exception:
    """An `APIError` may be worth a second try, which depends on the status. A redirect never is."""
    code = answer.get("error") if isinstance(answer, dict) else None
    known = code if isinstance(code, str) and _ERROR_CODE.match(code) else ""
    if status < 400:
        return CredentialsError(f"{request.safe_url} answered with status {status}, and only 200 is of use")
    return APIError(
        "no token was given",
        status_code=status,
        code=known,
        method=request.method,
        url=request.safe_url,
        operation=request.operation,
    )
