"""One import from its beginning to its end."""

from __future__ import annotations

from tilde_local.errors import ApiError
from tilde_local.imports import copying, fetching
from tilde_local.imports.sources import SourceError
from tilde_local.imports.target import Target
from tilde_local.services import Services
from tilde_local.store import imports
from tilde_local.store.records import ImportJob

__all__ = ["fail", "run"]


async def run(services: Services, job: ImportJob) -> None:
    """Run an import. What goes wrong with it is written down, not raised."""
    try:
        target = Target(services, job)
        if job.connector_id is not None:
            where = await fetching.fetch(target, job.connector_id)
        else:
            assert job.source_repository is not None
            where = await copying.copy(target, job.source_repository)
        target.commit(where)
    except (ApiError, SourceError) as error:
        fail(services, job, str(error))


def fail(services: Services, job: ImportJob, reason: str) -> None:
    """Write down that it did not work, and why; what was staged is rolled back."""
    with services.database.write() as db:
        imports.fail(db, job, reason, services.now())
