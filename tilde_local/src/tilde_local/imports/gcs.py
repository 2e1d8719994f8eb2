"""Reading from Google Cloud Storage through gcsfs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import msgspec
from aiohttp import ClientError, ClientResponse, ClientTimeout
from gcsfs.core import GCSFileSystem, quote
from gcsfs.retry import HttpError, is_retriable, validate_response
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials
from requests import RequestException
from yarl import URL

from tilde_local.imports.settings import GcsConfig, Settings
from tilde_local.imports.sources import PIECE, Found, InterruptedReading, Opened, SourceError, explain

__all__ = ["connect"]

_FAILURES = (OSError, ValueError, HttpError, GoogleAuthError, ClientError, asyncio.TimeoutError, msgspec.MsgspecError)
_ENDPOINT = "https://storage.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
_TIMEOUT = ClientTimeout(total=None, sock_connect=5, sock_read=30)
_TOKEN_SECONDS = 5


@asynccontextmanager
async def connect(settings: Settings, attempts: int) -> AsyncIterator[GcsSource]:
    """The bucket of the settings. Raises SourceError."""
    config = settings.config
    assert isinstance(config, GcsConfig)
    with _explained("cannot log in", config.secrets):
        credentials = None if config.anonymous else await asyncio.to_thread(_log_in, config)
    files = GCSFileSystem(
        project=config.project_id,
        access="read_only",
        token=credentials or "anon",
        endpoint_url=config.endpoint_url.rstrip("/") or _ENDPOINT,
        requests_timeout=_TIMEOUT,
        asynchronous=True,
        skip_instance_cache=True,
    )
    session = await files._set_session()
    try:
        secrets = (*config.secrets, str(credentials.token) if credentials else "")
        yield GcsSource(files, settings.place.bucket, secrets, attempts)
    finally:
        await session.close()


def _log_in(config: GcsConfig) -> Any:
    """Credentials with a token: gcsfs would get one too, but try for half a minute where it is refused."""
    credentials = Credentials.from_service_account_info(config.account(), scopes=[_SCOPE])
    credentials.refresh(partial(Request(), timeout=_TOKEN_SECONDS))
    return credentials


class _Item(msgspec.Struct):
    """An object in a listing."""

    name: str
    size: str = "0"
    etag: str = ""
    generation: str = ""


class _Page(msgspec.Struct, rename={"next_page_token": "nextPageToken"}):
    """A page of a listing."""

    items: list[_Item] = []
    next_page_token: str = ""


class GcsSource:
    """An open bucket."""

    def __init__(self, files: GCSFileSystem, bucket: str, secrets: tuple[str, ...], attempts: int) -> None:
        self._files = files
        self._bucket = bucket
        self._secrets = secrets
        self._attempts = attempts

    async def list(self, prefix: str, page_size: int) -> AsyncIterator[list[Found]]:
        """The objects whose keys begin with `prefix`, page by page. Raises SourceError."""
        more = {"prefix": prefix, "maxResults": str(page_size)}
        while True:
            with _explained(f"cannot list gs://{self._bucket}/{prefix}", self._secrets):
                async with await self._get(f"b/{quote(self._bucket)}/o", more) as answer:
                    page = msgspec.json.decode(await answer.read(), type=_Page)
            yield [Found(each.name, int(each.size), each.etag, each.generation) for each in page.items]
            if not page.next_page_token:
                return
            more["pageToken"] = page.next_page_token

    @asynccontextmanager
    async def read(self, found: Found) -> AsyncIterator[Opened]:
        """The bytes of an object, in the version that was listed. Raises SourceError."""
        what = f"cannot read gs://{self._bucket}/{found.key}"
        version = {"generation": found.version} if found.version else {}
        with _explained(what, self._secrets):
            path = f"b/{quote(self._bucket)}/o/{quote(found.key)}"
            # As it is stored, also if that is compressed.
            answer = await self._get(path, {"alt": "media", **version}, {"Accept-Encoding": "gzip"})
        async with answer:
            pieces = self._pieces(answer, what)
            yield Opened(answer.headers.get("Content-Type", ""), found.version, pieces)

    async def _pieces(self, answer: ClientResponse, what: str) -> AsyncIterator[bytes]:
        with _explained(what, self._secrets, InterruptedReading):
            while piece := await answer.content.read(PIECE):
                yield piece

    async def _get(self, path: str, query: dict[str, str], headers: dict[str, str] | None = None) -> ClientResponse:
        """A successful answer, which the caller closes. What may pass is tried again, after 1, 2, … seconds."""
        for attempt in range(1, self._attempts + 1):
            try:
                return await self._send(path, query, headers)
            except (HttpError, RequestException, ClientError) as error:
                if attempt == self._attempts or not is_retriable(error):
                    raise
            await asyncio.sleep(2 ** (attempt - 1))
        raise AssertionError("there is at least one attempt")

    async def _send(self, path: str, query: dict[str, str], headers: dict[str, str] | None) -> ClientResponse:
        answer: ClientResponse = await self._files.session.get(
            URL(self._files.base + path, encoded=True).extend_query(query),
            headers=self._files._get_headers(headers),
            timeout=_TIMEOUT,
            auto_decompress=headers is None,
        )
        if answer.status >= 400:
            async with answer:
                validate_response(answer.status, await answer.read(), path)
        return answer


@contextmanager
def _explained(what: str, secrets: tuple[str, ...], kind: type[SourceError] = SourceError) -> Iterator[None]:
    """Raise a SourceError for what the libraries below raise."""
    try:
        yield
    except FileNotFoundError as error:
        raise SourceError(f"{what}: there is no such bucket or object") from error
    except _FAILURES as error:
        raise explain(what, error, secrets, kind) from error
