"""For transports: where a request goes, which header lines it has, and its body in pieces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import urlsplit

from tilde_core.error_table import error_about
from tilde_core.exceptions import ConfigurationError, OutcomeUnknownError, TransportError
from tilde_core.http import ByteStream, Request

__all__ = [
    "SourceFailed",
    "body_pieces",
    "header_lines",
    "key_gives_way",
    "lines_with_own",
    "split_url",
    "split_websocket_url",
]

_PRINTABLE = re.compile(r"[!-~]+\Z")
_URL = re.compile(r"(\w+)://(?:[^/?#]*@)?([^/?#@]+)([^#]*)")
_NOT_IN_A_VALUE = re.compile(r"[^\t -~\x80-\xff]")  # what is beyond Latin-1, and control characters
# Framing is the transport's business, and a route adds credentials for the proxy that they are for.
_LEFT_OUT = frozenset({"content-length", "transfer-encoding", "proxy-authorization"})
# The libraries have a default for each of the first four.
_NOT_FROM_SESSIONS = _LEFT_OUT | {"accept", "accept-encoding", "connection", "user-agent", "authorization", "host"}
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class SourceFailed(Exception):
    """Carries an error of the caller's own body past the backend, which would take an `OSError` for one of its own."""

    def __init__(self, error: Exception) -> None:
        super().__init__(type(error).__name__)
        self.error = error


def split_url(request: Request) -> tuple[str, str]:
    """Return the origin (`https://host:port`) and the request target, each as it stands in the URL.

    A backend that parses the target would write it anew, and a presigned URL is good only to the letter.
    Raises `ConfigurationError` for a URL that no server can be asked for: to try again would never help.
    """
    return _split(request, "http")


def split_websocket_url(request: Request) -> tuple[str, str]:
    """Do the same for a URL that begins with `ws://` or `wss://`."""
    return _split(request, "ws")


def _split(request: Request, plain: str) -> tuple[str, str]:
    match = _URL.match(request.url) if _PRINTABLE.match(request.url) else None
    if match is None or match[1].lower() not in (plain, f"{plain}s"):
        raise _unsendable(
            request, f"the URL {request.safe_url!r} must begin with {plain}:// or {plain}s:// and be fully encoded"
        )
    scheme, host, target = match.groups()
    if not _is_host(host):
        raise _unsendable(request, f"{host} is not a valid host and port")
    return f"{scheme.lower()}://{host}", target if target.startswith("/") else f"/{target}"


@lru_cache(maxsize=256)
def _is_host(host: str) -> bool:
    try:
        parts = urlsplit(f"//{host}")
        (parts.hostname or "").encode("idna")  # as name lookup does: no label may be empty or too long
        return bool(parts.hostname) and parts.port != 0  # asking for the port checks its range
    except ValueError:
        return False


def header_lines(request: Request) -> list[tuple[str, str]]:
    """Return the header lines in order, with the one `Content-Length` that fits the body.

    Raises `ConfigurationError` for a value that HTTP cannot carry.
    """
    lines = [line for line in request.headers.multi_items() if line[0].lower() not in _LEFT_OUT]
    for name, value in lines:
        if _NOT_IN_A_VALUE.search(value):
            raise _unsendable(request, f"header {name}: the value holds a character that HTTP cannot carry")
    size = len(request.content)
    if size or request.method in _METHODS_WITH_BODY:
        lines.append(("Content-Length", str(size)))
    return [(name, value.strip(" \t")) for name, value in lines]


def lines_with_own(request: Request, own: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the header lines, and those that the user's `own` session adds to every request.

    Ours come first: of the same name, they count. A credential of the session is none for this service, and to a
    presigned request nothing is added.
    """
    lines = header_lines(request)
    if request.presigned:
        return lines
    taken = _NOT_FROM_SESSIONS | {name.lower() for name, _ in lines}
    return lines + [(name, value) for name, value in own if name.lower() not in taken]


def key_gives_way(status: int, challenge: str) -> bool:
    """Return whether an answer, with its `WWW-Authenticate`, asks for what the user's own session has in place of the
    API key: something in front of the service wants to know who calls, and both want the header `Authorization`."""
    return status == 401 and bool(challenge) and not challenge.lower().startswith("bearer")


def _unsendable(request: Request, message: str) -> ConfigurationError:
    return ConfigurationError(message, operation=request.operation)


def body_pieces(request: Request, stream: ByteStream) -> Iterator[bytes]:
    """Yield the stream's bytes, exactly as many as it announced. Raises `SourceFailed`."""
    expected, sent = len(stream), 0
    for piece in _from_source(stream):
        sent += len(piece)
        if sent > expected:
            raise SourceFailed(_wrong_size(request, f"more than the {expected} bytes"))
        yield piece
    if sent < expected:
        raise SourceFailed(_wrong_size(request, f"{sent} of the {expected} bytes"))


def _from_source(stream: ByteStream) -> Iterator[bytes]:
    try:
        yield from stream
    except Exception as error:
        raise SourceFailed(error) from error


def _wrong_size(request: Request, what: str) -> TransportError:
    message = f"the request body gave {what} that it announced: did its source change while it was being read?"
    return error_about(request, OutcomeUnknownError, message)
