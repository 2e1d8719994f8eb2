"""Policies that are written from a prompt: what it asks for, and never more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilde_local.policy.actions import ACTIONS
from tilde_local.policy.generate import PromptError, generate
from tilde_local.policy.language import parse

READ = "ListRepositories GetRepository LogCommits DiffCommits ListObjects GetObject"
LIST = "ListRepositories GetRepository ListObjects"
WRITE = "GetRepository CreateSession CommitSession RollbackSession PutObject"
DELETE = "GetRepository CreateSession CommitSession RollbackSession DeleteObject"
READ_BELOW = "ListRepositories GetRepository DiffCommits ListObjects GetObject"
ALL = " ".join(ACTIONS)
OF_REPOSITORIES = " ".join(name for name, action in ACTIONS.items() if "repository" in action.arguments)


def allowed(prompt: str) -> set[str]:
    """The calls that are allowed, as `Action repository path`, a dash where there is no condition."""
    found = parse(generate(prompt))
    conditions = [(call.action, dict(call.conditions)) for call in found]
    return {f"{action} {by.get('repository', '-')} {by.get('path', '-')}" for action, by in conditions}


def calls(actions: str, repository: str = "-", path: str = "-") -> set[str]:
    return {
        f"{action} {repository} {path if 'path' in ACTIONS[action].arguments else '-'}" for action in actions.split()
    }


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Allow read-only access to all repositories", calls(READ)),
        ("Agents may read everything.", calls(READ)),
        ("list files in repository foo", calls(LIST, "foo")),
        ("Let users download objects", calls("GetRepository GetObject")),
        ("see the log of repository data", calls("GetRepository LogCommits", "data")),
        ("read the lake repository", calls(READ, "lake")),
        ("Read repository 'read'", calls(READ, "read")),
        ('write to "my data/old" repository', calls(WRITE, "my data/old")),
        ("upload to repositories starting with exp-", calls(WRITE, "exp-*")),
        ("Upload to repositories a, b and c", {*calls(WRITE, "a"), *calls(WRITE, "b"), *calls(WRITE, "c")}),
        ("write under data/", calls(WRITE, path="data/*")),
        ("write in the folder /raw of repository foo", calls(WRITE, "foo", "raw/*")),
        ("read under *.csv in repository foo*", calls(READ_BELOW, "foo*", "*.csv/*")),
        ("Read and upload in repository data under raw/", calls(READ_BELOW + " " + WRITE, "data", "raw/*")),
        ("in repository foo, read and delete", {*calls(READ, "foo"), *calls(DELETE, "foo")}),
        ("read repository a and write repository b", {*calls(READ, "a"), *calls(WRITE, "b")}),
        ("Read everything. Write to repository b.", {*calls(READ), *calls(WRITE, "b")}),
        ("revert commits", calls("GetRepository LogCommits RevertCommit")),
        ("approve and list secrets in repository a", calls("GetRepository ApproveSession ListSecrets", "a")),
        ("review sessions", calls("GetRepository ApproveSession")),
        ("import into repository a", calls("GetRepository ListRepositoryConnectors StartImport GetImport", "a")),
        ("create repositories", calls("CreateRepository")),
        ("list secrets of repository a", calls("ListSecrets", "a")),
        ("read the values of secrets", calls("ListSecrets GetSecret")),
        ("set secrets", calls("PutSecret")),
        ("full access", calls(ALL)),
        ("They are administrators of repository foo", calls(OF_REPOSITORIES, "foo")),
    ],
)
def test_what_is_asked_for(prompt: str, expected: set[str]) -> None:
    assert allowed(prompt) == expected
    assert generate(prompt).startswith("# Written by fixed rules, offline")


@pytest.mark.parametrize(
    ("prompt", "ruled_out"),
    [
        ("Read and write, but never delete", "DeleteObject"),
        ("full access except secrets", "ListSecrets PutSecret GetSecret DeleteSecret"),
        ("Full access. Do not approve.", "ApproveSession"),
        ("full access without deleting repositories", "DeleteRepository"),
        ("Don't delete. Give full access.", "DeleteObject"),
    ],
)
def test_what_is_ruled_out_is_ruled_out_everywhere(prompt: str, ruled_out: str) -> None:
    actions = {call.action for call in parse(generate(prompt))}
    assert not actions & set(ruled_out.split())
    assert {"GetObject", "PutObject", "CommitSession"} <= actions


def test_read_only_has_the_last_word() -> None:
    assert allowed("read-only administrator") == calls(READ)
    assert allowed("read only, write to repository a") == calls(READ, "a")


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("", "finds nothing in the prompt"),
        ("never delete", "finds nothing"),
        ("do not write, read everything", "finds nothing"),
        ("whatever", "does not know 'whatever'"),
        ("read the csv files in repository foo", "does not know 'csv'"),
        ("read new objects", "does not know 'new'"),
        ("read groups", "does not know 'groups'"),
        ("full read access", "does not know 'full'"),
        ("Read. Manage people!", "does not know 'Manage'"),
        ("Upload to a and b repositories", "does not know 'b'"),
        ("read the repository", "which repository"),
        ("read the data repository", "which repository"),
        ("read repositories starting with", "which repository"),
        ("read all but not repository b", "cannot rule out a place: 'repository b'"),
        ("write except under x/", "cannot rule out a place: 'under x/'"),
        ("read repository a, write", "which place"),
        ("in repository a read and in repository b write", "which place"),
        ("read under x/ in repository a and under y/ in repository b", "which path is meant in which repository"),
        ("Read repository a. Write under x/.", "in which repository a path"),
        ("Read repositories " + ", ".join(f"a{number}" for number in range(500)), "more than 65536 bytes"),
    ],
)
def test_what_is_not_understood_is_refused(prompt: str, message: str) -> None:
    with pytest.raises(PromptError, match=r"by fixed rules, offline, and .*; an example of what they under") as raised:
        generate(prompt)
    assert message in str(raised.value)


_WORDS = st.sampled_from(
    [
        *(
            "read",
            "write",
            "delete",
            "list",
            "admin",
            "full access",
            "read-only",
            "secrets",
            "repository",
            "under",
            "never",
        ),
        *(
            "repositories",
            "starting with",
            "a",
            "b",
            "x/",
            "and",
            ",",
            ".",
            "without",
            "all",
            "the",
            "agents",
            "'q'",
            "*",
        ),
    ]
)


@given(st.lists(_WORDS, max_size=8).map(" ".join) | st.text(max_size=60))
def test_whatever_is_written_is_a_policy(prompt: str) -> None:
    try:
        parse(generate(prompt))
    except PromptError:
        return


@given(st.lists(_WORDS, max_size=6).map(" ".join), st.text("qxyz", min_size=3, max_size=9))
def test_a_word_that_is_not_known_allows_nothing(prompt: str, word: str) -> None:
    with pytest.raises(PromptError):
        generate(f"{word}, the {prompt}")
