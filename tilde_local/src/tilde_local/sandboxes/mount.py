"""What of a repository a sandbox sees: the objects of one commit that its principal may read, as files."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from tilde_local.policy.grants import Below
from tilde_local.sandboxes.refusals import Failed
from tilde_local.services import Services
from tilde_local.store import entries, organizations, principals, repositories, sandboxes, uploads
from tilde_local.store.paths import after_key, prefix_end
from tilde_local.store.permissions import Caller
from tilde_local.store.records import Organization, Repository, Sandbox, Session, View

__all__ = ["Mount"]

_PAGE = 1000
_READ = ("ListObjects", "GetObject")


class Mount(NamedTuple):
    """`session` is the sandbox's; `folder` is cut off in front of all paths, and ends with a slash, or is empty."""

    organization: Organization
    repository: Repository
    session: Session
    caller: Caller
    folder: str

    @classmethod
    def of(cls, db: sqlite3.Connection, sandbox: Sandbox) -> Mount:
        """What the sandbox sees.

        Raises NotFound if the repository was deleted, Failed if its principal or its session is there no more.
        """
        repository = repositories.find_by_key(db, sandbox.repository)
        session = sandboxes.session_of(db, sandbox)
        if session is None:
            raise Failed("commit_failed", f"session {sandbox.id} was committed or rolled back from outside")
        folder = sandbox.path_prefix.rstrip("/")
        organization, caller = _caller(db, sandbox, repository)
        return cls(organization, repository, session, caller, f"{folder}/" if folder else "")

    def view(self, db: sqlite3.Connection) -> View:
        """The commit, as it is found now: other commits may have come since, and moved its rows."""
        return View(self.repository.key, self.session.base, repositories.find_by_key(db, self.repository.key).head)

    def may_read(self, path: str) -> bool:
        """Whether the object of that path is shown."""
        return all(self._may(action, path) for action in _READ)

    def _may(self, action: str, path: str) -> bool:
        return self.caller.permissions.allows(action, {"repository": self.repository.name, "path": path})

    def walk(self, services: Services, folder: str) -> Iterator[str]:
        """The paths of the objects below `folder` that are shown."""
        return (path for path, _ in self._walk(services, folder))

    def files(self, services: Services) -> Iterator[tuple[str, list[bytes]]]:
        """What the tree is made of: paths below the folder, and the blobs that each file is made of."""
        return ((path[len(self.folder) :], blobs) for path, blobs in self._walk(services, self.folder))

    def _walk(self, services: Services, folder: str) -> Iterator[tuple[str, list[bytes]]]:
        may_read_all, low, high = self.may_read(Below(folder)), folder, prefix_end(folder)
        while True:
            with services.database.read() as db:
                page = [
                    (path, [blob for blob, _ in uploads.segments(db, entry.blob, entry.size)])
                    for path, entry in entries.walk(db, self.view(db), low, high, _PAGE)
                ]
            yield from (each for each in page if may_read_all or self.may_read(each[0]))
            if len(page) < _PAGE:
                return
            low = after_key(page[-1][0])

    def key(self) -> str:
        """A name for just these files: equal keys are equal files."""
        rights = "" if self.may_read(Below(self.folder)) else self.caller.permissions.conditions(_READ)
        parts = (self.repository.id, str(self.session.base), self.folder, rights)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _caller(db: sqlite3.Connection, sandbox: Sandbox, repository: Repository) -> tuple[Organization, Caller]:
    """What the one may do whom it runs as. Raises Failed if he is there no more, or not in the organization."""
    principal = principals.find_any(db, sandbox.runs_as_type, sandbox.runs_as)
    found = organizations.find_by_id(db, repository.organization_id, principal) if principal else None
    if principal is None or found is None:
        raise Failed(
            "policy_violation", f"the {sandbox.runs_as_type} that this sandbox runs as is not in the organization"
        )
    return found, Caller.of(db, principal, found)
