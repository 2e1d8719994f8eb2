"""Reading from S3, and from what speaks like it, through s3fs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiobotocore.session import AioSession
from aiohttp import ClientError
from botocore.exceptions import BotoCoreError
from s3fs import S3FileSystem

from tilde_local.imports.settings import S3Config, Settings
from tilde_local.imports.sources import PIECE, Found, InterruptedReading, Opened, SourceError, explain

__all__ = ["connect"]

_FAILURES = (OSError, ValueError, BotoCoreError, ClientError, asyncio.TimeoutError)
# What the settings do not say comes from nowhere: no variable and no file of the machine.
_NOWHERE = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


@asynccontextmanager
async def connect(settings: Settings, attempts: int) -> AsyncIterator[S3Source]:
    """The bucket of the settings. Raises SourceError."""
    config = settings.config
    assert isinstance(config, S3Config)
    files = S3FileSystem(
        anon=config.anonymous,
        key=config.access_key_id or None,
        secret=config.secret_access_key or None,
        token=config.session_token or None,
        endpoint_url=config.endpoint_url or None,
        client_kwargs={"region_name": config.region or "us-east-1"},
        config_kwargs=_client_settings(config, attempts),
        session=AioSession(_NOWHERE),
        asynchronous=True,
        skip_instance_cache=True,
    )
    files.retries = 1  # botocore repeats already
    source = S3Source(files, settings.place.bucket, config.secrets)
    with source.explained("cannot connect"):
        client = await files.set_session()
    try:
        yield source
    finally:
        await client.close()


def _client_settings(config: S3Config, attempts: int) -> dict[str, Any]:
    return {
        "connect_timeout": 5,
        "read_timeout": 30,
        "retries": {"total_max_attempts": attempts, "mode": "standard"},
        "ignore_configured_endpoint_urls": True,
        "s3": {"addressing_style": "path" if config.force_path_style else "auto"},
    }


def _version(answer: dict[str, Any]) -> str:
    """The version of an object; "null" is what those are called that have none."""
    version = str(answer.get("VersionId", ""))
    return "" if version == "null" else version


class S3Source:
    """An open bucket."""

    def __init__(self, files: S3FileSystem, bucket: str, secrets: tuple[str, ...]) -> None:
        self._files = files
        self._bucket = bucket
        self._secrets = secrets

    async def list(self, prefix: str, page_size: int) -> AsyncIterator[list[Found]]:
        """The objects whose keys begin with `prefix`, page by page. Raises SourceError."""
        more: dict[str, str] = {}
        while True:
            with self.explained(f"cannot list s3://{self._bucket}/{prefix}"):
                page = await self._files._call_s3(
                    "list_objects_v2", Bucket=self._bucket, Prefix=prefix, MaxKeys=page_size, **more
                )
            yield [Found(each["Key"], each["Size"], each["ETag"], "") for each in page.get("Contents", ())]
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    @asynccontextmanager
    async def read(self, found: Found) -> AsyncIterator[Opened]:
        """The bytes of an object, in the version that was listed. Raises SourceError."""
        what = f"cannot read s3://{self._bucket}/{found.key}"
        with self.explained(what):
            answer = await self._files._call_s3("get_object", Bucket=self._bucket, Key=found.key, IfMatch=found.etag)
        body = answer["Body"]
        async with body:  # which need not be what that gives
            pieces = self._pieces(body, what)
            yield Opened(answer.get("ContentType", ""), _version(answer), pieces)

    async def _pieces(self, body: Any, what: str) -> AsyncIterator[bytes]:
        with self.explained(what, InterruptedReading):
            while piece := await body.read(PIECE):
                yield piece

    @contextmanager
    def explained(self, what: str, kind: type[SourceError] = SourceError) -> Iterator[None]:
        """Raise a SourceError for what the libraries below raise."""
        try:
            yield
        except _FAILURES as error:
            raise explain(what, error, self._secrets, kind) from error
