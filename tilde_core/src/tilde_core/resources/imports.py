"""Imports into a repository, from a connector or from another repository."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec

from tilde_core.arguments import checked_text, repository_names
from tilde_core.exceptions import TildeError
from tilde_core.operation import Operation
from tilde_core.resources.base import RepositoryResource
from tilde_core.resources.changes import named
from tilde_core.resources.import_job import ImportJob

__all__ = ["Imports"]


class _Started(msgspec.Struct):
    job_id: str


class Imports(RepositoryResource):
    """The imports into one repository. Nobody lists them: keep the id of a job that you want to find again."""

    def create_from_connector(
        self,
        *,
        connector_id: str,
        destination_path: str,
        source_prefix: str | None = None,
        commit_message: str | None = None,
    ) -> ImportJob:
        """Start an import from a connector that is attached to the repository; it ends with a commit.

        `destination_path` is what the paths begin with in the repository (`""` for none), `source_prefix` what they
        begin with at the source, below the connector's own.

        Raises `BadRequestError`, `NotFoundError`, `ConflictError`, `GoneError` if the connector was deleted,
        `LockedError` if it is disabled, and `ValueError` for a path that begins with a slash.
        """
        source = {"connector_id": connector_id}
        return self._start(source, destination_path, source_prefix, commit_message)

    def create_from_repository(
        self,
        *,
        repo_path: str,
        destination_path: str,
        source_prefix: str | None = None,
        commit_message: str | None = None,
    ) -> ImportJob:
        """Start an import from the repository `"organization/repository"`, which the caller must be allowed to read.

        The other arguments are those of `create_from_connector`. Raises `BadRequestError`, `NotFoundError`,
        `ConflictError`, and `ValueError` for a path of another form.
        """
        organization, repository = repository_names("repo_path", repo_path)
        source = {"source_organization": organization, "source_repository": repository}
        return self._start(source, destination_path, source_prefix, commit_message)

    def get(self, job_id: str) -> ImportJob:
        """Return the job with that id, loaded. Raises `NotFoundError`."""
        return self._job(job_id).refresh()

    def _start(
        self, source: dict[str, str], destination_path: str, source_prefix: str | None, commit_message: str | None
    ) -> ImportJob:
        path = _checked_destination(destination_path)
        body: dict[str, Any] = source | named(
            destination_path=path, source_prefix=source_prefix, commit_message=commit_message
        )
        operation = Operation(name="imports.create", method="POST", path=self._path("import"), body=body)
        job = self._job(self._fetch(operation, _Started).job_id)
        with suppress(TildeError):  # it runs, and its id must not get lost; what is missing is fetched on access
            job.refresh()
        return job

    def _job(self, job_id: str) -> ImportJob:
        return ImportJob(self._client, self._organization, self._repository, job_id)

    def __repr__(self) -> str:
        return f"Imports({self._organization}/{self._repository})"


def _checked_destination(path: str) -> str:
    if checked_text("destination_path", path).startswith("/"):
        raise ValueError(f"destination_path {path!r} begins with a slash; paths are relative, such as 'imported/'")
    return path
