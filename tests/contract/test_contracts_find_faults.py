"""The contract suites find the faults that they are there to find. That for transports has a test of its own."""

from __future__ import annotations

import re
from importlib import import_module
from types import ModuleType

import pytest

from contract import faulty_plugins, faulty_policies, faulty_sources
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


@pytest.mark.parametrize(
    "faulty", [faulty_sources, faulty_policies, faulty_plugins], ids=["sources", "policies", "plugins"]
)
def test_contract_finds_each_fault_and_no_other(pytester: pytest.Pytester, faulty: ModuleType) -> None:
    """What is sound passes the tests that are failed by what is not."""
    path = pytester.makepyfile(FILE.format(name=faulty.__name__.rpartition(".")[2]))
    wanted = [f"{path}::Test{kind.__name__}::{test}" for kind, test in faulty.FAULTS.items()]
    sound = sorted({f"{path}::TestSound::{test}" for test in faulty.FAULTS.values()})
    ran = pytester.inline_run("-p", "no:cacheprovider", "-p", "no:xdist", *wanted, *sound)
    reports = ran.getreports("pytest_runtest_logreport")
    failed = {report.nodeid.partition("::")[2] for report in reports if report.failed}
    assert failed == {node.partition("::")[2] for node in wanted}
    assert len({report.nodeid for report in reports}) == len(wanted) + len(sound)


def test_a_misspelled_hook_is_told_with_the_right_name(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FILE.format(name="faulty_plugins"))
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-k", "TestMisspelled and misspelled")
    ran.stdout.fnmatch_lines(["*there is no hook named tilde_tranport; did you mean tilde_transport?*"])


@pytest.mark.parametrize(("contract", "least"), LEAST.items(), ids=lambda value: getattr(value, "__name__", value))
def test_contract_has_so_many_tests(contract: type[Rules], least: int) -> None:
    assert len([name for name in dir(contract) if name.startswith("test_")]) >= least


@pytest.mark.parametrize("contract", LEAST, ids=lambda value: value.__name__)
def test_no_rule_hides_another(contract: type[Rules]) -> None:
    rules = [name for base in contract.__mro__ for name in vars(base) if name.startswith("test_")]
    assert len(rules) == len(set(rules))


@pytest.mark.parametrize("contract", LEAST, ids=lambda value: value.__name__)
def test_each_rule_says_why(contract: type[Rules]) -> None:
    rules = {name: getattr(contract, name) for name in dir(contract) if name.startswith("test_")}
    assert [name for name, rule in rules.items() if not re.search(r"\w", rule.__doc__ or "")] == []


def test_contract_for_credentials_needs_a_source(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "from tilde_core.testing.contract import CredentialContract\nclass TestIt(CredentialContract): pass"
    )
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-k", "test_token_can_be_sent")
    ran.stdout.fnmatch_lines(["*NotImplementedError: TestIt must define the fixture source, a CredentialSource"])


@pytest.mark.parametrize("name", ["plugin", "open_policy", "open_connector"])
def test_the_others_say_what_they_need(name: str) -> None:
    contract = {"plugin": PluginContract, "open_policy": RetryContract, "open_connector": WebSocketContract}[name]
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


@pytest.mark.parametrize("contract", LEAST, ids=lambda value: value.__name__)
def test_each_contract_has_a_limit(contract: type[Rules]) -> None:
    assert [mark.name for mark in contract.pytestmark] == ["timeout"]


def test_unknown_contract_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = import_module("tilde_core.testing.contract").Nothing
