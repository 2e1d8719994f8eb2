"""Repositories that require an approval: an agent that commits to them, and somebody who reviews."""

from __future__ import annotations

from collections.abc import Callable, Generator

from tilde.models import Organization
from tilde.plugins import Request, Response, Transport, hookimpl

__all__ = ["Reviewer", "agent_key"]

POLICY = """
GetRepository()
CreateSession()
PutObject()
ListObjects()
CommitSession()
RollbackSession()
"""


def agent_key(organization: Organization) -> str:
    """An API key of a new agent that may commit."""
    return organization.agents.create("writer", inline_policy=POLICY).api_keys.create("key").token


class Reviewer:
    """A plugin that calls `review` when it is asked for the first time whether the session is still pending, before the
    answer; so nothing waits. `reviewed` has what it returned."""

    def __init__(self, review: Callable[[str], object]) -> None:
        self._review = review
        self.session_ids: list[str] = []
        self.reviewed: list[object] = []

    @hookimpl(wrapper=True)
    def tilde_send(self, request: Request, transport: Transport) -> Generator[None, Response, Response]:
        if request.method == "HEAD" and request.url.endswith("/approve"):
            self.session_ids.append(request.url.split("/")[-2])
            self.reviewed.append(self._review(self.session_ids[-1]))
        return (yield)
