"""Commits: the log, what a commit changed, and undoing it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from tilde_core.models.commits import CommitData
from tilde_core.models.objects import ListingEntry
from tilde_core.operation import Operation, checked_segment
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.base import Entity, RepositoryResource, as_it_is
from tilde_core.resources.objects import CommitObjects
from tilde_core.transfer.paths import checked_metadata, checked_path

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["Commit", "Commits"]


class _RevertAnswer(msgspec.Struct):
    commit_id: str


class Commit(RepositoryResource, Entity):
    """One commit, as it was when it was fetched."""

    def __init__(self, client: Client, organization: str, repository: str, data: CommitData) -> None:
        super().__init__(client, organization, repository)
        self._data = data

    @property
    def id(self) -> str:
        """The commit's id."""
        return self._data.id

    @property
    def message(self) -> str:
        """The message it was committed with."""
        return self._data.message

    @property
    def committer(self) -> str:
        """The name of who committed."""
        return self._data.committer

    @property
    def committer_type(self) -> str:
        """`"user"`, `"role"` or `"agent"`; `""` for very old commits."""
        return self._data.committer_type

    @property
    def committer_id(self) -> str:
        """The UUID of who committed; `""` for very old commits."""
        return self._data.committer_id

    @property
    def creation_date(self) -> datetime | None:
        """When it was committed."""
        return self._data.creation_date

    @property
    def parents(self) -> list[str]:
        """The ids of the commits it follows; empty for the first commit."""
        return list(self._data.parents)

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata it was committed with."""
        return dict(self._data.metadata)

    @property
    def is_stale(self) -> bool:
        """Whether it is beyond the retention period: its objects can no longer be listed or read."""
        return self._data.is_stale

    @property
    def objects(self) -> CommitObjects:
        """The objects as of this commit."""
        return CommitObjects(self._client, self._organization, self._repository, self.id)

    @property
    def _objects_before(self) -> CommitObjects | None:
        """The objects as of its first parent; `None` for a first commit."""
        for parent in self._data.parents[:1]:
            return CommitObjects(self._client, self._organization, self._repository, parent)
        return None

    def diff(
        self,
        *,
        prefix: str | None = None,
        delimiter: str | None = None,
        amount: int | None = None,
        page_size: int | None = None,
        after: str | None = None,
    ) -> PaginatedIterator[ListingEntry]:
        """Walk what this commit changed against its first parent, in the order of the paths. `after` is a path."""
        parent = self._data.parents[0] if self._data.parents else None
        query = {"left": parent, "right": self.id, "prefix": prefix, "delimiter": delimiter}
        return self._list(
            Operation(name="commits.diff", method="GET", path=self._path("diff"), query=query),
            ListingEntry,
            as_it_is,
            key=lambda entry: entry.path,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def revert(self, *, message: str | None = None, metadata: Mapping[str, str] | None = None) -> Commit:
        """Make a new commit that undoes this one, and return it. The service words the message if it is left out.

        Raises `BadRequestError` for a first commit, `ConflictError` if a later commit changed the same paths.
        """
        given = {"message": message, "metadata": checked_metadata(metadata)}
        body = {name: value for name, value in given.items() if value}
        operation = Operation(
            name="commits.revert", method="POST", path=self._path("commits", self.id, "revert"), body=body
        )
        reverted = self._fetch(operation, _RevertAnswer)
        return Commits(self._client, self._organization, self._repository).get(reverted.commit_id)

    @property
    def _identity(self) -> tuple[str, ...]:
        return (self._organization, self._repository, self.id)

    def _loaded(self) -> CommitData:
        return self._data

    def _cells(self) -> dict[str, Any]:
        return {"id": self.id, "message": self.message, "committer": self.committer, "date": self.creation_date}

    def _repr_html_(self) -> str:
        """A table of what the commit is, for notebooks."""
        from tilde_core.html import details

        metadata = "\n".join(f"{name}: {value}" for name, value in self.metadata.items())
        return details({**self._cells(), "parents": " ".join(self.parents), "metadata": metadata})

    def __repr__(self) -> str:
        return f"Commit({self.id[:12]!r}, {self.message!r})"


class Commits(RepositoryResource):
    """The commits of one repository."""

    def list(
        self,
        *,
        ref: str | None = None,
        prefix: str | None = None,
        object: str | None = None,
        amount: int | None = None,
        page_size: int | None = None,
        after: str | None = None,
    ) -> PaginatedIterator[Commit]:
        """Walk the log, newest first, from the commit `ref` backwards or from the newest. `after` is a commit id.

        With `prefix`, only commits that changed a path which begins with it; with `object`, only those that changed
        the object at this path.
        """
        changed = None if object is None else checked_path(object, "object")
        query = {"ref": ref, "prefix": prefix, "object": changed}
        return self._list(
            Operation(name="commits.list", method="GET", path=self._path("log"), query=query),
            CommitData,
            self._entity,
            key=lambda commit: commit.id,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def get(self, commit_id: str) -> Commit:
        """Return the commit of that id. Raises `NotFoundError`, and `ValueError` for an empty id."""
        checked_segment("commit_id", commit_id)
        operation = Operation(name="commits.get", method="GET", path=self._path("commits", commit_id))
        return self._entity(self._fetch(operation, CommitData))

    def _entity(self, data: CommitData) -> Commit:
        return Commit(self._client, self._organization, self._repository, data)

    def __repr__(self) -> str:
        return f"Commits({self._organization}/{self._repository})"
