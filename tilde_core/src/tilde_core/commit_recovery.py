"""What became of a commit whose answer was lost.

It is never sent again blindly. If the session is still open, the commit did not happen. If the session is gone, the
log is searched for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from itertools import takewhile
from typing import TYPE_CHECKING

from tilde_core.exceptions import (
    BadRequestError,
    ConflictError,
    GoneError,
    NotFoundError,
    OutcomeUnknownError,
    TildeError,
)
from tilde_core.http import Response
from tilde_core.models.sessions import Staged
from tilde_core.resources.commits import Commit, Commits
from tilde_core.serialization import encode_json
from tilde_core.transfer.checksums import unquoted

if TYPE_CHECKING:
    from tilde_core.resources.sessions import Session

__all__ = ["CommitRecovery"]

_MOST_COMMITS = 1000
# How far the service's clock may be off from this machine's, where its time is not known.
_CLOCK_ALLOWANCE = timedelta(minutes=5)


class CommitRecovery:
    """Finds the commit of one session: by message and metadata, not older than the session, with what was staged.

    `staged` are some of the session's changes; without any, no commit counts as found.
    """

    def __init__(
        self,
        session: Session,
        message: str,
        metadata: dict[str, str],
        opened: datetime | None,
        staged: Sequence[Staged],
    ) -> None:
        self._session = session
        self._message = message
        self._metadata = metadata
        self._not_before = opened or datetime.now(timezone.utc) - _CLOCK_ALLOWANCE
        self._staged = staged

    def resolve(self, failure: TildeError) -> Response | None:
        """Return the answer that was lost, or `None` if the commit did not happen. Raises `OutcomeUnknownError`."""
        try:
            if self._is_session_open():
                return None
            found = self._found()
        except TildeError as error:
            raise self._unknown(f"and what became of it could not be asked ({error})") from failure
        if len(found) != 1:
            what = "the log has no such commit" if not found else f"the log has {len(found)} such commits"
            raise self._unknown(f"the session is gone and {what}") from failure
        return Response(200, {}, encode_json({"commit_id": found[0].id}))

    def _is_session_open(self) -> bool:
        try:
            self._session.uncommitted(page_size=1).first()
        except (BadRequestError, NotFoundError, ConflictError, GoneError):  # services differ in how they say "no more"
            return False
        return True

    def _found(self) -> list[Commit]:
        """The commits that changed what was staged; if none did, as all of it was there before, those that hold it."""
        candidates = self._candidates()
        return [commit for commit in candidates if any(_changed(commit, staged) for staged in self._staged)] or [
            commit for commit in candidates if self._staged and all(_holds(commit, staged) for staged in self._staged)
        ]

    def _candidates(self) -> list[Commit]:
        session = self._session
        log = Commits(session._client, session._organization, session._repository).list(amount=_MOST_COMMITS)
        young = takewhile(lambda commit: not self._is_too_old(commit), log)
        return [commit for commit in young if (commit.message, commit.metadata) == (self._message, self._metadata)]

    def _is_too_old(self, commit: Commit) -> bool:
        made = commit.creation_date
        if made is None:
            return False
        return (made if made.tzinfo else made.replace(tzinfo=timezone.utc)) < self._not_before

    def _unknown(self, why: str) -> OutcomeUnknownError:
        return OutcomeUnknownError(
            f"the answer to the commit of session {self._session.session_id} was lost: {why}. It may have been "
            f"committed. Look for the message {self._message!r} in repo.commits.list(); if it is not there, "
            f'repo.attach("{self._session.session_id}") can commit again while the session is open',
            operation="sessions.commit",
        )


def _changed(commit: Commit, staged: Staged) -> bool:
    """Whether the commit made this change."""
    change = commit.diff(prefix=staged.path, amount=1, page_size=1).first()
    if change is None or change.path != staged.path or (change.status == "removed") != staged.is_deleted:
        return False
    return staged.is_deleted or not staged.etag or unquoted(change.entry.e_tag) == staged.etag


def _holds(commit: Commit, staged: Staged) -> bool:
    """Whether things are as the change left them, whoever made it."""
    try:
        etag = commit.objects.head(staged.path).etag
    except NotFoundError:
        return staged.is_deleted
    return not staged.is_deleted and etag == staged.etag
