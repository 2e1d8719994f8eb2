"""The requests that stage an object, one method each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from tilde_core.exceptions import APIError, ForbiddenError, ServerError, TildeError
from tilde_core.http import ByteStream, Headers
from tilde_core.operation import Operation
from tilde_core.serialization import decode_json
from tilde_core.transfer import limits
from tilde_core.transfer.checksums import etag_of_parts, unquoted
from tilde_core.transfer.headers import object_metadata

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["CompletedPart", "Details", "Multipart", "Place", "Ticket", "UploadCalls"]

_NAME = "objects.put"
_NOT_IMPLEMENTED = 501


@dataclass(frozen=True, slots=True)
class Details:
    """What is noted down with the bytes."""

    content_type: str
    metadata: dict[str, str] = field(default_factory=dict)


class Place(Protocol):
    """Where bytes are to be sent."""

    @property
    def upload_url(self) -> str:
        """A URL that is good for minutes, and needs no token."""
        ...


PlaceT = TypeVar("PlaceT", bound=Place)


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


class _PartPlace(msgspec.Struct, frozen=True):
    upload_url: str


class _Staged(msgspec.Struct):
    etag: str | None = None


class UploadCalls:
    """The calls for one object. `address` is the API path of the repository's objects, ending in `/object`.

    `may_be_staged` tells, when staging it failed, whether an answer was lost that may have been a success.
    """

    def __init__(self, client: Client, address: str, session_id: str, path: str) -> None:
        self.client = client
        self.path = path
        self.may_be_staged = False
        self._address = address
        self._query = {"session_id": session_id, "path": path}

    def ticket(self) -> Ticket:
        """Ask where to send the object."""
        operation = self._operation("PUT")
        return decode_json(self.client.pipeline.execute(operation), Ticket, _NAME)

    def store(self, ask: Callable[[], PlaceT], content: ByteStream) -> tuple[PlaceT, Headers]:
        """Send bytes where `ask` says, to the object store; return where that was and the headers of the answer.

        If the store refuses the URL, which may have expired while it waited, it is asked for once more.
        """
        place = ask()
        try:
            return place, self._sent(place, content)
        except ForbiddenError:
            place = ask()
            return place, self._sent(place, content)

    def finalize(self, ticket: Ticket, size: int, checksum: str, details: Details) -> str:
        """Stage what was stored. Return the ETag that the service gives, `""` if it gives none."""
        body = {"upload_token": ticket.upload_token, **_described(size, details)}
        if checksum:
            body["checksum"] = checksum
        return self._staged("/finalize", body, checksum, details)

    def initiate(self) -> Multipart | None:
        """Begin a multipart upload; `None` if the service has none."""
        operation = self._operation("POST", "/multipart")
        try:
            return decode_json(self.client.pipeline.execute(operation), Multipart, _NAME)
        except ServerError as error:
            if error.status_code == _NOT_IMPLEMENTED:
                return None
            raise

    def part_place(self, multipart: Multipart, number: int) -> Place:
        """Ask where to send a part."""
        operation = self._operation("GET", "/multipart/part", {**_handle(multipart), "part_number": number})
        return decode_json(self.client.pipeline.execute(operation), _PartPlace, _NAME)

    def complete(self, multipart: Multipart, parts: Sequence[CompletedPart], size: int, details: Details) -> str:
        """Stage the parts, which must be in order. Return the ETag that the service gives, `""` if it gives none."""
        body = {**_handle(multipart), "parts": parts, **_described(size, details)}
        return self._staged("/multipart/complete", body, etag_of_parts(part.etag for part in parts), details)

    def abort(self, multipart: Multipart) -> None:
        """Give a multipart upload up. Tries less hard than other calls: its caller wants to hear of a failure."""
        hasty = self.client.with_options(timeout=limits.ABORT_TIMEOUT, max_retries=1)
        hasty.pipeline.execute(self._operation("DELETE", "/multipart", _handle(multipart)))

    def staged_etag(self) -> str:
        """Ask for the ETag of what is staged at the path."""
        return unquoted(self._head().get("ETag", ""))

    def _sent(self, place: Place, content: ByteStream) -> Headers:
        headers = {"Content-Type": "application/octet-stream"}
        operation = Operation(name=_NAME, method="PUT", url=place.upload_url, content=content, headers=headers)
        return self.client.pipeline.execute(operation).headers

    def _head(self) -> Headers:
        return self.client.pipeline.execute(self._operation("HEAD")).headers

    def _staged(self, suffix: str, body: dict[str, Any], etag: str, details: Details) -> str:
        """Stage what was stored; to do so twice is harmless. `etag` is what it must have then, `""` if unknown.

        A service may refuse what it has done already. So if an answer was lost before, look before raising.
        """
        operation = replace(self._operation("POST", suffix), body=body, repeatable=True, resolve=self._note_lost_answer)
        try:
            response = self.client.pipeline.execute(operation)
        except APIError:
            if self.may_be_staged and self._is_staged(etag, body["size_bytes"], details):
                return etag
            raise
        return unquoted(decode_json(response, _Staged, _NAME).etag or "")

    def _note_lost_answer(self, _: TildeError) -> None:
        """Note it as the `resolve` of an operation, and let it be sent again."""
        self.may_be_staged = True

    def _is_staged(self, etag: str, size: int, details: Details) -> bool:
        """Whether at the path lies just what was to be staged. What cannot be proven or asked is not."""
        try:
            there = object_metadata(self._head(), _NAME)
        except TildeError:
            return False
        is_same = bool(etag) and there.etag.lower() == etag.lower() and there.content_length == size
        return is_same and there.content_type == details.content_type and there.metadata == details.metadata

    def _operation(self, method: str, suffix: str = "", query: dict[str, Any] | None = None) -> Operation:
        """One call below the address."""
        path = self._address + suffix
        return Operation(name=_NAME, method=method, path=path, query={**self._query, **(query or {})})


def _handle(multipart: Multipart) -> dict[str, Any]:
    return {"upload_id": multipart.upload_id, "upload_token": multipart.upload_token}


def _described(size: int, details: Details) -> dict[str, Any]:
    described: dict[str, Any] = {"content_type": details.content_type, "size_bytes": size}
    return {**described, "metadata": details.metadata} if details.metadata else described
