"""The review of what a session has submitted: waiting for it, and telling how it ended.

The service says that a review is over, and not how. An approved session is a commit in the log, perhaps with a message
that the reviewer has changed; so it is found by what was staged.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from tilde_core.commit_finder import CommitFinder, earliest_after
from tilde_core.commit_recovery import is_session_open
from tilde_core.exceptions import NotFoundError, OutcomeUnknownError, TildeError
from tilde_core.models.commits import ApprovalResult
from tilde_core.models.sessions import Staged
from tilde_core.operation import Operation
from tilde_core.resources.commits import Commit
from tilde_core.waiting import wait_until

if TYPE_CHECKING:
    from tilde_core.resources.sessions import Session

__all__ = ["Review"]

_OPERATION = "sessions.wait_for_approval"


class Review:
    """The review of one session.

    `text` is the message and the metadata that were submitted, `None` if it is not known that anything was. No commit
    of the session is older than `not_before`, or came before the one with the id `newest`; `staged` are some of its
    changes. All may be missing.
    """

    def __init__(
        self,
        session: Session,
        text: tuple[str, dict[str, str]] | None,
        not_before: datetime | None,
        staged: Sequence[Staged],
        newest: str | None = None,
    ) -> None:
        self._session = session
        self._text = text
        self._not_before = not_before
        self._staged = staged
        self._newest = newest

    def newest(self) -> str | None:
        """Return the id of the newest commit if the review is still to come, so that it ends with a later one.

        `None` if it is over, there is no commit, or the log may not be read.
        """
        with suppress(TildeError):  # it only helps to tell the commit from earlier ones with the same changes
            commit = self._session._commits().list(amount=1, page_size=1).first()
            return commit.id if commit is not None and self._is_pending() else None
        return None

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it is approved or rolled back. Raises `WaitTimeoutError`."""
        wait_until(
            lambda: not self._is_pending(),
            self._session._client.pipeline.clock,
            waited_for=f"the review of session {self._session.session_id}",
            timeout=timeout,
            operation=_OPERATION,
        )

    def outcome(self, timeout: float | None = None) -> ApprovalResult:
        """Wait, and tell how it ended. Raises `OutcomeUnknownError`, `WaitTimeoutError`, and `TildeError` if nothing
        was submitted."""
        self._look_before_it_is_over()
        self.wait(timeout)
        if not self._staged or self._not_before is None:
            ever = "" if self._text is not None else ", or whether there ever was such a session"
            raise self._unknown(f"it is not known what was staged in it{ever}")
        try:
            commits = self._session._commits()
            found = self._found(CommitFinder(commits, self._staged, self._not_before, after=self._newest))
        except TildeError as error:
            raise self._unknown(f"the log could not be asked ({error})") from error
        if len(found) > 1:
            raise self._unknown(f"the log has {len(found)} commits that may be it")
        return (
            ApprovalResult(status="approved", commit_id=found[0].id) if found else ApprovalResult(status="rolled_back")
        )

    def _look_before_it_is_over(self) -> None:
        """Ask for what is staged, and what was committed before: afterwards, nobody tells."""
        self._newest = self._newest or self.newest()
        if self._is_pending():
            self._staged = self._session._some_changes() or self._staged
        elif self._text is None and is_session_open(self._session):
            raise TildeError(
                f"session {self._session.session_id} is open and was not submitted for approval: commit it, and where "
                "a review is needed, that submits it",
                operation=_OPERATION,
            )

    def _is_pending(self) -> bool:
        path = self._session._path("sessions", self._session.session_id, "approve")
        try:
            answer = self._session._execute(Operation(name=_OPERATION, method="HEAD", path=path))
        except NotFoundError:  # how the service says that it is over
            return False
        self._not_before = self._not_before or earliest_after(answer)
        return True

    def _found(self, finder: CommitFinder) -> list[Commit]:
        found = finder.with_changes()
        if not found and self._text is not None:  # all of it was there before, so that no commit changed it
            found = finder.that_hold(finder.with_text(*self._text))
        return [commit for commit in found if (commit.message, commit.metadata) == self._text] or found

    def _unknown(self, why: str) -> OutcomeUnknownError:
        return OutcomeUnknownError(
            f"the review of session {self._session.session_id} is over, and how it ended cannot be told: {why}. Look "
            "in repo.commits.list() for a commit of what was staged; if there is none, it was rolled back",
            operation=_OPERATION,
        )
