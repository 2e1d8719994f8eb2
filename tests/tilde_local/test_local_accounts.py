"""Users, organizations and repositories."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tilde_local import Server

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Repo


def test_me(api: Api, repo: Repo) -> None:
    me = api.call("GET", "/auth/me").json
    assert me["user"]["username"] == "local"
    assert me["user"]["status"] == "active"
    assert set(me["user"]) == {"id", "username", "email", "full_name", "source", "status", "created_at"}
    assert repo.root.split("/")[2] in [each["name"] for each in me["organizations"]]
    assert me["has_password"] is False


def test_organizations_come_and_go(api: Api, refused: Callable[..., None]) -> None:
    body = {"name": "comes-and-goes", "display_name": "Comes & goes"}
    created = api.call("POST", "/organizations", None, body)
    assert created.status == 201
    assert {"id", "name", "display_name", "created_at"} <= set(created.json)
    refused(api.call("POST", "/organizations", None, body), 409, "comes-and-goes")
    assert api.call("GET", "/organizations/comes-and-goes").json == created.json
    assert created.json in api.call("GET", "/organizations").results
    api.call("POST", "/organizations/comes-and-goes/repositories", None, {"name": "inside"})
    assert api.call("DELETE", "/organizations/comes-and-goes").status == 204
    refused(api.call("GET", "/organizations/comes-and-goes"), 404, "comes-and-goes")
    refused(api.call("GET", "/organizations/comes-and-goes/repositories/inside"), 404)
    refused(api.call("DELETE", "/organizations/comes-and-goes"), 404)
    assert api.call("POST", "/organizations", None, body).status == 201
    assert api.call("GET", "/organizations/comes-and-goes/repositories").results == []


@pytest.mark.parametrize("name", ["a", "-a", "Ab", "a_b", "a" * 64, "", "ab\n", "é" * 3])
def test_organization_names(api: Api, refused: Callable[..., None], name: str) -> None:
    refused(api.call("POST", "/organizations", None, {"name": name, "display_name": "x"}), 400, "name: must match")
    assert api.call("GET", "/organizations/check-name", {"name": name}).json == {
        "available": False,
        "reason": "invalid",
    }


def test_check_name(api: Api, repo: Repo, refused: Callable[..., None]) -> None:
    def check(name: str) -> object:
        return api.call("GET", "/organizations/check-name", {"name": name}).json

    assert check("surely-free") == {"available": True, "reason": ""}
    assert check(repo.root.split("/")[2]) == {"available": False, "reason": "taken"}
    assert check("check-name") == {"available": False, "reason": "reserved"}
    refused(api.call("GET", "/organizations/check-name"), 400, "name")


def test_members(api: Api, repo: Repo) -> None:
    (member,) = api.call("GET", f"{repo.root.rpartition('/repositories')[0]}/members").results
    assert member["username"] == "local"
    assert {"organization_id", "user_id", "joined_at"} <= set(member)


def test_strangers_find_nothing(
    shared_server: Server, connect: Callable[[str, str], Api], repo: Repo, refused: Callable[..., None]
) -> None:
    stranger = connect(shared_server.endpoint_url, shared_server.create_user("stranger"))
    organization = repo.root.rpartition("/repositories")[0]
    assert stranger.call("GET", "/auth/me").json["user"]["username"] == "stranger"
    assert stranger.call("GET", "/organizations").results == []
    assert stranger.call("GET", "/repositories").results == []
    for path in (
        organization,
        f"{organization}/members",
        f"{organization}/repositories",
        repo.root,
        f"{repo.root}/log",
    ):
        refused(stranger.call("GET", path), 404, "not a member")
    refused(stranger.call("DELETE", organization), 404)
    refused(stranger.call("POST", f"{repo.root}/sessions"), 404)


def test_repository_settings(api: Api, refused: Callable[..., None]) -> None:
    repo = api.new_repository(description="My dataset", retention_days=90)
    shown = repo.get("").json
    assert (shown["name"], shown["description"], shown["retention_days"]) == ("data", "My dataset", 90)
    assert shown["created_by_type"] == "user"
    assert shown["created_by"] == api.call("GET", "/auth/me").json["user"]["id"]
    assert repo.call("PUT", "", None, {"retention_days": 180}).json == {**shown, "retention_days": 180}
    assert repo.call("PUT", "", None, {"description": ""}).json == {**shown, "retention_days": 180, "description": ""}
    refused(repo.call("PUT", "", None, {"retention_days": "x"}), 400, "retention_days: expected int, got str")
    for days in (0, -1, 36_501, 10**30):
        refused(repo.call("PUT", "", None, {"retention_days": days}), 400, "retention_days")
    assert repo.get("").json["retention_days"] == 180


def test_repository_defaults_and_names(api: Api, repo: Repo, refused: Callable[..., None]) -> None:
    shown = repo.get("").json
    assert (shown["description"], shown["retention_days"], shown["visibility"]) == ("", 14, "private")
    repositories = repo.root.rpartition("/")[0]
    refused(api.call("POST", repositories, None, {"name": "data"}), 409, "data")
    for name in ("", ".hidden", "a b", "a/b", "x" * 101, "é"):
        refused(api.call("POST", repositories, None, {"name": name}), 400, "name: must match")


def test_deleting_a_repository_frees_its_name(api: Api, repo: Repo, refused: Callable[..., None]) -> None:
    repo.commit({"a": b"1"})
    session = repo.session()
    assert repo.call("DELETE", "").status == 204
    refused(repo.call("DELETE", ""), 404, "data")
    refused(repo.get("/objects"), 404)
    created = api.call("POST", repo.root.rpartition("/")[0], None, {"name": "data"})
    assert created.status == 201
    assert repo.get("/objects").results == []
    refused(repo.get("/objects", session_id=session), 404)


def test_repositories_are_paged_by_name(api: Api, repo: Repo) -> None:
    repositories = repo.root.rpartition("/")[0]
    for name in ("b", "a", "c"):
        api.call("POST", repositories, None, {"name": name})
    first = api.call("GET", repositories, {"amount": 3}).json
    assert [each["name"] for each in first["results"]] == ["a", "b", "c"]
    assert first["pagination"] == {"has_more": True, "next_offset": "c", "max_per_page": 1000}
    last = api.call("GET", repositories, {"after": first["pagination"]["next_offset"]}).json
    assert [each["name"] for each in last["results"]] == ["data"]
    assert last["pagination"] == {"has_more": False, "max_per_page": 1000}


def test_all_repositories_of_the_caller(api: Api, repo: Repo) -> None:
    organization = repo.root.split("/")[2]
    (found,) = [each for each in api.call("GET", "/repositories").results if each["organization_slug"] == organization]
    assert (found["name"], found["organization_display_name"]) == ("data", "Org")
