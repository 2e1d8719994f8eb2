"""The specification's page, which lies beside this checkout: its sections, its prose, its code, the names in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from docs.blocks import ROOT

__all__ = ["PAGE", "Snippet", "names_in_prose", "prose", "sections", "snippets", "tables", "variables"]

_FOLDER = ROOT.parent / "shared" / "spec"
PAGE = _FOLDER / "python-sdk.txt"

_ABOVE_THE_SECTIONS = ("Skip to content", "Python SDK")
_HEADS = (
    "Argument Type Description",
    "Argument Effect",
    "Method Returns Description",
    "Field Type Description",
    "State Terminal? Meaning status_reason values",
    "Property Returns True when",
    "Scenario Return value",
    "Exception HTTP Status When",
    "Exception When",
)
_WORD = re.compile(r"(?P<name>\.?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?P<call>[(=])?")
_TWO_HUMPS = re.compile(r"[A-Z]+[a-z]+[A-Z]\w*")
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")


@dataclass(frozen=True)
class Snippet:
    """A code block of the page."""

    number: str
    section: str
    language: str
    text: str


@cache
def _lines() -> list[str]:
    return PAGE.read_text(encoding="utf-8").splitlines()


@cache
def _index() -> list[dict[str, int | str]]:
    entries: list[dict[str, int | str]] = json.loads((_FOLDER / "snippets/index.json").read_text(encoding="utf-8"))
    return entries


def snippets() -> list[Snippet]:
    """All code blocks, in the order of the page."""
    return [_snippet(str(entry["file"]), str(entry["section"])) for entry in _index()]


def _snippet(file: str, section: str) -> Snippet:
    return Snippet(
        file[:3], section, file.rpartition(".")[2], (_FOLDER / "snippets" / file).read_text(encoding="utf-8")
    )


def prose() -> list[str]:
    """The lines that are no code."""
    code = {line for entry in _index() for line in range(int(entry["first_line"]), int(entry["last_line"]) + 1)}
    return ["" if number in code else line for number, line in enumerate(_lines(), 1)]


def sections() -> list[str]:
    """The titles, in order. In the flat text, a title is a short line by itself that ends in no punctuation."""
    lines = ["", *prose(), ""]
    alone = [
        here
        for above, here, below in zip(lines[:-2], lines[1:-1], lines[2:], strict=True)
        if here and not above and not below
    ]
    titles = [line for line in alone if len(line) < 70 and line[-1] not in ".:"]
    return [title for title in titles if title not in _ABOVE_THE_SECTIONS]


def tables() -> dict[str, list[str]]:
    """The lines of each table by its head line. In the flat text, a table is what follows such a line without a gap."""
    found: dict[str, list[str]] = {}
    for block in "\n".join(prose()).split("\n\n"):
        head, *lines = block.strip().splitlines() or [""]
        if head in _HEADS:
            found[head] = lines
    return found


def names_in_prose() -> set[str]:
    """The words outside of code that look like names of a program: called, dotted, `with_underscores`, TwoHumps."""
    return {name for line in prose() for name in _names(line)}


def _names(line: str) -> Iterator[str]:
    for word in _WORD.finditer(line):
        *owners, name = word["name"].split(".")
        if word["call"] or owners or "_" in name.strip("_") or _TWO_HUMPS.fullmatch(name):
            yield name


def variables() -> set[str]:
    """Every word in capitals with an underscore, also those in code."""
    return {name for line in _lines() for name in _VARIABLE.findall(line)}
