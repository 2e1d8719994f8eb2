"""Taking in what a sandbox changed: files become staged objects of its session, if its principal may change them."""

from __future__ import annotations

import mimetypes
import uuid
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import BinaryIO, NamedTuple

from tilde_local.blobs import BlobWriter, StoredBlob
from tilde_local.errors import BadRequest, Forbidden
from tilde_local.runner.base import Change, Deleted, Skipped, Written
from tilde_local.sandboxes.contents import is_same, write
from tilde_local.sandboxes.mount import Mount
from tilde_local.sandboxes.refusals import Failed
from tilde_local.services import Services
from tilde_local.store import entries, sessions, uploads
from tilde_local.store.paths import check_path
from tilde_local.store.records import Entry

__all__ = ["Intake"]

_BATCH = 200
_NOTED = 100
# The table that comes with Python, not that of the machine: everywhere the same name has the same type.
_TYPES = mimetypes.MimeTypes()
_DEFAULT_TYPE = "application/octet-stream"


class _File(NamedTuple):
    """A file that was copied, and what its path held before."""

    path: str
    writer: BlobWriter
    before: Entry | None


class Intake:
    """Stages changes. `note` gets a line for each thing that is left out; `is_wanted` says when to stop halfway."""

    def __init__(
        self, services: Services, mount: Mount, note: Callable[[str], object], is_wanted: Callable[[], bool]
    ) -> None:
        self._services = services
        self._mount = mount
        self._note = note
        self._is_wanted = is_wanted
        self._deleted: dict[str, None] = {}
        self._files: list[_File] = []
        self._left_out = 0

    def take(self, changes: Iterable[Change]) -> None:
        """Stage `changes`. Raises Failed if one is not allowed; what was staged before goes with the session then."""
        try:
            for change in changes:
                if not self._is_wanted():
                    return
                self._take(change)
            self._stage_files()
        except OSError as error:
            raise Failed("commit_failed", f"cannot keep what was changed: {error.strerror}") from error
        finally:
            _discard(self._files)
        self._stage_deletes()
        if self._left_out > _NOTED:
            self._note(f"not committed: {self._left_out - _NOTED} more")

    def _take(self, change: Change) -> None:
        if isinstance(change, Deleted):
            self._delete(self._mount.folder + change.path)
        elif isinstance(change, Written):
            self._write(self._mount.folder + change.path, change)
        else:
            self._leave_out(change)

    def _leave_out(self, skipped: Skipped) -> None:
        self._left_out += 1
        if self._left_out <= _NOTED:
            self._note(f"not committed: {skipped.path}: {skipped.why}")

    def _delete(self, path: str) -> None:
        """Remember the removal of a file, or of all that was shown in a folder."""
        with self._services.database.read() as db:
            entry = entries.find(db, self._mount.view(db), path)
        if entry is not None and self._mount.may_read(path):
            self._deleted[path] = None
            return
        self._deleted.update(dict.fromkeys(self._mount.walk(self._services, f"{path}/")))

    def _write(self, path: str, change: Written) -> None:
        try:
            check_path(path)
        except BadRequest as error:
            self._leave_out(Skipped(change.path, error.message))
            return
        self._deleted.pop(path, None)
        with self._services.database.read() as db:
            before = entries.find(db, self._mount.view(db), path)
        with closing(change.open()) as file:
            self._store(path, file, before)

    def _store(self, path: str, file: BinaryIO, before: Entry | None) -> None:
        if before is not None and is_same(self._services, before, file):
            return
        self._require("PutObject", path)
        self._files.append(_File(path, write(self._services.blobs, file), before))
        if len(self._files) >= _BATCH:
            self._stage_files()

    def _require(self, action: str, path: str) -> None:
        arguments = {"repository": self._mount.repository.name, "path": path}
        try:
            self._mount.caller.require(action, arguments)
        except Forbidden as error:
            raise Failed("policy_violation", error.message) from error

    def _stage_files(self) -> None:
        files, self._files = self._files, []
        if not files:
            return
        now, session = self._services.now(), self._mount.session
        try:
            stored = self._services.blobs.finish_all([file.writer for file in files])
        except BaseException:
            _discard(files)
            raise
        with self._services.database.write() as db:
            for blob in stored:
                # As uploads, so that they are cleaned up if this comes to nothing.
                upload_id = str(uuid.uuid4())
                uploads.record_upload(db, upload_id, session.id, blob, now)
                uploads.mark_finalized(db, upload_id)
            staged = zip(files, stored, strict=True)
            sessions.stage(db, session, [(file.path, _entry(file, blob, now)) for file, blob in staged])

    def _stage_deletes(self) -> None:
        for path in self._deleted:
            self._require("DeleteObject", path)
        paths = list(self._deleted)
        for start in range(0, len(paths), _BATCH):
            with self._services.database.write() as db:
                sessions.stage_deletes(db, self._mount.session, self._mount.repository, paths[start : start + _BATCH])


def _discard(files: Iterable[_File]) -> None:
    for file in files:
        file.writer.discard()


def _entry(file: _File, stored: StoredBlob, now: str) -> Entry:
    """What the path holds now. A file that was there keeps its type and metadata: a program changes bytes only."""
    if file.before is not None:
        kind, metadata = file.before.content_type, file.before.metadata
    else:
        kind, metadata = _TYPES.guess_type(file.path)[0] or _DEFAULT_TYPE, ""
    return Entry(stored.digest, stored.size, f'"{stored.md5}"', kind, metadata, now)
