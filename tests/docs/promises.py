"""A promise as code, such as `Commit.revert(message=) -> Commit`, held against what the SDK has.

Arguments are written `name` (may be given by its place), `name=` (by its name) or `name='default'`.
"""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from docs.blocks import ROOT
from docs.sdk_types import NAMES, UNKNOWN, attribute, name_of, result, type_named

__all__ = ["Promise", "identifiers", "kept", "keywords"]

_STEP = r"\w+(?:\([^()]*\))?"
_CODE = re.compile(rf"(?P<steps>{_STEP}(?:\.{_STEP})*)(?: -> (?P<type>.+))?")
_PARTS = re.compile(r"(\w+)(\([^()]*\))?")
_VARIABLE = re.compile(r"[A-Z]+(?:_[A-Z]+)+")
_IN_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Promise:
    """What the code names: whose it is (`""` for a class itself), and with which arguments."""

    owner: str
    name: str
    keywords: frozenset[str]


@cache
def kept(code: str) -> Promise:
    """Return what the code names. Raises `AssertionError` if the SDK does not have it, or not like this."""
    if _VARIABLE.fullmatch(code):
        assert _is_read(code), f"{code} is read nowhere"
        return Promise("", code, frozenset())
    steps, type_text = _parsed(code)
    owner, found = None, NAMES.get(steps[0][0], UNKNOWN)
    for name, _ in steps[1:]:
        owner = result(found) if owner is not None else found
        found = attribute(owner, name)
    assert found is not UNKNOWN, f"{code} is not there"
    name, arguments = steps[-1]
    for argument in _split(arguments):
        _check(found, argument, code)
    if type_text:
        actual = result(found)
        assert actual == type_named(type_text), f"{code}: it is {actual}"
    return Promise("" if owner is None else name_of(owner), name, keywords(code))


def identifiers(code: str) -> list[str]:
    """The names in the code, but for the arguments."""
    return [code] if _VARIABLE.fullmatch(code) else [name for name, _ in _parsed(code)[0]]


def keywords(code: str) -> frozenset[str]:
    """The names of the arguments of the last call in the code."""
    return frozenset(argument.partition("=")[0] for argument in _split(_parsed(code)[0][-1][1]))


def _parsed(code: str) -> tuple[list[tuple[str, str]], str | None]:
    match = _CODE.fullmatch(code)
    assert match, f"{code!r} has another form than promises have"
    return _PARTS.findall(match["steps"]), match["type"]


def _split(arguments: str) -> list[str]:
    return [argument.strip() for argument in arguments.strip("()").split(",") if argument.strip()]


def _check(called: Any, argument: str, code: str) -> None:
    name, equals, default = argument.partition("=")
    parameter = inspect.signature(called).parameters.get(name)
    assert parameter is not None, f"{code}: there is no argument {name}"
    if not equals:
        assert parameter.kind in _IN_PLACE, f"{code}: {name} has to be named"
    if default:
        assert parameter.default == ast.literal_eval(default), f"{code}: the default is {parameter.default!r}"


def _is_read(variable: str) -> bool:
    return any(f'"{variable}"' in file.read_text(encoding="utf-8") for file in ROOT.glob("tilde_*/src/**/*.py"))
