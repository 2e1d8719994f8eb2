"""The contract suites find the faults that they are there to find: each rule has a plugin that breaks it."""

from __future__ import annotations

import re
from importlib import import_module
from types import ModuleType

import pytest

from contract import (
    faulty_connections,
    faulty_connectors,
    faulty_messages,
    faulty_plugins,
    faulty_policies,
    faulty_sources,
)
from tilde_core.testing.contract import (
    CredentialContract,
    NetworkContract,
    PluginContract,
    RetryContract,
    TransportContract,
    WebSocketContract,
)
from tilde_core.testing.contract.rules import Rules

FILE = """
from contract import {name} as faulty

for _kind in (faulty.Sound, *faulty.FAULTS):
    globals()["Test" + _kind.__name__] = faulty.contract_of(_kind)
"""
FAULTY: dict[type[Rules], tuple[ModuleType, ...]] = {
    TransportContract: (faulty_messages, faulty_connections),
    WebSocketContract: (faulty_connectors,),
    CredentialContract: (faulty_sources,),
    RetryContract: (faulty_policies,),
    PluginContract: (faulty_plugins,),
}
OF_MODULES = {"test_hooks_cost_no_import", "test_entry_points_are_in_the_group"}  # tested below
MODULE = """
{heavy}
from tilde.plugins import hookimpl

@hookimpl
def tilde_event(event): ...
"""
OF_MODULE = """
import a_plugin
from tilde_core.testing.contract import PluginContract

class TestIt(PluginContract):
    def plugin(self):
        return a_plugin
"""
HANGING = """
import threading
from tilde_core.testing.contract import RetryContract

class TestIt(RetryContract):
    def open_policy(self, settings):
        threading.Event().wait()
"""
LEAST = {
    TransportContract: 40,
    NetworkContract: 15,
    CredentialContract: 15,
    RetryContract: 15,
    WebSocketContract: 15,
    PluginContract: 5,
}


