"""The page's sections "Pagination", "Repositories" and "Organizations"."""

from __future__ import annotations

import pytest

import tilde
from specification.world import Recorder, World, snippet
from tilde.exceptions import NotFoundError
from tilde.models import ListingEntry


@snippet("014")
def every_list_is_paginated(world: World) -> None:
    world.organization.repositories.create("another")
    assert world.run(org=tilde.organizations.get("my-team")).lines == ["another", "my-data"]


@snippet("015")
def amount(world: World) -> None:
    commits = [world.commit(f"Number {number}", data_a_txt=b"%d" % number) for number in range(26)]
    assert world.run_in_repo().lines == [f"{commit.id} {commit.message}" for commit in reversed(commits[1:])]


@snippet("016")
def page_size(world: World) -> None:
    world.commit(data_a_csv=b"", data_b_csv=b"")
    seen: list[ListingEntry] = []
    recorder = Recorder()
    world.configure(plugins=[recorder])
    world.run(commit=tilde.repository("my-team/my-data").latest(), process=seen.append)
    assert [entry.path for entry in seen] == ["data/a.csv", "data/b.csv"]
    assert "amount=500" in recorder.urls[-1]


@snippet("017")
def resuming(world: World) -> None:
    world.commit_all({f"{folder}/file{number}.csv": b"" for folder in ("data", "other") for number in (99, 100, 101)})
    seen: list[ListingEntry] = []
    saved: list[str] = []
    world.run(
        commit=tilde.repository("my-team/my-data").latest(),
        load_checkpoint=lambda: "data/file100.csv",
        process=seen.append,
        save_checkpoint=saved.append,
    )
    assert saved == [entry.path for entry in seen] == ["data/file101.csv", "data/file99.csv"]


@snippet("018")
def create_and_list_repositories(world: World) -> None:
    world.repository.delete()
    outcome = world.run()
    assert outcome.lines == ["my-data My dataset"]
    assert outcome.names["repo"].id == world.repository.id
    assert (world.repository.description, world.repository.retention_days) == ("My dataset", 90)


@snippet("019")
def properties_of_a_repository(world: World) -> None:
    world.repository.update(description="Mine", retention_days=30)
    repo = world.repository
    user = world.organization.members.list().first()
    assert user is not None
    assert world.run(tilde=tilde).lines == [repo.id, "Mine", "30", "user", user.user_id, str(repo.created_at)]


@snippet("020")
def update_and_delete_a_repository(world: World) -> None:
    repo = world.run_in_repo().names["repo"]
    assert (repo.description, repo.retention_days) == ("Updated description", 180)
    with pytest.raises(NotFoundError):
        _ = world.repository.id


@snippet("040")
def organizations(world: World) -> None:
    world.client.organizations.delete("my-team")
    outcome = world.run()
    assert outcome.lines == ["my-team My Team"]
    assert outcome.names["org"].display_name == "My Team"
    with pytest.raises(NotFoundError):
        _ = world.organization


@snippet("041")
def resources_of_an_organization(world: World) -> None:
    assert world.run(tilde=tilde).lines == ["my-data", "local"]
