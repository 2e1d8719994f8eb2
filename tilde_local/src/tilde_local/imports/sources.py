"""Reading from elsewhere: what all kinds of sources have in common, and which kinds there are."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple, Protocol

from tilde_local.errors import BadGateway, BadRequest
from tilde_local.imports import running
from tilde_local.imports.settings import Settings

__all__ = [
    "PIECE",
    "Found",
    "InterruptedReading",
    "Opened",
    "Source",
    "SourceError",
    "check_installed",
    "explain",
    "open_source",
    "probe",
]

# How much is in memory of an object at a time, in bytes.
PIECE = 1024 * 1024
_PROBE_SECONDS = 10.0
_LONGEST_REASON = 300
_QUERY = re.compile(r"(?<=\w)\?[^\s\"']+")
_LIBRARIES = {"s3": "s3fs", "gcs": "gcsfs"}


class Found(NamedTuple):
    """An object as a listing shows it. `etag` and `version` are the source's own, and say which bytes are meant."""

    key: str
    size: int
    etag: str
    version: str


class Opened(NamedTuple):
    """An object that is being read. What the source does not tell is empty."""

    content_type: str
    version: str
    pieces: AsyncIterator[bytes]


class Source(Protocol):
    """A bucket while it is open. Everything raises SourceError."""

    def list(self, prefix: str, page_size: int) -> AsyncIterator[list[Found]]:
        """The objects whose keys begin with `prefix`, page by page."""

    def read(self, found: Found) -> AbstractAsyncContextManager[Opened]:
        """The bytes of an object, in the version that was listed."""


class SourceError(Exception):
    """A source cannot be read. The message is for people and holds no credentials."""


class InterruptedReading(SourceError):
    """A connection broke in the middle of an object: reading it anew may work."""


def explain(
    what: str, error: BaseException, secrets: Iterable[str], kind: type[SourceError] = SourceError
) -> SourceError:
    """`error` as a SourceError: its first line, without queries of URLs, and without secrets that came back."""
    # Google's errors have more arguments: what was answered, all of it.
    first = error.args[0] if error.args and isinstance(error.args[0], str) else str(error)
    text = next(iter(first.strip().splitlines()), "") or type(error).__name__
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    text = _QUERY.sub("", text)
    return kind(f"{what}: {text[:_LONGEST_REASON]}")


def check_installed(kind: str) -> None:
    """Raise BadRequest if the library for this type of connector is missing."""
    if find_spec(_LIBRARIES[kind]) is None:
        raise BadRequest(
            f"connectors of type {kind!r} need {_LIBRARIES[kind]}: install it beside the server (pip install"
            f" {_LIBRARIES[kind]}), and start the server again",
            code="missing_extra",
        )


def open_source(settings: Settings, attempts: int) -> AbstractAsyncContextManager[Source]:
    """The source, to be entered within a running event loop. `attempts`: how often a request may be sent.

    Raises BadRequest if its library is missing, SourceError on entering.
    """
    check_installed(settings.type)
    # Imported only now: each brings an HTTP library and much more.
    module = import_module(f"tilde_local.imports.{settings.type}")
    opened: AbstractAsyncContextManager[Source] = module.connect(settings, attempts)
    return opened


def probe(settings: Settings) -> None:
    """List one key, in ten seconds at most. Raises BadGateway with the reason, BadRequest."""
    source = open_source(settings, 1)  # before the time runs: importing its library can take seconds
    try:
        running.run(asyncio.wait_for(_list_one(source, settings.place.prefix), _PROBE_SECONDS))
    except SourceError as error:
        raise BadGateway(f"the connection does not work: {error}", code="connection_failed") from error
    except asyncio.TimeoutError:
        raise BadGateway(
            f"the connection does not work: no answer within {_PROBE_SECONDS:g} seconds", code="connection_failed"
        ) from None


async def _list_one(opened: AbstractAsyncContextManager[Source], prefix: str) -> None:
    async with opened as source:
        async for _ in source.list(prefix, 1):
            break
