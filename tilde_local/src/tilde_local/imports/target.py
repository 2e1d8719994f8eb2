"""Where an import ends up: a session of whoever started it, and its commit."""

from __future__ import annotations

import uuid

import msgspec

from tilde_local.blobs import StoredBlob
from tilde_local.errors import BadRequest
from tilde_local.objects import check_content_type
from tilde_local.services import Services
from tilde_local.store import committing, imports, principals, repositories, reviews, sessions, uploads
from tilde_local.store.paths import check_path
from tilde_local.store.records import Entry, ImportJob, Principal

__all__ = ["Target"]

_DEFAULT_CONTENT_TYPE = "application/octet-stream"


class Target:
    """The open session of an import. Each step is a short transaction of its own. Raises NotFound."""

    def __init__(self, services: Services, job: ImportJob) -> None:
        self.services = services
        self.job = job
        self._is_empty = True
        with services.database.write() as db:
            self.repository, self._session = imports.begin(db, job, services.now())

    def path_of(self, key: str, prefix: str) -> str:
        """Where an object goes: its key without the prefix, below the destination.

        If the prefix is all of the key, it is the name of a single object, which it keeps in a folder. Raises
        BadRequest if no object can have that path.
        """
        destination, rest = self.job.destination_path, key[len(prefix) :]
        if not rest and (not destination or destination.endswith("/")):
            rest = key.rpartition("/")[2]
        return check_path(destination + rest, "the path that an object would get")

    def origin(self, **known: str | None) -> str:
        """Where an object comes from, as it is stored with it. What is empty is left out."""
        facts = {**known, "import_time": self.services.now(), "import_job_id": self.job.id}
        return msgspec.json.encode({name: value for name, value in facts.items() if value}).decode()

    def stage_blob(self, path: str, stored: StoredBlob, content_type: str, origin: str) -> None:
        """Stage one object that was read."""
        now, upload_id = self.services.now(), str(uuid.uuid4())
        entry = Entry(stored.digest, stored.size, f'"{stored.md5}"', _content_type(content_type), "", now, origin)
        with self.services.database.write() as db:
            # As an upload, so that it is cleaned up if this import comes to nothing.
            uploads.record_upload(db, upload_id, self._session.id, stored, now)
            uploads.mark_finalized(db, upload_id)
            sessions.stage(db, self._session, [(path, entry)])
            imports.advance(db, self.job, 1, now)
        self._is_empty = False

    def stage(self, entries: list[tuple[str, Entry]]) -> None:
        """Stage objects whose blobs are there already."""
        with self.services.database.write() as db:
            sessions.stage(db, self._session, entries)
            imports.advance(db, self.job, len(entries), self.services.now())
        self._is_empty = False

    def commit(self, where: str) -> None:
        """Commit what was staged, out of `where`. Raises BadRequest if that is nothing, Conflict, Forbidden, NotFound.

        What whoever started it may do was checked then. That commits of agents need an approval may be new.
        """
        if self._is_empty:
            raise BadRequest(f"there is nothing to import: {where} has no objects")
        job, now = self.job, self.services.now()
        with self.services.landing() as db:
            repository = repositories.find_by_key(db, job.repository)
            name = principals.name_of(db, job.created_by_type, job.created_by)
            if not name:
                raise BadRequest(f"the {job.created_by_type} who started this import is there no more")
            author = Principal(job.created_by_type, job.created_by, name, None)
            reviews.refuse_unreviewed(repository, author)
            commit_id = committing.commit(db, repository, self._session, author, job.commit_message, {}, now)
            imports.complete(db, job, commit_id, now)


def _content_type(given: str) -> str:
    """What the source says, unless it cannot be said in a header."""
    try:
        return check_content_type(given)
    except BadRequest:
        return _DEFAULT_CONTENT_TYPE