def name_of(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def within_file(nodeid: str) -> str:
    return nodeid.partition("::")[2]


class Chosen:
    """Runs these tests alone. As arguments, each of them would be looked for among all others."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if within_file(item.nodeid) in self.names]


def failed_of(pytester: pytest.Pytester, names: set[str]) -> set[str]:
    """Run these tests, and return those that failed."""
    ran = pytester.inline_run("-p", "no:cacheprovider", "-p", "no:xdist", plugins=[Chosen(names)])
    reports = ran.getreports("pytest_runtest_logreport")
    assert {within_file(report.nodeid) for report in reports} == names
    return {within_file(report.nodeid) for report in reports if report.failed}


def rules_of(contract: type[Rules]) -> list[str]:
    return [name for name in dir(contract) if name.startswith("test_")]


@pytest.mark.parametrize("faulty", [module for modules in FAULTY.values() for module in modules], ids=name_of)
def test_contract_finds_each_fault_and_no_other(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, faulty: ModuleType
) -> None:
    """What is sound passes the tests that are failed by what is not."""
    pytester.makepyfile(FILE.format(name=name_of(faulty)))
    wanted = {f"Test{kind.__name__}::{test}" for kind, tests in faulty.FAULTS.items() for test in tests}
    sound = {f"TestSound::{test}" for tests in faulty.FAULTS.values() for test in tests}
    assert failed_of(pytester, sound) == set()
    monkeypatch.setattr(Rules, "guard", 1.0)  # some of them are found by what never happens
    assert failed_of(pytester, wanted) == wanted


@pytest.mark.parametrize("contract", FAULTY, ids=lambda contract: contract.__name__)
def test_each_rule_can_be_broken(contract: type[Rules]) -> None:
    """A rule that no fault of ours breaks may be one that nothing can break."""
    broken = {test for faulty in FAULTY[contract] for tests in faulty.FAULTS.values() for test in tests}
    assert set(rules_of(contract)) - {test.partition("[")[0] for test in broken} - OF_MODULES == set()


@pytest.mark.parametrize(
    ("heavy", "group", "broken"),
    [
        ("", "tilde", set()),
        ("import requests", "tilde", {"test_hooks_cost_no_import"}),
        ("", "tilde.plugins", {"test_entry_points_are_in_the_group"}),
    ],
    ids=["sound", "a heavy import", "another group"],
)
def test_contract_of_a_module(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, heavy: str, group: str, broken: set[str]
) -> None:
    """Of which other things are known than of an object."""
    pytester.makepyfile(a_plugin=MODULE.format(heavy=heavy), test_it=OF_MODULE)
    info = pytester.mkdir("a_plugin-1.0.dist-info")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\na = a_plugin\n")
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    pytester.syspathinsert()
    ran = pytester.inline_run("-p", "no:cacheprovider", "-p", "no:xdist")
    reports = ran.getreports("pytest_runtest_logreport")
    assert {report.nodeid.rpartition("::")[2] for report in reports if report.failed} == broken


def test_a_misspelled_hook_is_told_with_the_right_name(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FILE.format(name="faulty_plugins"))
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-k", "TestMisspelled and misspelled")
    ran.stdout.fnmatch_lines(["*there is no hook named tilde_tranport; did you mean tilde_transport?*"])


@pytest.mark.parametrize(("contract", "least"), LEAST.items(), ids=lambda value: getattr(value, "__name__", value))
def test_contract_has_so_many_tests(contract: type[Rules], least: int) -> None:
    assert len(rules_of(contract)) >= least


@pytest.mark.parametrize("contract", LEAST, ids=lambda value: value.__name__)
def test_no_rule_hides_another(contract: type[Rules]) -> None:
    rules = [name for base in contract.__mro__ for name in vars(base) if name.startswith("test_")]
    assert len(rules) == len(set(rules))


@pytest.mark.parametrize("contract", LEAST, ids=lambda value: value.__name__)
def test_each_rule_says_why(contract: type[Rules]) -> None:
    rules = {name: getattr(contract, name) for name in rules_of(contract)}
    assert [name for name, rule in rules.items() if not re.search(r"\w", rule.__doc__ or "")] == []


def test_contract_for_credentials_needs_a_source(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "from tilde_core.testing.contract import CredentialContract\nclass TestIt(CredentialContract): pass"
    )
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-k", "test_token_can_be_sent")
    ran.stdout.fnmatch_lines(["*NotImplementedError: TestIt must define the fixture source, a CredentialSource"])


NEEDED = {
    "plugin": PluginContract,
    "open_policy": RetryContract,
    "open_connector": WebSocketContract,
    "open_transport": TransportContract,
}


@pytest.mark.parametrize("name", NEEDED)
def test_the_others_say_what_they_need(name: str) -> None:
    contract = NEEDED[name]
    arguments = [] if name == "plugin" else [None]
    with pytest.raises(NotImplementedError, match=f"must define {name}"):
        getattr(contract(), name)(*arguments)


def test_a_test_that_hangs_fails(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its author would otherwise wait for ever, and not know what for."""
    monkeypatch.setattr(Rules, "pytestmark", [pytest.mark.timeout(0.1)])
    pytester.makepyfile(HANGING)
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", "-k", "test_it_is_a_policy")
    ran.assert_outcomes(deselected=None, errors=1)
    ran.stdout.fnmatch_lines(["*Timeout (>0.1s) from pytest-timeout*"])


def test_a_contract_begins_with_what_is_easy_to_get_right(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "from tilde_core.testing.contract import TransportContract\nclass TestIt(TransportContract): pass"
    )
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", "--collect-only", "-q")
    assert "test_url_goes_out_to_the_letter" in ran.outlines[0]


@pytest.mark.parametrize("contract", LEAST, ids=lambda value: value.__name__)
def test_each_contract_has_a_limit(contract: type[Rules]) -> None:
    assert [mark.name for mark in contract.pytestmark] == ["timeout"]


def test_unknown_contract_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = import_module("tilde_core.testing.contract").Nothing
