"""The language of policies: what is one, what is not and where, what it allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilde_local.policy.actions import ACTIONS
from tilde_local.policy.builtin import BUILT_IN
from tilde_local.policy.grants import Below, Grants, Permissions
from tilde_local.policy.language import PolicyError, Statement, format_statement, parse
from tilde_local.policy.patterns import literal


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("GetObject()", [("GetObject", ())]),
        ("\n  GetObject ( )  # why\n# all of it\r\nListRoles()\r\n", [("GetObject", ()), ("ListRoles", ())]),
        ('GetObject(path: "a#b", repository: "r*")', [("GetObject", (("path", "a#b"), ("repository", "r*")))]),
        (r'GetObject(path: "\"\\\*")', [("GetObject", (("path", r"\"\\\*"),))]),
    ],
)
def test_policies(text: str, statements: list[Statement]) -> None:
    assert list(parse(text)) == statements
    assert parse("\n".join(map(format_statement, parse(text)))) == parse(text)


@pytest.mark.parametrize(
    ("text", "line", "column", "word"),
    [
        ("", 1, 1, "at least one call"),
        ("# nothing", 1, 1, "at least one call"),
        ("\n  GetObjects()", 2, 3, "GetObject"),
        ('GetRepository(path: "a")', 1, 15, "repository"),
        ('GetObject(path: "a", path: "b")', 1, 22, "path"),
        ('GetObject(path: "a)', 1, 17, ""),
        ("GetObject", 1, 10, ""),
        ("GetObject() ListRoles()", 1, 13, ""),
        ('GetObject(path: "a",)', 1, 21, ""),
        ("GetObject(path: a)", 1, 17, ""),
    ],
)
def test_mistakes(text: str, line: int, column: int, word: str) -> None:
    with pytest.raises(PolicyError, match=rf"^line {line}, column {column}: .*{word}"):
        parse(text)


def test_every_line_tells_its_mistake() -> None:
    with pytest.raises(PolicyError) as caught:
        parse("Nope()\nGetObject()\nNeither()")
    assert [problem.line for problem in caught.value.problems] == [1, 3]


@pytest.mark.parametrize(
    ("pattern", "value", "is_allowed"),
    [
        ("data/*", "data/a/b", True),
        ("data/*", "data", False),
        ("*.csv", "a/b.csv", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "acb", False),
        ("a", "A", False),
        (r"\*", "*", True),
        (r"\*", "x", False),
        ("data/*", Below("data/"), True),
        ("data/*", Below("dat"), False),
        ("data/*.csv", Below("data/"), False),
        ("*", Below(""), True),
        ("*a" * 40 + "b", "a" * 5000, False),
    ],
)
def test_patterns(pattern: str, value: str, is_allowed: bool) -> None:
    grants = Grants(parse(f'GetObject(path: "{pattern}")'))
    assert grants.allows("GetObject", {"repository": "r", "path": value}) is is_allowed


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1))
def test_a_literal_matches_itself_alone(text: str) -> None:
    grants = Grants([Statement("GetObject", (("path", literal(text)),))])
    assert grants.allows("GetObject", {"repository": "r", "path": text})
    assert not grants.allows("GetObject", {"repository": "r", "path": text + "x"})


def test_permissions_need_every_grant() -> None:
    both, one = Grants(parse("ListRoles()\nListGroups()")), Grants(parse("ListRoles()"))
    assert Permissions(both, one).allows("ListRoles", {})
    assert not Permissions(both, one).allows("ListGroups", {})
    assert not Permissions().allows("ListRoles", {})


def test_the_server_must_ask_properly() -> None:
    with pytest.raises(ValueError, match="takes"):
        Grants(()).allows("GetObject", {"path": "a"})
    with pytest.raises(KeyError):
        Grants(()).allows("Nonsense", {})


def test_built_in_policies() -> None:
    allowed = {name: {call.action for call in parse(policy.text)} for name, policy in BUILT_IN.items()}
    assert allowed["Administrator"] == set(ACTIONS)
    assert allowed["Viewer"] < allowed["Developer"] < allowed["Administrator"]
    assert not allowed["Developer"] & {"AttachPolicy", "GetSecret", "ApproveSession", "DeleteRepository"}
