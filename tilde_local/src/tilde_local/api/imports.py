"""/organizations/{organization}/repositories/{repository}/import"""

from __future__ import annotations

import sqlite3
from typing import Annotated

import msgspec
from starlette.responses import Response

from tilde_local.api.call import Call, json_response
from tilde_local.api.endpoint import PrincipalType, Time, Uuid, endpoint
from tilde_local.errors import BadRequest
from tilde_local.imports.sources import check_installed
from tilde_local.policy.grants import Below
from tilde_local.store import connectors, imports, reviews
from tilde_local.store.imports import Order
from tilde_local.store.paths import check_path
from tilde_local.store.records import ImportJob, Repository

__all__ = ["get", "start"]

_ABSENT = msgspec.UNSET
Text = str | msgspec.UnsetType
Status = Annotated[
    str, msgspec.Meta(extra_json_schema={"enum": ["pending", "running", "completed", "failed", "canceled"]})
]


class StartImport(msgspec.Struct):
    """The body of POST /import: from a connector, or from a repository."""

    destination_path: str
    connector_id: Uuid | msgspec.UnsetType = _ABSENT
    source_organization: Text = _ABSENT
    source_repository: Text = _ABSENT
    source_prefix: str = ""
    commit_message: str = ""

    def repository(self) -> tuple[str, str] | None:
        """The names of the source, or None if it is a connector. Raises BadRequest unless it is one of the two."""
        names = [name for name in (self.source_organization, self.source_repository) if name is not _ABSENT]
        if (self.connector_id is _ABSENT) == (not names) or len(names) == 1:
            raise BadRequest("exactly one is required: connector_id, or source_organization with source_repository")
        return (str(names[0]), str(names[1])) if names else None


class StartedImport(msgspec.Struct):
    """The id of the import."""

    job_id: Uuid


class ImportAnswer(msgspec.Struct):
    """An import."""

    id: Uuid
    repository_id: Uuid
    connector_id: Uuid | None
    source_repository_id: Uuid | None
    destination_path: str
    source_prefix: str
    commit_message: str
    status: Status
    objects_imported: int
    created_by_type: PrincipalType
    created_by: Uuid
    created_at: Time
    updated_at: Time
    source_organization: Text = _ABSENT
    source_repository: Text = _ABSENT
    commit_id: Text = _ABSENT
    error: Text = _ABSENT

    @classmethod
    def of(cls, job: ImportJob) -> ImportAnswer:
        """The answer for an import."""
        return cls(
            job.id,
            job.repository_id,
            job.connector_id,
            job.source_repository_id,
            job.destination_path,
            job.source_prefix,
            job.commit_message,
            job.status,
            job.objects_imported,
            job.created_by_type,
            job.created_by,
            job.created_at,
            job.updated_at,
            *(name or _ABSENT for name in (*job.source_names, job.commit_id, job.error)),
        )


@endpoint("startImport", {202: StartedImport}, body=StartImport, errors=(400, 403, 404, 410, 423))
def start(call: Call) -> Response:
    """POST /import: answers at once; `GET /import/{job_id}` tells how far it is."""
    body = call.json(StartImport)
    if body.destination_path:
        check_path(body.destination_path, "destination_path")
    with call.services.database.write() as db:
        repository = call.repository(db, "StartImport", path=Below(body.destination_path))
        reviews.refuse_unreviewed(repository, call.caller)
        order = _order(call, db, repository, body)
        job_id = imports.start(db, repository, order, call.caller, call.services.now())
    call.services.imports_waiting.set()
    return json_response(StartedImport(job_id), 202)


def _order(call: Call, db: sqlite3.Connection, repository: Repository, body: StartImport) -> Order:
    """What to import, if the caller may read it."""
    names, message = body.repository(), body.commit_message
    if names is None:
        connector = connectors.usable(db, repository, str(body.connector_id))
        check_installed(connector.type)
        message = message if message.strip() else f"Import from {connector.source_uri}"
        return Order(connector.id, None, body.destination_path, body.source_prefix, message)
    found = call.source_repository(db, *names, ("ListObjects", "GetObject"), Below(body.source_prefix))
    message = message if message.strip() else f"Import from {'/'.join(names)}"
    return Order(None, found.key, body.destination_path, body.source_prefix, message)


@endpoint("getImportStatus", {200: ImportAnswer}, errors=(403, 404))
def get(call: Call) -> Response:
    """GET /import/{job_id}"""
    with call.services.database.read() as db:
        job = imports.find(db, call.repository(db, "GetImport"), call.params["job_id"])
    return json_response(ImportAnswer.of(job))
