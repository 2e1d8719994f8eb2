"""What became of a commit whose answer was lost.

It is never sent again blindly. If the session is still open, the commit did not happen. If the session is gone, the
log is
searched for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from tilde_core.exceptions import APIError, OutcomeUnknownError, TildeError
from tilde_core.http import Response
from tilde_core.resources.commits import Commit, Commits
from tilde_core.serialization import encode_json

if TYPE_CHECKING:
    from tilde_core.resources.sessions import Session

__all__ = ["CommitRecovery", "Staged"]

_MOST_COMMITS = 1000
# How far the service's clock may be off from this machine's, where its time is not known.
_CLOCK_ALLOWANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Staged:
    """One change of a session: a path, and the ETag that it was given (`""` if that is not known)."""

    path: str
    etag: str


class CommitRecovery:
    """Finds the commit of one session: by message and metadata, not older than the session, and holding `staged`."""

    def __init__(
        self,
        session: Session,
        message: str,
        metadata: dict[str, str],
        opened: datetime | None,
        staged: Staged | None,
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
            found = self._matching_commits()
        except TildeError as error:
            raise self._unknown(f"and what became of it could not be asked ({error})") from failure
        if len(found) != 1:
            what = "the log has no such commit" if not found else f"the log has {len(found)} such commits"
            raise self._unknown(f"the session is gone and {what}") from failure
        return Response(200, {}, encode_json({"commit_id": found[0].id}))

    def _is_session_open(self) -> bool:
        try:
            self._session.uncommitted(page_size=1).first()
        except APIError as error:
            if 400 <= error.status_code < 500 and error.status_code not in (401, 403, 408, 429):
                return False
            raise
        return True

    def _matching_commits(self) -> list[Commit]:
        session = self._session
        log = Commits(session._client, session._organization, session._repository).list(amount=_MOST_COMMITS)
        found = []
        for commit in log:
            if commit.creation_date is not None and commit.creation_date < self._not_before:
                break
            if commit.message == self._message and commit.metadata == self._metadata and self._holds_staged(commit):
                found.append(commit)
        return found

    def _holds_staged(self, commit: Commit) -> bool:
        staged = self._staged
        if staged is None:
            return True
        change = commit.diff(prefix=staged.path, amount=1).first()
        if change is None or change.path != staged.path:
            return False
        return not staged.etag or change.entry is None or change.entry.e_tag == staged.etag

    def _unknown(self, why: str) -> OutcomeUnknownError:
        return OutcomeUnknownError(
            f"the answer to the commit of session {self._session.session_id} was lost: {why}. It may have been "
            f"committed. Look for the message {self._message!r} in repo.commits.list(); if it is not there, "
            f'repo.attach("{self._session.session_id}") can commit again while the session is open',
            operation="sessions.commit",
        )
