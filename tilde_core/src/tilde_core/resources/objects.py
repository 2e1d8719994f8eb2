"""Objects: those of a commit, to read, and those of a session, to read and write."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, overload

import msgspec

from tilde_core.exceptions import NotFoundError
from tilde_core.models.objects import CopyObjectResult, ListingEntry, ObjectMetadata, PutObjectResult
from tilde_core.models.sessions import Staged
from tilde_core.operation import Operation, checked_segment
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.base import RepositoryResource, as_it_is
from tilde_core.transfer.calls import Details, UploadCalls
from tilde_core.transfer.content_types import guessed_content_type
from tilde_core.transfer.download import ObjectReader, open_reader
from tilde_core.transfer.headers import object_metadata
from tilde_core.transfer.modes import as_text, checked_mode
from tilde_core.transfer.paths import checked_metadata, checked_path, checked_paths
from tilde_core.transfer.sources import ObjectData
from tilde_core.transfer.upload import upload
from tilde_core.transfer.writer import ObjectWriter, TextObjectWriter

if TYPE_CHECKING:
    from tilde_core.client import Client
    from tilde_core.resources.sessions import Session

__all__ = ["CommitObjects", "ReadableObjects", "SessionObjects"]

_DELETE_AT_ONCE = 1000


class _DeleteAnswer(msgspec.Struct):
    deleted: int | None = None


class ReadableObjects(RepositoryResource, ABC):
    """Objects that can be read: those of a commit or of a session."""

    def get(self, path: str, *, byte_range: tuple[int, int | None] | None = None, cache: bool = True) -> ObjectReader:
        """Return the object as a binary file, to be closed or used in a `with` block. The request goes out here.

        `byte_range=(start, end)` reads a part: both ends are inclusive, and `None` as the end is that of the object.
        With `cache`, what was read is kept (in memory, then on disk), so that seeking back costs no request.

        Raises `NotFoundError`, `APIError` (416) for a range that begins beyond the end, `ValueError`, `TypeError`.
        """
        return open_reader(self._client, self._reading("objects.get", "GET", path), byte_range, cache)

    def head(self, path: str) -> ObjectMetadata:
        """Return what is known of the object, without its bytes. Raises `NotFoundError`."""
        operation = self._reading("objects.head", "HEAD", path)
        try:
            return object_metadata(self._execute(operation).headers, operation.name)
        except NotFoundError as error:  # the answer to a HEAD has no body that could say so
            error.message = f"there is no object {path!r} in {self._where()}, or none that you may see"
            raise

    def exists(self, path: str) -> bool:
        """Return whether there is an object at `path`."""
        try:
            self._execute(self._reading("objects.exists", "HEAD", path))
        except NotFoundError:
            return False
        return True

    def list(
        self,
        *,
        prefix: str | None = None,
        delimiter: str | None = None,
        amount: int | None = None,
        page_size: int | None = None,
        after: str | None = None,
    ) -> PaginatedIterator[ListingEntry]:
        """Walk the objects whose path begins with `prefix`, in the order of the paths. `after` is a path.

        With a `delimiter`, usually `"/"`, what lies deeper is one entry of the type `"prefix"`.
        """
        query = {**self._scope("objects.list"), "prefix": prefix, "delimiter": delimiter}
        return self._list(
            Operation(name="objects.list", method="GET", path=self._path("objects"), query=query),
            ListingEntry,
            as_it_is,
            key=lambda entry: entry.path,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    @overload
    def open(self, path: str, mode: Literal["rb"] = "rb") -> ObjectReader: ...

    @overload
    def open(
        self,
        path: str,
        mode: Literal["r", "rt"],
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> io.TextIOWrapper: ...

    @overload
    def open(
        self,
        path: str,
        mode: str,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any: ...

    def open(
        self,
        path: str,
        mode: str = "rb",
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        """Return the object as a file like that of the built-in `open`: `"rb"` for bytes, `"r"` for text (UTF-8).

        Raises `NotFoundError`, `ValueError` for another mode, `io.UnsupportedOperation` for one that writes.
        """
        checked_mode(mode, encoding, errors, newline)
        if mode.startswith("w"):
            raise io.UnsupportedOperation(f"{self._where()} cannot be written to: write to the objects of a session")
        reader = self.get(path)
        return reader if mode == "rb" else as_text(reader, encoding, errors, newline)

    def _reading(self, name: str, method: str, path: str) -> Operation:
        query = {"path": checked_path(path), **self._scope(name)}
        return Operation(name=name, method=method, path=self._path("object"), query=query, stream=method == "GET")

    @abstractmethod
    def _scope(self, operation: str) -> dict[str, str]:
        """The parameters that tell the service where to read. Raises `SessionClosedError` if that is over."""

    @abstractmethod
    def _where(self) -> str:
        """Where these objects are, for messages."""


class CommitObjects(ReadableObjects):
    """The objects as of one commit."""

    def __init__(self, client: Client, organization: str, repository: str, commit_id: str) -> None:
        super().__init__(client, organization, repository)
        self._commit_id = checked_segment("commit_id", commit_id)

    def _scope(self, operation: str) -> dict[str, str]:
        return {"ref": self._commit_id}

    def _where(self) -> str:
        return f"commit {self._commit_id}"

    def __repr__(self) -> str:
        return f"CommitObjects({self._organization}/{self._repository}, {self._commit_id[:12]!r})"


class SessionObjects(ReadableObjects):
    """The objects as a session sees them, with what is staged. All that is written is staged until it commits.

    Every call raises `SessionClosedError` once the session is over.
    """

    def __init__(self, client: Client, organization: str, repository: str, session: Session) -> None:
        super().__init__(client, organization, repository)
        self._session = session

    def put(
        self,
        path: str,
        data: ObjectData,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> PutObjectResult:
        """Stage `data` as the object at `path`. Memory stays flat, whatever its size.

        `data` is bytes, a binary file (sent from its current position; it stays open), a `pathlib.Path`, or an iterable
        of bytes. From 64 MiB on it goes out in parts, in parallel. `content_type` is guessed from `path` if left out.

        Raises `TypeError` for text, `IntegrityError` if the bytes were damaged on the way or the file changed its size
        meanwhile (nothing is staged then), `OSError` if it cannot be read, `APIError`, `TransportError`.
        """
        if content_type is not None and not isinstance(content_type, str):
            raise TypeError(f"content_type must be a str, not {type(content_type).__name__}")
        checked_path(path)
        details = Details(content_type or guessed_content_type(path), checked_metadata(metadata))
        result = upload(self._upload_calls(path), data, details)
        self._session._note(Staged(path, result.etag))
        return result

    def copy(self, source: str, destination: str) -> CopyObjectResult:
        """Stage a copy of the object at `source`; no bytes move. Raises `NotFoundError`."""
        paths = {
            "source_path": checked_path(source, "source"),
            "destination_path": checked_path(destination, "destination"),
        }
        operation = Operation(
            name="objects.copy",
            method="POST",
            path=self._path("object", "copy"),
            query={**self._staging("objects.copy"), **paths},
            repeatable=True,
        )
        self._execute(operation)
        self._session._note(Staged(destination))
        return CopyObjectResult(**paths)

    def delete(self, path: str) -> None:
        """Stage the removal of the object at `path`."""
        query = {"path": checked_path(path), **self._staging("objects.delete")}
        self._execute(Operation(name="objects.delete", method="DELETE", path=self._path("object"), query=query))
        self._session._note(Staged(path, is_deleted=True))

    def delete_many(self, paths: Iterable[str]) -> int:
        """Stage the removal of many objects, 1,000 with each request. Return how many the service says it deleted."""
        checked = checked_paths(paths)
        scope = self._staging("objects.delete_many")
        starts = range(0, len(checked), _DELETE_AT_ONCE)
        deleted = sum(self._delete(checked[start : start + _DELETE_AT_ONCE], scope) for start in starts)
        self._session._note(*(Staged(path, is_deleted=True) for path in checked))
        return deleted

    @overload
    def open(self, path: str, mode: Literal["rb"] = "rb") -> ObjectReader: ...

    @overload
    def open(
        self,
        path: str,
        mode: Literal["wb"],
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectWriter: ...

    @overload
    def open(
        self,
        path: str,
        mode: Literal["r", "rt"],
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> io.TextIOWrapper: ...

    @overload
    def open(
        self,
        path: str,
        mode: Literal["w", "wt"],
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> TextObjectWriter: ...

    @overload
    def open(
        self,
        path: str,
        mode: str,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Any: ...

    def open(
        self,
        path: str,
        mode: str = "rb",
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the object as a file like that of the built-in `open`: `"rb"` and `"r"` read, `"wb"` and `"w"` write.

        What is written is staged by `close`, and dropped if the `with` block is left by an exception. Text is UTF-8
        unless `encoding` says otherwise. Raises `ValueError` for another mode, and as `get` and `put` do.
        """
        if not isinstance(mode, str) or not mode.startswith("w"):
            return super().open(path, mode, encoding=encoding, errors=errors, newline=newline)
        checked_mode(mode, encoding, errors, newline)
        self._upload_calls(checked_path(path))
        noted = checked_metadata(metadata)

        def put(file: BinaryIO) -> PutObjectResult:
            return self.put(path, file, content_type=content_type, metadata=noted)

        writer = ObjectWriter(path, put)
        return writer if mode == "wb" else TextObjectWriter(writer, encoding or "utf-8", errors, newline)

    def _delete(self, paths: Sequence[str], scope: dict[str, str]) -> int:
        operation = Operation(
            name="objects.delete_many",
            method="POST",
            path=self._path("objects", "delete"),
            query=scope,
            body={"paths": paths},
            repeatable=True,
        )
        return self._fetch(operation, _DeleteAnswer).deleted or 0

    def _upload_calls(self, path: str) -> UploadCalls:
        session_id = self._staging("objects.put")["session_id"]
        return UploadCalls(self._client, self._path("object"), session_id, path)

    def _scope(self, operation: str) -> dict[str, str]:
        self._session._require_unfinished(operation)
        return {"session_id": self._session.session_id}

    def _staging(self, operation: str) -> dict[str, str]:
        """The parameters of a call that stages. Raises `SessionClosedError` also while the session awaits approval."""
        self._session._require_open(operation)
        return {"session_id": self._session.session_id}

    def _where(self) -> str:
        return f"session {self._session.session_id}"

    def __repr__(self) -> str:
        return f"SessionObjects({self._organization}/{self._repository}, {self._session.session_id!r})"
