"""Reviews: in a repository that requires approval, what agents commit waits until somebody approves it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from tilde_local.errors import Forbidden, NotFound
from tilde_local.store import committing, sessions
from tilde_local.store.records import Principal, Repository, Review, Session

__all__ = ["approve", "find", "is_required", "list_pending", "path_of", "refuse_unreviewed", "roll_back", "submit"]

_COLUMNS = (
    "s.key, s.id, s.repository, s.base, s.state, r.message, r.metadata, r.submitted_by_type, r.submitted_by,"
    " r.submitted_by_name, r.submitted_at"
)
_SESSION_COLUMNS = 5


def is_required(repository: Repository, author: Principal) -> bool:
    """Whether a commit of `author` has to wait for a review."""
    return bool(repository.requires_approval) and author.type == "agent"


def refuse_unreviewed(repository: Repository, author: Principal) -> None:
    """Raise Forbidden if `author` would commit in a way that cannot wait for a review."""
    if is_required(repository, author):
        raise Forbidden(
            f"commits of agents to {repository.name!r} wait for approval, which is only possible in a session:"
            " stage the change in one and commit that",
            code="approval_required",
        )


def path_of(organization: str, repository: str, session_id: str) -> str:
    """Where a session is reviewed, below the API and below the console."""
    organization, repository, session_id = (quote(part, safe="") for part in (organization, repository, session_id))
    return f"/organizations/{organization}/repositories/{repository}/sessions/{session_id}/approve"


def submit(
    db: sqlite3.Connection,
    repository: Repository,
    session: Session,
    author: Principal,
    message: str,
    metadata: Mapping[str, str],
    now: str,
) -> None:
    """Let the session wait for a review; nothing more can be staged in it. One that waits already is left as it is.

    Raises BadRequest and Conflict as a commit would: what could not be committed is not worth a review.
    """
    if session.state == "pending":
        return
    committing.check(db, session)
    db.execute(
        "INSERT INTO reviews (session, message, metadata, submitted_by_type, submitted_by, submitted_by_name,"
        " submitted_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (session.key, message, msgspec.json.encode(metadata).decode(), author.type, author.id, author.name, now),
    )
    db.execute("UPDATE sessions SET state = 'pending' WHERE key = ?", (session.key,))


def find(db: sqlite3.Connection, repository: Repository, session_id: str) -> Review:
    """The review that the session waits for. Raises NotFound if it is over, or does not wait for one."""
    session = sessions.find(db, repository, session_id)
    if session.state != "pending":
        raise NotFound(f"session {session_id} does not wait for approval: it is open")
    row = db.execute(
        f"SELECT {_COLUMNS} FROM reviews r JOIN sessions s ON s.key = session WHERE s.key = ?", session[:1]
    )
    return _review(row.fetchone(), repository)


def list_pending(db: sqlite3.Connection, repository: Repository) -> list[Review]:
    """What waits, oldest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM reviews r JOIN sessions s ON s.key = session"
        " WHERE s.repository = ? AND s.state = 'pending' ORDER BY r.submitted_at, s.key",
        (repository.key,),
    )
    return [_review(row, repository) for row in rows]


def _review(row: tuple[str, ...], repository: Repository) -> Review:
    message, metadata, kind, submitter, name, submitted_at = row[_SESSION_COLUMNS:]
    author = Principal(kind, submitter, name, None if kind == "user" else repository.organization_id)
    return Review(
        Session(*row[:_SESSION_COLUMNS]),  # type: ignore[arg-type]
        author,
        message,
        msgspec.json.decode(metadata, type=dict[str, str]),
        submitted_at,
    )


def approve(
    db: sqlite3.Connection,
    repository: Repository,
    review: Review,
    reviewer: Principal,
    message: str,
    metadata: Mapping[str, str],
    now: str,
) -> str:
    """Commit what was submitted, in the name of who submitted it, with the reviewer's message; the commit's id.

    `metadata` is added to what was submitted. Raises Conflict if a path has changed meanwhile: it goes on waiting.
    """
    _require_person(reviewer)
    commit_id = committing.commit(
        db, repository, review.session, review.author, message, {**review.metadata, **metadata}, now
    )
    _sign(db, review, reviewer, now)
    return commit_id


def roll_back(db: sqlite3.Connection, review: Review, reviewer: Principal, now: str) -> None:
    """Refuse what was submitted: the session is rolled back."""
    _require_person(reviewer)
    sessions.close(db, review.session, None)
    _sign(db, review, reviewer, now)


def _require_person(reviewer: Principal) -> None:
    if reviewer.type != "user":
        raise Forbidden(f"only people approve: {reviewer.type} {reviewer.name!r} is none")


def _sign(db: sqlite3.Connection, review: Review, reviewer: Principal, now: str) -> None:
    db.execute(
        "UPDATE reviews SET reviewed_by = ?, reviewed_at = ? WHERE session = ?", (reviewer.id, now, review.session.key)
    )
