"""One import: how far it is, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from tilde_core.arguments import check_callback
from tilde_core.exceptions import ImportFailedError
from tilde_core.models.imports import ImportJobData
from tilde_core.operation import Operation, checked_segment
from tilde_core.resources.base import Entity, RepositoryResource
from tilde_core.waiting import wait_until

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["ImportJob"]

_FINISHED = frozenset({"completed", "failed", "canceled"})
_FIRST_INTERVAL = 0.2


class ImportJob(RepositoryResource, Entity):
    """An import, as it was when it was last refreshed. All but the id is fetched on first access, if it was not."""

    def __init__(self, client: Client, organization: str, repository: str, job_id: str) -> None:
        super().__init__(client, organization, repository)
        self._id = checked_segment("job_id", job_id)
        self._data: ImportJobData | None = None

    @property
    def id(self) -> str:
        """The job's UUID: `repo.imports.get` finds the job by it."""
        return self._id

    @property
    def status(self) -> str:
        """`"pending"`, `"running"`, `"completed"`, `"failed"` or `"canceled"`."""
        return self._loaded().status

    @property
    def is_finished(self) -> bool:
        """Whether it had completed, failed or was canceled by the last refresh."""
        return self.status in _FINISHED

    @property
    def objects_imported(self) -> int:
        """How many objects are imported so far."""
        return self._loaded().objects_imported

    @property
    def commit_id(self) -> str:
        """The id of the commit, once it has completed; else `""`."""
        return self._loaded().commit_id

    @property
    def error(self) -> str:
        """Why it failed; else `""`."""
        return self._loaded().error

    @property
    def repository_id(self) -> str:
        """The UUID of the repository that it imports into."""
        return self._loaded().repository_id

    @property
    def connector_id(self) -> str | None:
        """The UUID of the connector that it imports from; `None` if that is a repository."""
        return self._loaded().connector_id

    @property
    def source_repository_id(self) -> str | None:
        """The UUID of the repository that it imports from; `None` if that is a connector."""
        return self._loaded().source_repository_id

    @property
    def source_organization(self) -> str:
        """The name of the organization that it imports from; `""` if that is a connector."""
        return self._loaded().source_organization

    @property
    def source_repository(self) -> str:
        """The name of the repository that it imports from; `""` if that is a connector."""
        return self._loaded().source_repository

    @property
    def destination_path(self) -> str:
        """What the paths begin with in the repository."""
        return self._loaded().destination_path

    @property
    def source_prefix(self) -> str:
        """What the paths begin with at the source."""
        return self._loaded().source_prefix

    @property
    def commit_message(self) -> str:
        """The message that it commits with."""
        return self._loaded().commit_message

    @property
    def created_by_type(self) -> str:
        """`"user"`, `"role"` or `"agent"`."""
        return self._loaded().created_by_type

    @property
    def created_by(self) -> str:
        """The UUID of the principal that started it."""
        return self._loaded().created_by

    @property
    def created_at(self) -> datetime | None:
        """When it was started."""
        return self._loaded().created_at

    @property
    def updated_at(self) -> datetime | None:
        """When it last made progress."""
        return self._loaded().updated_at

    def refresh(self) -> ImportJob:
        """Fetch how far it is, and return this job. Raises `NotFoundError`."""
        operation = Operation(name="imports.get", method="GET", path=self._path("import", self.id))
        self._data = self._fetch(operation, ImportJobData)
        return self

    def wait(
        self, timeout: float | None = None, *, on_update: Callable[[ImportJob], object] | None = None
    ) -> ImportJob:
        """Wait until it has completed, and return this job. `timeout` is in seconds; `None` waits without end.

        It is refreshed at once, after 0.2 seconds, and less and less often down to every 2 seconds; `on_update` is
        called with this job each time that something has changed.

        Raises:
            ImportFailedError: it failed or was canceled; `commit_id` and all else stay readable.
            WaitTimeoutError: it is not finished in time. It goes on, and may be waited for again.
        """
        check_callback("on_update", on_update)

        def is_over() -> bool:
            before = self._data
            self.refresh()
            if on_update is not None and self._data != before:
                on_update(self)
            return self.is_finished

        if self._data is None or not self.is_finished:
            wait_until(
                is_over,
                self._client.pipeline.clock,
                waited_for=f"import {self.id}",
                timeout=timeout,
                operation="imports.wait",
                first_interval=_FIRST_INTERVAL,
            )
        return self._checked()

    def _checked(self) -> ImportJob:
        if self.status == "completed":
            return self
        raise ImportFailedError(
            f"import {self.id} {'was canceled' if self.status == 'canceled' else 'failed'}"
            + (f": {self.error}" if self.error else ""),
            job_id=self.id,
            status=self.status,
            reason=self.error,
            operation="imports.wait",
        )

    def _loaded(self) -> ImportJobData:
        if self._data is None:
            self.refresh()
        assert self._data is not None
        return self._data

    @property
    def _identity(self) -> tuple[str, ...]:
        return (self._organization, self._repository, self.id)

    def __repr__(self) -> str:
        return f"ImportJob({self.id!r}{f', {self._data.status}' if self._data else ''})"
