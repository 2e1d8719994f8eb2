"""The requests that stage an object, one method each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from tilde_core.exceptions import ServerError
from tilde_core.http import ByteStream
from tilde_core.operation import Operation
from tilde_core.serialization import decode_json
from tilde_core.transfer import limits
from tilde_core.transfer.checksums import unquoted

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["CompletedPart", "Details", "Multipart", "Ticket", "UploadCalls"]

_NAME = "objects.put"
_NOT_IMPLEMENTED = 501


@dataclass(frozen=True, slots=True)
class Details:
    """What is noted down with the bytes."""

    content_type: str
    metadata: dict[str, str] = field(default_factory=dict)


class Ticket(msgspec.Struct, frozen=True):
    """Where to send the bytes, and the token that stages them."""

    upload_url: str
    upload_token: str


class Multipart(msgspec.Struct, frozen=True):
    """A multipart upload that was begun."""

    upload_id: str
    upload_token: str


class CompletedPart(msgspec.Struct, frozen=True):
    """A part that the store has: its number, from 1, and its ETag as it came, quotes included."""

    part_number: int
    etag: str


class _PartUrl(msgspec.Struct):
    upload_url: str


class _Staged(msgspec.Struct):
    etag: str | None = None


class UploadCalls:
    """The calls for one object. `address` is the API path of the repository's objects, ending in `/object`."""

    def __init__(self, client: Client, address: str, session_id: str, path: str) -> None:
        self.client = client
        self.path = path
        self._address = address
        self._query = {"session_id": session_id, "path": path}

    def ticket(self) -> Ticket:
        """Ask where to send the object."""
        operation = self._operation("PUT")
        return decode_json(self.client.pipeline.execute(operation), Ticket, _NAME)

    def store(self, url: str, content: ByteStream) -> str:
        """Send bytes to the object store; return the ETag as it came, `""` if there is none."""
        headers = {"Content-Type": "application/octet-stream"}
        operation = Operation(name=_NAME, method="PUT", url=url, content=content, headers=headers)
        return self.client.pipeline.execute(operation).headers.get("ETag", "")

    def finalize(self, ticket: Ticket, size: int, checksum: str, details: Details) -> str:
        """Stage what was stored. Return the ETag that the service gives, `""` if it gives none."""
        body = {"upload_token": ticket.upload_token, **_described(size, details)}
        if checksum:
            body["checksum"] = checksum
        return self._staged(self._operation("POST", "/finalize", body=body))

    def initiate(self) -> Multipart | None:
        """Begin a multipart upload; `None` if the service has none."""
        operation = self._operation("POST", "/multipart", repeatable=True)
        try:
            return decode_json(self.client.pipeline.execute(operation), Multipart, _NAME)
        except ServerError as error:
            if error.status_code == _NOT_IMPLEMENTED:
                return None
            raise

    def part_url(self, multipart: Multipart, number: int) -> str:
        """Ask where to send a part; the URL is good for minutes."""
        operation = self._operation("GET", "/multipart/part", {**_handle(multipart), "part_number": number})
        return decode_json(self.client.pipeline.execute(operation), _PartUrl, _NAME).upload_url

    def complete(self, multipart: Multipart, parts: Sequence[CompletedPart], size: int, details: Details) -> str:
        """Stage the parts, which must be in order. Return the ETag that the service gives, `""` if it gives none."""
        body = {**_handle(multipart), "parts": parts, **_described(size, details)}
        return self._staged(self._operation("POST", "/multipart/complete", body=body))

    def abort(self, multipart: Multipart) -> None:
        """Give a multipart upload up. Tries less hard than other calls: its caller wants to hear of a failure."""
        hasty = self.client.with_options(timeout=limits.ABORT_TIMEOUT, max_retries=1)
        hasty.pipeline.execute(self._operation("DELETE", "/multipart", _handle(multipart)))

    def staged_etag(self) -> str:
        """Ask for the ETag of what is staged at the path."""
        return unquoted(self.client.pipeline.execute(self._operation("HEAD")).headers.get("ETag", ""))

    def _staged(self, operation: Operation) -> str:
        return unquoted(decode_json(self.client.pipeline.execute(operation), _Staged, _NAME).etag or "")

    def _operation(
        self,
        method: str,
        suffix: str = "",
        query: dict[str, Any] | None = None,
        *,
        body: Any = None,
        repeatable: bool | None = None,
    ) -> Operation:
        """One call below the address. What has a body stages something, and to stage it twice is harmless."""
        return Operation(
            name=_NAME,
            method=method,
            path=self._address + suffix,
            query={**self._query, **(query or {})},
            body=body,
            repeatable=True if body is not None else repeatable,
        )


def _handle(multipart: Multipart) -> dict[str, Any]:
    return {"upload_id": multipart.upload_id, "upload_token": multipart.upload_token}


def _described(size: int, details: Details) -> dict[str, Any]:
    described: dict[str, Any] = {"content_type": details.content_type, "size_bytes": size}
    return {**described, "metadata": details.metadata} if details.metadata else described
