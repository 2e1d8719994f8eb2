"""Compares the transports: of each suite, every test must have the same outcome on all of them.

A plugin of pytest. It writes down the outcome of each test by suite and transport, on whichever process it ran, and
looks at the whole when all have run. So nothing runs twice, and `pytest tests/e2e` shows that part of the matrix.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import cast

import pytest

from support import INSTALLED_TRANSPORTS

__all__ = ["Matrix", "Outcomes"]

_PROPERTY = "cell of the matrix"
_SUITES = {
    "tests/e2e/test_faults.py": "faults",
    "tests/e2e/": "end-to-end",
    "tests/specification/": "specification",
}
Cell = tuple[str, str, str]


class Outcomes:
    """What came of each test: by suite, then by transport."""

    def __init__(self) -> None:
        self._cells: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))

    def add(self, cell: Cell, outcome: str) -> None:
        """Take note. A test fails if any part of it does, its clean-up among them."""
        suite, transport, test = cell
        known = self._cells[suite][transport].get(test)
        if known is None or (known, outcome) in (("passed", "skipped"), ("passed", "failed"), ("skipped", "failed")):
            self._cells[suite][transport][test] = outcome

    def rows(self) -> Iterator[str]:
        """The matrix as lines of text; nothing if there is only one transport."""
        for suite, transports in sorted(self._cells.items()):
            if len(transports) > 1:
                for transport, tests in transports.items():
                    counts = ", ".join(
                        f"{count} {outcome}" for outcome, count in sorted(Counter(tests.values()).items())
                    )
                    yield f"{suite:<15}{transport:<18}{counts}"

    def differences(self, *, is_whole: bool = True, wanted: Sequence[str] = ()) -> Iterator[str]:
        """What is not the same on all transports, and of those that are `wanted`, the cells that are empty.

        Of a run that is not the whole, a missing test says nothing.
        """
        for suite, transports in sorted(self._cells.items()):
            yield from (f"{suite}: no test ran on {name}" for name in wanted if name not in transports)
            for test in sorted({test for tests in transports.values() for test in tests}):
                found = {name: tests.get(test, "not run") for name, tests in transports.items()}
                seen = set(found.values()) - (set() if is_whole else {"not run"})
                if len(seen) > 1:
                    yield f"{suite}: {test}: " + ", ".join(f"{name} {outcome}" for name, outcome in found.items())


class Matrix:
    """The plugin itself, which fails a run in which the transports differ."""

    def __init__(self) -> None:
        self._outcomes = Outcomes()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Tell the reports of each test where it belongs; they may come from another process."""
        for item in items:
            cell = _cell(item)
            if cell is not None:
                item.user_properties.append((_PROPERTY, cell))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write down an outcome."""
        for name, cell in report.user_properties:
            if name == _PROPERTY:
                suite, transport, test = map(str, cast("Cell", cell))  # a list, if it comes from another process
                self._outcomes.add((suite, transport, test), report.outcome)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run if the transports differ."""
        if session.exitstatus == pytest.ExitCode.OK and self._differences(session.config):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        """Show the matrix, and what differs."""
        lines = [*self._outcomes.rows(), *self._differences(config)]
        if lines:
            terminalreporter.section("transports")
            for line in lines:
                terminalreporter.write_line(line)

    def _differences(self, config: pytest.Config) -> list[str]:
        chosen = [config.getoption("-k"), config.getoption("-m"), config.getoption("lf", False)]
        is_whole = not any(chosen) and not any("::" in argument for argument in config.args)
        is_whole = is_whole and not config.getoption("maxfail", 0)
        is_everything = is_whole and config.args_source is pytest.Config.ArgsSource.TESTPATHS
        wanted = INSTALLED_TRANSPORTS if is_everything else ()
        return [*self._outcomes.differences(is_whole=is_whole, wanted=wanted)]


def _cell(item: pytest.Item) -> Cell | None:
    """Suite, transport and test, if it is one that runs on each transport."""
    contract = getattr(getattr(item, "cls", None), "cell", None)
    if contract is not None:
        return (*contract, item.name)
    suite = next((suite for start, suite in _SUITES.items() if item.nodeid.startswith(start)), None)
    callspec = getattr(item, "callspec", None)
    transport = callspec.params.get("transport") if callspec is not None else None
    if suite is None or transport not in INSTALLED_TRANSPORTS:
        return None
    name, _, parameters = item.name.partition("[")
    path = item.nodeid.partition("::")[0]
    return suite, transport, f"{path}::{name}[{parameters.replace(transport, '*', 1)}"
