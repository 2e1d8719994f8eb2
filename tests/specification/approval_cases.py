"""The page's section "Agent Approval Workflow": an agent commits to a repository that requires approval."""

from __future__ import annotations

import pytest

import tilde
from specification.reviews import Reviewer, agent_key
from specification.world import World, snippet
from tilde.models import CommitResult, Session


def act_as_agent(world: World, *plugins: object) -> None:
    """Require approval, and make an agent the caller of what runs from now on."""
    world.server.require_approval("my-team/my-data")
    world.configure(api_key=agent_key(world.organization), plugins=plugins)


def page_of(world: World, session_id: str) -> str:
    """Where the page says that a session is reviewed."""
    return (
        f"{world.server.endpoint_url}/console/organizations/my-team/repositories/my-data/sessions/{session_id}/approve"
    )


@snippet("054")
def blocking(world: World) -> None:
    reviewer = Reviewer(lambda session_id: world.repository.attach(session_id).approve("Reviewed"))
    act_as_agent(world, reviewer)
    with pytest.warns(UserWarning, match="Approval") as warned:
        world.run()
    (session_id,) = reviewer.session_ids
    (warning,) = warned
    assert str(warning.message) == f"Approval required - review and approve at: {page_of(world, session_id)}"
    assert [world.latest.id] == reviewer.reviewed
    assert world.content("data/results.csv") == b"col1,col2\na,b\n"
    assert (world.latest.message, world.latest.committer, world.latest.committer_type) == (
        "Reviewed",
        "writer",
        "agent",
    )


@snippet("055")
def not_blocking(world: World) -> None:
    act_as_agent(world)
    with pytest.warns(UserWarning, match="Approval required"):
        outcome = world.run(repo=tilde.repository("my-team/my-data"))
    assert outcome.names["result"] is None
    assert world.log == []
    session = outcome.names["session"]
    assert isinstance(session, Session)
    assert world.repository.attach(session.session_id).approve("Reviewed") == world.latest.id


@snippet("056")
def structured_result(world: World) -> None:
    committed = world.run(repo=tilde.repository("my-team/my-data"))
    assert committed.lines == [f"Committed: {world.latest.id}"]
    act_as_agent(world)
    outcome = world.run(repo=tilde.repository("my-team/my-data"))
    result = outcome.names["result"]
    assert isinstance(result, CommitResult)
    assert result.web_url == page_of(world, outcome.names["session"].session_id)
    assert (result.status, result.commit_id) == ("approval_required", "")
    assert outcome.lines == [f"Awaiting approval: {result.web_url}"]
    assert world.log == ["Add results"]
