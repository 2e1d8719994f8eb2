"""What all contract suites share: whoever overrides one of their tests says why, or pytest does not even begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, ClassVar, TypeVar

import pytest

__all__ = ["Rules", "left_out", "overrides"]

_OURS = "tilde_core.testing.contract"
_REASON = "_contract_reason"
_HIDING = ("skip", "skipif", "xfail")
_SECONDS = 60  # far more than any test takes: one that is not done by then never will be

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def overrides(reason: str) -> Callable[[FunctionT], FunctionT]:
    """Mark a test, fixture or helper that stands in for one of a contract suite, with the reason for it.

    Raises `ValueError` without a reason.
    """
    if not isinstance(reason, str) or not reason.strip():
        raise ValueError("overrides() needs a reason: why is the rule of the contract not the right one here?")

    def mark(function: FunctionT) -> FunctionT:
        setattr(function, _REASON, reason)
        return function

    return mark


def left_out(reason: str) -> Callable[..., None]:
    """Return what stands in for a test that does not apply: `test_x = left_out("why")`. It is shown as skipped.

    Raises `ValueError` without a reason.
    """

    @overrides(reason)
    def test(self: object) -> None:
        pytest.skip(f"left out: {reason}")

    return test


class Rules:
    """The base of all contract suites. `defined_by_the_author` has the names that a subclass gives, without a reason.

    A test that hangs ends in an error where pytest-timeout is installed, which the extra `testing` brings. Raises
    `TypeError` for a subclass that overrides anything else and does not say why.
    """

    defined_by_the_author: ClassVar[frozenset[str]] = frozenset()
    guard: ClassVar[float] = 30.0  # seconds after which a test has failed, and which a sound plugin never needs
    pytestmark: ClassVar[list[pytest.MarkDecorator]] = (
        [pytest.mark.timeout(_SECONDS)] if find_spec("pytest_timeout") else []
    )

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        complaint = _complaint(cls)
        if complaint:
            raise TypeError(complaint)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Refuse a class or module that is skipped, or expected to fail, as a whole and without a reason; and what was
        overridden when the class was made already.

        pytest asks this for each test that it collects, be it skipped or not.
        """
        complaint = _complaint(type(self))
        if complaint:
            pytest.fail(complaint, pytrace=False)
        for mark in metafunc.definition.iter_markers():
            if mark.name in _HIDING and not _reason_of(mark):
                name = type(self).__qualname__
                pytest.fail(f"{name} is marked {mark.name} without a reason: give it reason=...", pytrace=False)


def _complaint(cls: type[Rules]) -> str:
    """What is wrong with a subclass, and what to do about it; `""` if nothing is."""
    if _is_ours(cls.__module__):
        return ""
    if not vars(cls).get("__test__", True):
        return (
            f"{cls.__qualname__} has __test__ = False, which hides every test of the contract: mark it "
            '@pytest.mark.skip(reason="why"), or, if it is a base of your own, give it a name without "Test"'
        )
    unexplained = ", ".join(sorted(_unexplained(cls)))
    if not unexplained:
        return ""
    return (
        f"{cls.__qualname__} overrides {unexplained} of the contract without a reason: put "
        '@overrides("why") above it, or write test_x = left_out("why"), both of tilde_core.testing.contract'
    )


def _is_ours(module: str | None) -> bool:
    return module is not None and f"{module}.".startswith(f"{_OURS}.")


def _unexplained(cls: type[Rules]) -> Iterator[str]:
    """The names of the contract that mean something else in `cls`, of whichever base, and give no reason."""
    ours = [base for base in cls.__mro__ if _is_ours(base.__module__)]
    free = frozenset[str]().union(*(vars(base).get("defined_by_the_author", ()) for base in ours))
    ruled = {name for base in ours for name in vars(base) if not name.startswith("__")}
    for name in ruled - free - {"pytestmark"}:  # pytest adds those of a subclass to those of its bases
        owner = next(base for base in cls.__mro__ if name in vars(base))
        if not _is_original(owner, name) and not _has_reason(vars(owner)[name]):
            yield name


def _is_original(owner: type, name: str) -> bool:
    """Whether it is as we wrote it. A test may also be replaced in the very class that has it."""
    is_untouched = not name.startswith("test_") or _is_ours(getattr(vars(owner)[name], "__module__", None))
    return _is_ours(owner.__module__) and is_untouched


def _has_reason(value: object) -> bool:
    """A fixture keeps the reason on the function that it is made of, if the reason was given to that."""
    return any(getattr(each, _REASON, "") for each in (value, getattr(value, "__wrapped__", None)))


def _reason_of(mark: pytest.Mark) -> str:
    first = mark.args[0] if mark.name == "skip" and mark.args else ""  # of the others, that is the condition
    return str(mark.kwargs.get("reason") or first).strip()
