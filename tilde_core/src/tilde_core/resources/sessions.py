"""Sessions: transactions on a repository."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec

from tilde_core.approval import wait_until_reviewed
from tilde_core.commit_recovery import CommitRecovery
from tilde_core.exceptions import OutcomeUnknownError, SerializationError, SessionClosedError, TildeError
from tilde_core.http import Response
from tilde_core.models.base import Model, OrDefault
from tilde_core.models.commits import CommitResult
from tilde_core.models.objects import EntryRecord
from tilde_core.models.sessions import Staged
from tilde_core.operation import Operation, checked_segment
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.base import RepositoryResource, as_it_is
from tilde_core.resources.objects import SessionObjects
from tilde_core.serialization import decode_json
from tilde_core.transfer.paths import checked_metadata

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["OpenedSession", "Session"]

_logger = logging.getLogger("tilde")


_NOTED_CHANGES = 8


class OpenedSession(msgspec.Struct):
    """The answer to opening a session."""

    session_id: str


class _CommitAnswer(Model, frozen=True, kw_only=True):
    """Either the commit, or that a review is needed first (`approval_required`)."""

    commit_id: OrDefault[str] = ""
    approval_required: OrDefault[bool] = False
    web_url: OrDefault[str] = ""


class Session(RepositoryResource):
    """An open transaction: what is staged in it is seen in it only, until it is committed whole.

    As a context manager it rolls back at the end of the block, after an exception as well as without a commit; not
    once it was committed or submitted for approval, and not while it is unknown whether a commit happened.
    """

    def __init__(
        self,
        client: Client,
        organization: str,
        repository: str,
        session_id: str,
        opened: datetime | None = None,
    ) -> None:
        super().__init__(client, organization, repository)
        self._session_id = checked_segment("session id", session_id)
        self._opened = opened  # by the service's clock; None for a session that was opened elsewhere
        self._staged: tuple[Staged, ...] = ()
        self._ended = ""
        self._may_be_committed = False

    @property
    def session_id(self) -> str:
        """The session's id: pass it to `repo.attach` in another process to go on there."""
        return self._session_id

    @property
    def objects(self) -> SessionObjects:
        """The objects as this session sees them, to read and to change."""
        return SessionObjects(self._client, self._organization, self._repository, self)

    def uncommitted(
        self,
        *,
        prefix: str | None = None,
        amount: int | None = None,
        page_size: int | None = None,
        after: str | None = None,
    ) -> PaginatedIterator[EntryRecord]:
        """Walk what is staged, in the order of the paths. `after` is a path. Raises `SessionClosedError`."""
        self._require_open("sessions.uncommitted")
        query = {"session_id": self.session_id, "prefix": prefix}
        return self._list(
            Operation(name="sessions.uncommitted", method="GET", path=self._path("changes"), query=query),
            EntryRecord,
            as_it_is,
            key=lambda record: record.path,
            amount=amount,
            page_size=page_size,
            after=after,
        )

    def commit(
        self, message: str, *, metadata: Mapping[str, str] | None = None, block_for_approval: bool = True
    ) -> str | None:
        """Apply all that is staged as one commit and return its id.

        Where a review is needed first, warn with the URL (`UserWarning`) and return `""` once it is over, or `None`
        at once with `block_for_approval=False`.

        Raises:
            ConflictError: another commit changed a path that is staged here; the session stays open.
            BadRequestError: there is nothing to commit.
            OutcomeUnknownError: the answer was lost, and the log does not tell; nothing is rolled back.
            SessionClosedError: it was committed or rolled back before.
        """
        result = self.commit_result(message, metadata=metadata)
        if result.status == "committed":
            return result.commit_id
        warnings.warn(f"Approval required - review and approve at: {result.web_url}", UserWarning, stacklevel=2)
        if not block_for_approval:
            return None
        wait_until_reviewed(self._client, self._path("sessions", self.session_id, "approve"))
        return ""

    def commit_result(self, message: str, *, metadata: Mapping[str, str] | None = None) -> CommitResult:
        """Apply all that is staged as one commit, or submit it for review; tell which. Neither warns nor waits.

        Raises what `commit` raises.
        """
        self._require_open("sessions.commit")
        operation, recovery = self._commit_operation(message, metadata)
        self._may_be_committed = True
        try:
            answer = self._committed(operation, recovery)
        except OutcomeUnknownError:
            raise
        except TildeError:  # it is known that there is no commit
            self._may_be_committed = False
            raise
        if answer.approval_required:
            self._ended = "submitted for approval"
            return CommitResult(status="approval_required", web_url=answer.web_url)
        self._ended = f"committed as {answer.commit_id}"
        return CommitResult(status="committed", commit_id=answer.commit_id)

    def rollback(self) -> None:
        """Discard all that is staged and end the session. Raises `SessionClosedError`."""
        self._require_open("sessions.rollback")
        path = self._path("sessions", self.session_id)
        self._execute(Operation(name="sessions.rollback", method="DELETE", path=path))
        self._ended = "rolled back"

    def _commit_operation(self, message: str, metadata: Mapping[str, str] | None) -> tuple[Operation, CommitRecovery]:
        if not isinstance(message, str):
            raise TypeError(f"the commit message must be a str, not {type(message).__name__}")
        noted = checked_metadata(metadata)
        recovery = CommitRecovery(self, message, noted, self._opened, self._staged or self._some_change())
        operation = Operation(
            name="sessions.commit",
            method="POST",
            path=self._path("sessions", self.session_id),
            body={"message": message, "metadata": noted} if noted else {"message": message},
            resolve=recovery.resolve,
        )
        return operation, recovery

    def _some_change(self) -> tuple[Staged, ...]:
        """One staged change, asked for where none was staged through this handle: by it the commit can be told."""
        try:
            record = self.uncommitted(amount=1, page_size=1).first()
        except TildeError:
            return ()  # it only helps to find a commit whose answer was lost; the commit itself will tell what is wrong
        if record is None:
            return ()
        return (Staged(record.path, record.entry.e_tag, is_deleted=not record.entry.e_tag),)

    def _committed(self, operation: Operation, recovery: CommitRecovery) -> _CommitAnswer:
        """Send the commit. An answer that cannot be read is as good as lost, and looked for like one."""
        try:
            return self._understood(self._execute(operation), operation.name)
        except SerializationError as unreadable:
            found = recovery.resolve(unreadable)
            if found is None:
                raise
            return self._understood(found, operation.name)

    def _understood(self, response: Response, operation: str) -> _CommitAnswer:
        answer = decode_json(response, _CommitAnswer, operation)
        if not answer.commit_id and not answer.approval_required:
            raise SerializationError("the service's answer names no commit", operation=operation)
        return answer

    def _require_open(self, operation: str) -> None:
        if self._ended:
            raise SessionClosedError(
                f"session {self.session_id} was already {self._ended}; open another with repo.session()",
                operation=operation,
            )

    def _note(self, *changes: Staged) -> None:
        """Remember the last changes, one a path: they tell this session's commit from others with the same message."""
        paths = {change.path for change in changes}
        kept = [staged for staged in self._staged if staged.path not in paths]
        self._staged = (*kept, *changes)[-_NOTED_CHANGES:]  # never changed in place: threads may stage at once

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ended or self._may_be_committed:
            return
        try:
            self.rollback()
        except TildeError as failure:
            if error is None:
                raise
            _logger.warning("session %s was not rolled back: %s", self.session_id, failure)

    def __repr__(self) -> str:
        return f"Session({self.session_id!r}, {self._ended or 'open'})"
