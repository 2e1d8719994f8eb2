"""Whoever overrides a rule of a contract says why, or their tests do not begin."""

from __future__ import annotations

import pytest

from tilde_core.testing.contract import RetryContract, left_out, overrides

HEAD = """
import pytest
from tilde.plugins import RetryDecision
from tilde_core.retry import DefaultRetryPolicy
from tilde_core.testing.contract import RetryContract, left_out, overrides
"""
BODY = """
    def open_policy(self, settings):
        return DefaultRetryPolicy(settings)
"""
UNEXPLAINED = {
    "a test": ("RetryContract", "def test_it_is_a_policy(self): pass", "overrides test_it_is_a_policy of"),
    "a test that is dropped": ("RetryContract", "test_it_is_a_policy = None", "overrides test_it_is_a_policy of"),
    "a test that is skipped": (
        "RetryContract",
        "@pytest.mark.skip\n    def test_it_is_a_policy(self): pass",
        "overrides test_it_is_a_policy of",
    ),
    "a fixture": (
        "RetryContract",
        "@pytest.fixture\n    def policy(self): return DefaultRetryPolicy(None)",
        "overrides policy of",
    ),
    "a helper": ("RetryContract", "def decide(self, policy, **fields): pass", "overrides decide of"),
    "the check": ("RetryContract", "def pytest_generate_tests(self, metafunc): pass", "pytest_generate_tests of"),
    "what needs no reason": (
        "RetryContract",
        "defined_by_the_author = frozenset({'defined_by_the_author', 'open_policy'})",
        "overrides defined_by_the_author of",
    ),
    "by way of a base": ("Softer, RetryContract", "", "overrides test_it_does_not_wait of"),
    "by way of a base that keeps the check from being made": (
        "Silent, RetryContract",
        "def test_it_is_a_policy(self): pass",
        "overrides test_it_is_a_policy of",
    ),
    "an empty reason": (
        "RetryContract",
        "def test_it_is_a_policy(self): pass\n    test_it_is_a_policy._contract_reason = ''",
        "overrides test_it_is_a_policy of",
    ),
    "another test of the contract": (
        "RetryContract",
        "test_it_does_not_wait = RetryContract.test_it_is_a_policy",
        "overrides test_it_does_not_wait of",
    ),
    "all hidden": ("RetryContract", "__test__ = False", "has __test__ = False, which hides every test"),
    "all skipped": ("RetryContract", "pytestmark = pytest.mark.skip", "marked skip without a reason"),
    "all expected to fail": ("RetryContract", "pytestmark = [pytest.mark.xfail]", "marked xfail without a reason"),
}
BASES = """
class Softer:
    def test_it_does_not_wait(self): pass

class Silent:
    def __init_subclass__(cls): pass
"""
LATER = {
    "in the subclass": "TestPolicy.test_it_does_not_wait = lambda self: None",
    "in the subclass, with nothing": "TestPolicy.test_it_does_not_wait = None",
    "in the contract": "RetryContract.test_it_does_not_wait = lambda self: None",
    "in the contract, with nothing": "RetryContract.test_it_does_not_wait = None",
}
EXPLAINED = {
    "a test": ("@overrides('it has another shape')\n    def test_it_is_a_policy(self): pass", {"passed": 1}),
    "a test that is left out": ("test_it_is_a_policy = left_out('it has another shape')", {"skipped": 1}),
    "a fixture": (
        "@overrides('it is slow to open')\n    @pytest.fixture\n    def policy(self): return 7",
        {"failed": 1},
    ),
    "a fixture, the other way round": (
        "@pytest.fixture\n    @overrides('it is slow to open')\n    def policy(self): return 7",
        {"failed": 1},
    ),
    "all skipped": ("pytestmark = pytest.mark.skip(reason='not on this system')", {"skipped": 1}),
    "another test of their own": ("def test_more(self): pass", {"passed": 1}),
}


@pytest.mark.parametrize(("bases", "line", "message"), UNEXPLAINED.values(), ids=UNEXPLAINED.keys())
def test_without_a_reason_it_fails(pytester: pytest.Pytester, bases: str, line: str, message: str) -> None:
    pytester.makepyfile(f"{HEAD}\n{BASES}\nclass TestPolicy({bases}):\n    {line}\n{BODY}")
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    assert ran.ret == pytest.ExitCode.INTERRUPTED  # before the first test
    assert ran.parseoutcomes()["errors"] == 1
    ran.stdout.fnmatch_lines([f"*TestPolicy {'is ' if message.startswith('marked') else ''}*{message}*"])


@pytest.mark.parametrize("line", LATER.values(), ids=LATER.keys())
def test_what_is_overridden_later_fails_too(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    rule = "test_it_does_not_wait"
    monkeypatch.setattr(RetryContract, rule, getattr(RetryContract, rule))  # puts it back when the test is over
    pytester.makepyfile(f"{HEAD}\nclass TestPolicy(RetryContract):\n{BODY}\n{line}\n")
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    assert ran.ret == pytest.ExitCode.INTERRUPTED
    ran.stdout.fnmatch_lines(["*TestPolicy overrides test_it_does_not_wait of the contract without a reason*"])


@pytest.mark.parametrize(("line", "outcome"), EXPLAINED.values(), ids=EXPLAINED.keys())
def test_with_a_reason_it_runs(pytester: pytest.Pytester, line: str, outcome: dict[str, int]) -> None:
    pytester.makepyfile(f"{HEAD}\nclass TestPolicy(RetryContract):\n    {line}\n{BODY}")
    chosen = "test_more" if "test_more" in line else "test_it_is_a_policy"
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-k", chosen)
    ran.assert_outcomes(deselected=None, **outcome)


def test_the_reason_of_what_is_left_out_is_shown(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"{HEAD}\nclass TestPolicy(RetryContract):\n    test_it_is_a_policy = left_out('it is a wolf')\n{BODY}"
    )
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-rs", "-k", "test_it_is_a_policy")
    ran.stdout.fnmatch_lines(["*left out: it is a wolf*"])


@pytest.mark.parametrize("reason", ["", "  ", None])
def test_an_empty_reason_is_none(reason: str) -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        overrides(reason)
    with pytest.raises(ValueError, match="needs a reason"):
        left_out(reason)


def test_the_error_says_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"TestIt overrides decide, policy of.*@overrides\(\"why\"\).*left_out"):
        type("TestIt", (RetryContract,), {"decide": None, "policy": None})
