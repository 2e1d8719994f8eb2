"""The commit of a session, looked for in the log: where an answer was lost, and where somebody else committed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from functools import cached_property
from itertools import takewhile

from tilde_core.exceptions import ForbiddenError, NotFoundError
from tilde_core.http import Response
from tilde_core.models.sessions import Staged
from tilde_core.resources.commits import Commit, Commits
from tilde_core.resources.objects import CommitObjects
from tilde_core.retry_after import http_date
from tilde_core.transfer.checksums import unquoted

__all__ = ["CLOCK_ALLOWANCE", "CommitFinder", "earliest_after"]

# How far clocks may be off from each other, where it is not known when a session was opened.
CLOCK_ALLOWANCE = timedelta(minutes=5)
_MOST_COMMITS = 1000


def earliest_after(answer: Response) -> datetime | None:
    """Return a moment that no commit lies before which was made after this answer; `None` if it has no date."""
    date = http_date(answer.headers.get("Date", ""))
    return None if date is None else date - CLOCK_ALLOWANCE


class CommitFinder:
    """Looks among commits that are not older than `not_before` for the one of a session.

    `staged` are some of the session's changes; without any, no commit counts as found. Where it is known, only commits
    that came `after` the one with this id count.
    """

    def __init__(
        self, commits: Commits, staged: Sequence[Staged], not_before: datetime, *, after: str | None = None
    ) -> None:
        self._commits = commits
        self._staged = staged
        self._not_before = not_before
        self._after = after

    def with_text(self, message: str, metadata: dict[str, str]) -> list[Commit]:
        """Return the commits with this message and metadata; each is still to be asked for what was staged."""
        young = self._young(self._commits.list(amount=_MOST_COMMITS))
        return [commit for commit in young if (commit.message, commit.metadata) == (message, metadata)]

    def that_changed(self, commits: Sequence[Commit]) -> list[Commit]:
        """Return those of the commits that made one of the changes."""
        return [commit for commit in commits if any(_changed(commit, staged) for staged in self._staged)]

    def that_hold(self, commits: Sequence[Commit]) -> list[Commit]:
        """Return those of the commits that hold all that was staged: it may have been there before."""
        if not self._staged:
            return []
        return [commit for commit in commits if all(_holds(commit, staged) for staged in self._staged)]

    def with_changes(self) -> list[Commit]:
        """Return the commits that made one of the changes and agree with all, whatever they say of themselves."""
        for staged in self._staged:
            young = self._young(self._commits.list(object=staged.path))
            made = [commit for commit in young if _changed(commit, staged)]
            found = [commit for commit in made if all(_agrees(commit, other) for other in self._staged)]
            if found:
                return found
        return []

    def _young(self, log: Iterator[Commit]) -> Iterator[Commit]:
        young = takewhile(lambda commit: not self._is_too_old(commit), log)
        return (commit for commit in young if self._later is None or commit.id in self._later)

    @cached_property
    def _later(self) -> frozenset[str] | None:
        """The ids of the commits after the one that is known to come before; `None` if that is too long ago."""
        if not self._after:
            return None
        later: set[str] = set()
        for commit in self._commits.list(amount=_MOST_COMMITS):
            if commit.id == self._after:
                return frozenset(later)
            later.add(commit.id)
        return None

    def _is_too_old(self, commit: Commit) -> bool:
        made = commit.creation_date
        if made is None:
            return False
        return (made if made.tzinfo else made.replace(tzinfo=timezone.utc)) < self._not_before


def _changed(commit: Commit, staged: Staged) -> bool:
    """Whether the commit made this change."""
    try:
        change = commit.diff(prefix=staged.path, amount=1, page_size=1).first()
    except ForbiddenError:  # who may list the objects can tell all the same
        return _became(commit, staged)
    if change is None or change.path != staged.path or (change.status == "removed") != staged.is_deleted:
        return False
    return staged.is_deleted or not staged.etag or unquoted(change.entry.e_tag) == staged.etag


def _became(commit: Commit, staged: Staged) -> bool:
    """Whether the commit made this change, by what was there before it and is there now."""
    before, now = commit._objects_before, _etag(commit.objects, staged.path)
    if now == (None if before is None else _etag(before, staged.path)):
        return False
    return now is None if staged.is_deleted else now is not None and staged.etag in ("", now)


def _holds(commit: Commit, staged: Staged) -> bool:
    """Whether things are as the change left them, whoever made it."""
    etag = _etag(commit.objects, staged.path)
    return etag is None if staged.is_deleted else etag == staged.etag


def _etag(objects: CommitObjects, path: str) -> str | None:
    """The ETag of an object; `None` if there is none at this path."""
    try:
        return objects.head(path).etag
    except NotFoundError:
        return None
    except ForbiddenError:  # who may only list has staged something all the same
        listed = objects.list(prefix=path, amount=1, page_size=1).first()
        return unquoted(listed.entry.e_tag) if listed is not None and listed.path == path else None


def _agrees(commit: Commit, staged: Staged) -> bool:
    """Whether nothing in the commit speaks against the change."""
    is_known = bool(staged.etag) or staged.is_deleted
    return not is_known or _changed(commit, staged) or _holds(commit, staged)
