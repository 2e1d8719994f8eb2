"""The comparison of the transports finds what differs, and fails the run."""

from __future__ import annotations

import pytest

from matrix import Outcomes

FILE = """
import pytest

class {name}:
    cell = ("contract", {transport!r})

    def test_status(self): assert {status}
    def test_body(self): {body}
"""


def test_the_same_on_all_is_no_difference() -> None:
    outcomes = Outcomes()
    for name in ("one", "two", "three"):
        outcomes.add(("contract", name, "test_a"), "passed")
        outcomes.add(("contract", name, "test_b"), "skipped")
        outcomes.add(("contract", name, "test_b"), "passed")  # its clean-up
    assert [*outcomes.differences()] == []
    assert next(outcomes.rows()).split(maxsplit=2) == ["contract", "one", "1 passed, 1 skipped"]


@pytest.mark.parametrize("phases", [["failed"], ["passed", "failed"], ["skipped"]])
def test_each_cell_is_compared(phases: list[str]) -> None:
    outcomes = Outcomes()
    outcomes.add(("faults", "one", "test_a"), "passed")
    for outcome in phases:
        outcomes.add(("faults", "two", "test_a"), outcome)
    assert [*outcomes.differences()] == [f"faults: test_a: one passed, two {phases[-1]}"]


def test_test_that_is_missing_is_a_difference_in_a_whole_run() -> None:
    outcomes = Outcomes()
    for name, test in (("one", "test_a"), ("two", "test_a"), ("two", "test_b")):
        outcomes.add(("end-to-end", name, test), "passed")
    assert [*outcomes.differences()] == ["end-to-end: test_b: one not run, two passed"]
    assert [*outcomes.differences(is_whole=False)] == []


def test_empty_cell_is_a_difference_if_the_transport_is_wanted() -> None:
    outcomes = Outcomes()
    for name in ("one", "two"):
        outcomes.add(("contract", name, "test_a"), "passed")
    assert [*outcomes.differences(wanted=["one", "two"])] == []
    assert [*outcomes.differences(wanted=["one", "two", "three"])] == ["contract: no test ran on three"]


@pytest.mark.parametrize(("arguments", "is_complete"), [((), False), (("test_it.py",), True)], ids=["all", "one file"])
def test_run_of_everything_fails_if_a_cell_is_empty(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], is_complete: bool
) -> None:
    monkeypatch.setattr("matrix.INSTALLED_TRANSPORTS", ["one", "two"])
    pytester.makeini("[pytest]\ntestpaths = .")
    pytester.makeconftest(
        "from matrix import Matrix\ndef pytest_configure(config):\n    config.pluginmanager.register(Matrix())"
    )
    pytester.makepyfile(test_it=FILE.format(name="TestOne", transport="one", status=True, body="pass"))
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", *arguments)
    assert ran.ret == (pytest.ExitCode.OK if is_complete else pytest.ExitCode.TESTS_FAILED)
    if not is_complete:
        ran.stdout.fnmatch_lines(["*transports*", "contract: no test ran on two"])


def test_suites_are_compared_by_themselves() -> None:
    outcomes = Outcomes()
    outcomes.add(("faults", "one", "test_a"), "passed")
    outcomes.add(("contract", "two", "test_a"), "failed")
    assert [*outcomes.differences()] == []
    assert [*outcomes.rows()] == []


@pytest.mark.parametrize("processes", ["0", "1"])
@pytest.mark.parametrize(("body", "outcome"), [("pass", "passed"), ("pytest.skip('not here')", "skipped")])
def test_run_fails_if_the_transports_differ(pytester: pytest.Pytester, body: str, outcome: str, processes: str) -> None:
    pytester.makeconftest(
        "from matrix import Matrix\ndef pytest_configure(config):\n    config.pluginmanager.register(Matrix())"
    )
    pytester.makepyfile(
        FILE.format(name="TestOne", transport="one", status=True, body="pass")
        + FILE.format(name="TestTwo", transport="two", status=True, body=body)
    )
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-n", processes)
    ran.stdout.fnmatch_lines(["*transports*", "contract *one *2 passed"])
    if outcome == "passed":
        assert ran.ret == pytest.ExitCode.OK
        return
    ran.stdout.fnmatch_lines(["contract *two *1 passed, 1 skipped", "contract: test_body: one passed, two skipped"])
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
