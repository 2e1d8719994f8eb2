"""What became of a commit whose answer was lost.

It is never sent again blindly. If the session is still open, the commit did not happen. If the session is gone, the
log is searched for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from tilde_core.commit_finder import CLOCK_ALLOWANCE, CommitFinder
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
from tilde_core.serialization import encode_json

if TYPE_CHECKING:
    from tilde_core.resources.sessions import Session

__all__ = ["CommitRecovery", "is_session_open"]


class CommitRecovery:
    """Finds the commit of one session: by message and metadata, not older than the session, with what was staged.

    `staged` are some of the session's changes; without any, no commit counts as found.
    """

    def __init__(
        self,
        session: Session,
        message: str,
        metadata: dict[str, str],
        not_before: datetime | None,
        staged: Sequence[Staged],
    ) -> None:
        self._session = session
        self._message = message
        self._metadata = metadata
        earliest = not_before or datetime.now(timezone.utc) - CLOCK_ALLOWANCE
        self._finder = CommitFinder(session._commits(), staged, earliest)

    def resolve(self, failure: TildeError) -> Response | None:
        """Return the answer that was lost, or `None` if the commit did not happen. Raises `OutcomeUnknownError`."""
        try:
            if is_session_open(self._session):
                return None
            same = self._finder.with_text(self._message, self._metadata)
            found = self._finder.that_changed(same) or self._finder.that_hold(same)
        except TildeError as error:
            raise self._unknown(f"and what became of it could not be asked ({error})") from failure
        if len(found) != 1:
            what = "the log has no such commit" if not found else f"the log has {len(found)} such commits"
            raise self._unknown(f"the session is gone and {what}") from failure
        return Response(200, {}, encode_json({"commit_id": found[0].id}))

    def _unknown(self, why: str) -> OutcomeUnknownError:
        return OutcomeUnknownError(
            f"the answer to the commit of session {self._session.session_id} was lost: {why}. It may have been "
            f"committed. Look for the message {self._message!r} in repo.commits.list(); if it is not there, "
            f'repo.attach("{self._session.session_id}") can commit again while the session is open',
            operation="sessions.commit",
        )


def is_session_open(session: Session) -> bool:
    """Ask whether the session is still open, awaiting approval or not. Raises what asking raises."""
    try:
        session._changes(amount=1).first()
    except (BadRequestError, NotFoundError, ConflictError, GoneError):  # services differ in how they say "no more"
        return False
    return True
