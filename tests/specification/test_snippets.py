"""Every code block of the page, as it stands, over each transport."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("tilde_local.server")

from specification import (
    approval_cases,
    collection_cases,
    commit_cases,
    configuration_cases,
    import_cases,
    installation_cases,
    object_cases,
    people_cases,
    sandbox_cases,
    session_cases,
)
from specification.world import CASES, SNIPPETS, Case, World

pytestmark = pytest.mark.skipif(
    not SNIPPETS.is_dir(), reason=f"the specification's snippets are not beside this checkout ({SNIPPETS})"
)

MODULES = (
    approval_cases,
    collection_cases,
    commit_cases,
    configuration_cases,
    import_cases,
    installation_cases,
    object_cases,
    people_cases,
    sandbox_cases,
    session_cases,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.numbers[-1]}-{case.check.__name__}")
def test_snippet(case: Case, world: World) -> None:
    case.check(world)


def test_none_is_forgotten() -> None:
    index = json.loads((SNIPPETS / "index.json").read_text(encoding="utf-8"))
    expected = [entry["file"][:3] for entry in index]
    assert len(expected) == 70
    assert sorted(number for case in CASES for number in case.numbers) == expected
