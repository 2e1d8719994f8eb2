"""Triggers: what they may say, how they are kept, and who may change what runs in whose name."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tilde_local.conftest import Answer, Repo

Refused = Callable[..., None]
PLACE = "/sandbox-triggers"
TEXT: dict[str, Any] = {
    "name": "Summarize",
    "conditions": [{"type": "prefix", "prefix": "documents/"}],
    "sandbox_config": {"image": "python:3.13", "command": ["python", "summarize.py"]},
}
FULL: dict[str, Any] = {
    "name": "Everything",
    "description": "All that there is to say",
    "conditions": [
        {"type": "prefix", "prefix": ""},
        {"type": "path_exact", "path": "a.txt", "diff_type": "removed"},
    ],
    "sandbox_config": {
        "image": "python:3.13",
        "command": ["true"],
        "mountpoint": "/repo",
        "path_prefix": "documents/",
        "timeout_seconds": 300,
        "env_vars": {"MODE": "strict"},
    },
    "run_as": None,
}


def create(repo: Repo, **changes: Any) -> Any:
    answer = repo.call("POST", PLACE, None, {**TEXT, **changes})
    assert answer.status == 201, answer
    return answer.json


def put(repo: Repo, trigger: Any, body: Any) -> Answer:
    return repo.call("PUT", f"{PLACE}/{trigger['id']}", None, body)


def test_what_was_said_is_answered(repo: Repo) -> None:
    created = create(repo, **FULL)
    assert {name: created[name] for name in FULL} == FULL
    assert created["enabled"] is True
    assert created["repository_id"] == repo.get("").json["id"]
    assert created["created_by"] == repo.api.call("GET", "/auth/me").json["user"]["id"]
    assert created["created_at"] == created["updated_at"]
    assert repo.get(f"{PLACE}/{created['id']}").json == created


def test_defaults(repo: Repo) -> None:
    created = create(repo, conditions=[{"type": "path_exact", "path": "a"}], enabled=False)
    assert (created["description"], created["enabled"], created["run_as"]) == ("", False, None)
    assert created["conditions"] == [{"type": "path_exact", "path": "a", "diff_type": "any"}]
    assert created["sandbox_config"] == TEXT["sandbox_config"]


def test_the_list_has_pages_by_name(repo: Repo) -> None:
    names = [f"t{number}" for number in range(5)]
    for name in reversed(names):
        create(repo, name=name)
    first = repo.get(PLACE, amount=3)
    assert [each["name"] for each in first.results] == names[:3]
    assert first.json["pagination"] == {"has_more": True, "max_per_page": 1000, "next_offset": "t2"}
    second = repo.get(PLACE, amount=3, after="t2")
    assert [each["name"] for each in second.results] == names[3:]
    assert second.json["pagination"]["has_more"] is False


def test_replacing_leaves_nothing_of_the_old_one_but_whether_it_is_enabled(repo: Repo) -> None:
    created = create(repo, **FULL, enabled=False)
    changed = put(repo, created, TEXT)
    assert changed.status == 200, changed
    expected = {**created, **TEXT, "description": "", "updated_at": changed.json["updated_at"]}
    assert changed.json == repo.get(f"{PLACE}/{created['id']}").json == expected
    assert changed.json["updated_at"] > created["updated_at"]


def test_what_is_answered_can_be_sent_back(repo: Repo) -> None:
    created = create(repo, **FULL)
    body = {name: created[name] for name in FULL}
    assert {**put(repo, created, body).json, "updated_at": ""} == {**created, "updated_at": ""}


def test_switching_it_off_and_on(repo: Repo) -> None:
    created = create(repo)
    for enabled in (False, False, True):
        answer = repo.call("PATCH", f"{PLACE}/{created['id']}", None, {"enabled": enabled})
        assert (answer.status, answer.json["enabled"]) == (200, enabled)
        assert repo.get(f"{PLACE}/{created['id']}").json == answer.json


def test_a_deleted_one_is_gone_and_its_name_free(repo: Repo, refused: Refused) -> None:
    created = create(repo)
    place = f"{PLACE}/{created['id']}"
    assert repo.call("DELETE", place).status == 204
    for answer in (repo.get(place), repo.get(f"{place}/runs"), repo.call("DELETE", place), put(repo, created, TEXT)):
        refused(answer, 404, created["id"])
    assert repo.get(PLACE).results == []
    assert create(repo)["name"] == created["name"]


def test_it_is_found_in_its_own_repository_only(repo: Repo, refused: Refused) -> None:
    created = create(repo)
    other = repo.api.new_repository()
    refused(other.get(f"{PLACE}/{created['id']}"), 404, created["id"])
    refused(repo.get(f"{PLACE}/{uuid.uuid4()}"), 404, "no trigger")


def test_names_are_taken_once(repo: Repo, refused: Refused) -> None:
    create(repo)
    other = create(repo, name="Other")
    refused(repo.call("POST", PLACE, None, TEXT), 409, "'Summarize' exists already")
    refused(put(repo, other, TEXT), 409, "'Summarize' exists already")
    assert put(repo, other, {**TEXT, "name": "Other"}).status == 200
    assert create(repo.api.new_repository())["name"] == "Summarize"


def exact(**changes: Any) -> dict[str, Any]:
    return {"conditions": [TEXT["conditions"][0], {"type": "path_exact", "path": "a", **changes}]}


def prefix(**changes: Any) -> dict[str, Any]:
    return {"conditions": [{"type": "prefix", "prefix": "a/", **changes}]}


def config(**changes: Any) -> dict[str, Any]:
    return {"sandbox_config": {**TEXT["sandbox_config"], **changes}}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"name": ""}, "name: "),
    "blank name": ({"name": "  "}, "name: cannot be empty"),
    "long name": ({"name": "n" * 101}, "name: "),
    "name of another type": ({"name": 7}, "name: expected str"),
    "null description": ({"description": None}, "description: expected str"),
    "no conditions": ({"conditions": []}, "conditions: expected array of length >= 1"),
    "too many conditions": ({"conditions": TEXT["conditions"] * 11}, "conditions: expected array of length <= 10"),
    "unknown field": ({"when": "now"}, "when: no such field"),
    "unknown type": (exact(type="glob"), "conditions[1].type: invalid enum value 'glob'"),
    "no type": ({"conditions": [{"prefix": "a/"}]}, "conditions[0].type: required, but missing"),
    "unknown diff type": (exact(diff_type="moved"), "conditions[1].diff_type: invalid enum value 'moved'"),
    "unknown field of a condition": (exact(glob="*"), "conditions[1].glob: no such field"),
    "prefix of a path": (exact(prefix="b/"), "conditions[1].prefix: only for conditions of the type prefix"),
    "no path": ({"conditions": [{"type": "path_exact"}]}, "conditions[0].path: required, but missing"),
    "empty path": (exact(path=""), "conditions[1].path: an object path cannot be empty"),
    "path that none can have": (exact(path="/a"), "conditions[1].path: an object path does not start with '/'"),
    "no prefix": ({"conditions": [{"type": "prefix"}]}, "conditions[0].prefix: required, but missing"),
    "prefix that none can have": (prefix(prefix="/a"), "conditions[0].prefix: an object path does not start"),
    "path of a prefix": (prefix(path="a/b"), "conditions[0].path: only for conditions of the type path_exact"),
    "diff type of a prefix": (prefix(diff_type="added"), "conditions[0].diff_type: a prefix is met by any change"),
    "no image": ({"sandbox_config": {}}, "sandbox_config.image: required, but missing"),
    "empty image": (config(image=" "), "sandbox_config.image: cannot be empty"),
    "command of a shell": (config(command="ls"), "sandbox_config.command: expected array"),
    "relative mountpoint": (config(mountpoint="data"), "sandbox_config.mountpoint: expected an absolute path"),
    "path prefix": (config(path_prefix="/a"), "sandbox_config.path_prefix: an object path does not start"),
    "no time": (config(timeout_seconds=0), "sandbox_config.timeout_seconds: expected int >= 1"),
    "too much time": (config(timeout_seconds=10**9), "sandbox_config.timeout_seconds: expected 1 to"),
    "variable": (config(env_vars={"A": 1}), "sandbox_config.env_vars['A']: expected str"),
    "name of a variable": (config(env_vars={"A=": "1"}), "sandbox_config.env_vars: the name of a variable"),
    "unknown field of the config": (config(mode="service"), "sandbox_config.mode: no such field"),
    "run as a user": ({"run_as": {"type": "user", "id": str(uuid.UUID(int=0))}}, "run_as.type: one of agent, role"),
    "run as nobody": ({"run_as": {"type": "agent", "id": str(uuid.UUID(int=0))}}, "run_as.id: no agent"),
    "run as half": ({"run_as": {"type": "agent"}}, "run_as.id: required, but missing"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named(repo: Repo, refused: Refused, what: str) -> None:
    changes, message = WRONG[what]
    refused(repo.call("POST", PLACE, None, {**TEXT, **changes}), 400, message, code="bad_request")
    refused(put(repo, create(repo), {**TEXT, **changes}), 400, message, code="bad_request")
    assert [each["name"] for each in repo.get(PLACE).results] == ["Summarize"]


def test_an_empty_prefix_must_be_meant(repo: Repo) -> None:
    assert create(repo, **prefix(prefix=""))["conditions"] == [{"type": "prefix", "prefix": ""}]
    assert create(repo, name="any", **prefix(diff_type="any"))["conditions"] == [{"type": "prefix", "prefix": "a/"}]


def test_the_switch_takes_nothing_else(repo: Repo, refused: Refused) -> None:
    place = f"{PLACE}/{create(repo)['id']}"
    refused(repo.call("PATCH", place, None, {}), 400, "enabled: required, but missing")
    refused(repo.call("PATCH", place, None, {"enabled": "no"}), 400, "enabled: expected bool")
    refused(repo.call("PATCH", place, None, {"enabled": False, "name": "x"}), 400, "name: no such field")
    refused(put(repo, {"id": place.rpartition("/")[2]}, {**TEXT, "enabled": False}), 400, "enabled: no such field")
