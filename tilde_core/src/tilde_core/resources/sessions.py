"""Sessions: transactions on a repository."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec

from tilde_core.approval import Review
from tilde_core.commit_finder import earliest_after
from tilde_core.commit_recovery import CommitRecovery
from tilde_core.exceptions import OutcomeUnknownError, SerializationError, SessionClosedError, TildeError
from tilde_core.http import Response
from tilde_core.logs import logger
from tilde_core.models.base import Model, OrDefault
from tilde_core.models.commits import ApprovalResult, CommitResult
from tilde_core.models.objects import EntryRecord
from tilde_core.models.sessions import SessionState, Staged
from tilde_core.operation import Operation, checked_segment
from tilde_core.pagination import PaginatedIterator
from tilde_core.resources.base import Entity, RepositoryResource, as_it_is
from tilde_core.resources.commits import Commits
from tilde_core.resources.objects import SessionObjects
from tilde_core.serialization import decode_json
from tilde_core.transfer.checksums import unquoted
from tilde_core.transfer.paths import checked_metadata

if TYPE_CHECKING:
    from tilde_core.client import Client

__all__ = ["OpenedSession", "Session"]


_NOTED_CHANGES = 8


class OpenedSession(msgspec.Struct):
    """The answer to opening a session."""

    session_id: str


class _CommitAnswer(Model, frozen=True, kw_only=True):
    """Either the commit, or that a review is needed first (`approval_required`)."""

    commit_id: OrDefault[str] = ""
    approval_required: OrDefault[bool] = False
    web_url: OrDefault[str] = ""


class Session(RepositoryResource, Entity):
    """An open transaction: what is staged in it is seen in it only, until it is committed whole.

    As a context manager it rolls back at the end of the block, after an exception as well as without a commit; not
    once it was committed, submitted for approval or given to `approve`, and not while it is unknown whether a commit
    happened. While it awaits approval, it can be read, approved and rolled back; every other call is refused.
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
        self._session_id = checked_segment("session_id", session_id)
        self._not_before = opened  # none of its commits is older; None for a session that was opened elsewhere
        self._staged: tuple[Staged, ...] = ()
        self._state = SessionState(session_id=session_id, repository=f"{organization}/{repository}")
        self._submitted: tuple[str, dict[str, str]] | None = None  # message and metadata
        self._newest: str | None = None  # the id of the newest commit when it was submitted
        self._stays = False  # at the end of the block: it may be committed, or somebody reviews it

    @property
    def session_id(self) -> str:
        """The session's id: pass it to `repo.attach` in another process to go on there."""
        return self._session_id

    @property
    def web_url(self) -> str:
        """Where the session is reviewed; `""` until this handle has submitted it for approval."""
        return self._state.web_url

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
        self._require_unfinished("sessions.uncommitted")
        return self._changes(prefix=prefix, amount=amount, page_size=page_size, after=after)

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
        self._review().wait()
        self._become("reviewed")
        return ""

    def commit_result(self, message: str, *, metadata: Mapping[str, str] | None = None) -> CommitResult:
        """Apply all that is staged as one commit, or submit it for review; tell which. Neither warns nor waits.

        Raises what `commit` raises.
        """
        self._require_open("sessions.commit")
        text = _checked_text(message, metadata)
        self._staged = self._staged or self._some_changes()
        recovery = CommitRecovery(self, *text, self._not_before, self._staged)
        operation = self._commit_operation("sessions.commit", text, resolve=recovery.resolve)
        self._stays = True
        try:
            answer = self._committed(operation, recovery)
        except OutcomeUnknownError:
            raise
        except TildeError:  # it is known that there is no commit
            self._stays = False
            raise
        if answer.approval_required:
            self._submitted = text
            self._become("approval_required", web_url=answer.web_url)
            self._newest = self._review().newest()
            return CommitResult(status="approval_required", web_url=answer.web_url)
        self._become("committed", commit_id=answer.commit_id)
        return CommitResult(status="committed", commit_id=answer.commit_id)

    def approve(self, message: str, *, metadata: Mapping[str, str] | None = None) -> str:
        """Approve what was submitted, as its reviewer: commit it with this message, and return the commit's id.

        Raises:
            ConflictError: another commit changed a path that is staged here.
            ForbiddenError: the caller may not approve.
            OutcomeUnknownError: the answer was lost.
            SessionClosedError: it was committed, approved or rolled back before.
        """
        self._require_unfinished("sessions.approve")
        operation = self._commit_operation("sessions.approve", _checked_text(message, metadata), "approve")
        self._stays = True
        commit_id = self._understood(self._execute(operation), operation.name).commit_id
        self._become("approved", commit_id=commit_id)
        return commit_id

    def wait_for_approval(self, timeout: float | None = None) -> ApprovalResult:
        """Wait until the review is over, asking every 2 seconds, and tell how it ended.

        `timeout` is in seconds; `None` waits without end. The service tells that a review is over, not how: what was
        staged is looked for in the log.

        Raises:
            WaitTimeoutError: nobody has reviewed it in time; wait again if you like.
            OutcomeUnknownError: it is over, and the log does not tell how.
            SessionClosedError: it was committed without a review.
            TildeError: it was not submitted.
        """
        state = self._state
        if state.state not in ("approved", "rolled_back"):
            if state.state != "reviewed":
                self._require_unfinished("sessions.wait_for_approval")
            result = self._review().outcome(timeout)
            self._become(result.status, commit_id=result.commit_id)
        return ApprovalResult(status=self._state.state, commit_id=self._state.commit_id)

    def rollback(self) -> None:
        """Discard all that is staged and end the session. Raises `SessionClosedError`."""
        self._require_unfinished("sessions.rollback")
        path = self._path("sessions", self.session_id)
        self._execute(Operation(name="sessions.rollback", method="DELETE", path=path))
        self._become("rolled_back")

    def _commit_operation(
        self,
        name: str,
        text: tuple[str, dict[str, str]],
        *below: str,
        resolve: Callable[[TildeError], Response | None] | None = None,
    ) -> Operation:
        message, metadata = text
        return Operation(
            name=name,
            method="POST",
            path=self._path("sessions", self.session_id, *below),
            body={"message": message, "metadata": metadata} if metadata else {"message": message},
            resolve=resolve,
        )

    def _changes(
        self,
        *,
        prefix: str | None = None,
        amount: int | None = None,
        page_size: int | None = None,
        after: str | None = None,
    ) -> PaginatedIterator[EntryRecord]:
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

    def _some_changes(self) -> tuple[Staged, ...]:
        """A few staged changes, as the service tells them: by them the commit can be told from others."""
        try:
            records = list(self._changes(amount=_NOTED_CHANGES, page_size=_NOTED_CHANGES))
        except TildeError:
            return ()  # it only helps to find a commit; what is done to the session will tell what is wrong
        etags = [(record.path, unquoted(record.entry.e_tag)) for record in records]
        return tuple(Staged(path, etag, is_deleted=not etag) for path, etag in etags)

    def _commits(self) -> Commits:
        return Commits(self._client, self._organization, self._repository)

    def _review(self) -> Review:
        return Review(self, self._submitted, self._not_before, self._staged, self._newest)

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
        self._not_before = self._not_before or earliest_after(response)
        return answer

    def _require_open(self, operation: str) -> None:
        self._require_unfinished(operation)
        if self._state.state != "open":
            raise SessionClosedError(
                f"session {self.session_id} awaits approval: nothing more can be staged or committed until it is "
                "reviewed (see session.web_url); session.rollback() takes it back",
                operation=operation,
            )

    def _require_unfinished(self, operation: str) -> None:
        if self._state.state not in ("open", "approval_required"):
            raise SessionClosedError(
                f"session {self.session_id} was already {self._state}; open another with repo.session()",
                operation=operation,
            )

    def _become(self, state: str, *, commit_id: str = "", web_url: str = "") -> None:
        kept = self._state.web_url
        self._state = msgspec.structs.replace(self._state, state=state, commit_id=commit_id, web_url=web_url or kept)

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
        if self._state.state != "open" or self._stays:
            return
        try:
            self.rollback()
        except TildeError as failure:
            if error is None:
                raise
            logger.warning("session %s was not rolled back: %s", self.session_id, failure)

    @property
    def _identity(self) -> tuple[str, ...]:
        return (self._organization, self._repository, self._session_id)

    def _loaded(self) -> SessionState:
        return self._state

    def __repr__(self) -> str:
        return f"Session({self.session_id!r}, {self._state})"


def _checked_text(message: str, metadata: Mapping[str, str] | None) -> tuple[str, dict[str, str]]:
    if not isinstance(message, str):
        raise TypeError(f"the commit message must be a str, not {type(message).__name__}")
    return message, checked_metadata(metadata)
