"""The rows of docs/coverage.md: what is promised, and the tests that prove it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from docs.blocks import ROOT

__all__ = ["DOCUMENT", "Row", "rows", "titles"]

DOCUMENT = ROOT / "docs" / "coverage.md"

_LEADING = re.compile(r"(?:`[^`]+`(?:, (?=`))?)+")
_QUOTED = re.compile(r"`([^`]+)`")
_SNIPPET = re.compile(r"snippet (\d{3})")


@dataclass(frozen=True)
class Row:
    """One promise of a section. `codes` are the names it begins with, `text` is all of it."""

    section: str
    line: int
    text: str
    proof: str

    @property
    def codes(self) -> list[str]:
        leading = _LEADING.match(self.text)
        return _QUOTED.findall(leading[0]) if leading else []

    @property
    def words(self) -> str:
        """What follows the names."""
        leading = _LEADING.match(self.text)
        return self.text[leading.end() :].strip() if leading else self.text

    @property
    def tests(self) -> list[str]:
        return _QUOTED.findall(self.proof)

    @property
    def snippets(self) -> list[str]:
        return _SNIPPET.findall(self.proof)

    def __str__(self) -> str:
        return f"coverage.md:{self.line}: {self.text}"


def titles() -> list[str]:
    """The titles of the document's sections, in order."""
    return re.findall(r"^##+ (.*)$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)


def rows() -> list[Row]:
    """All rows. Raises `AssertionError` for a line of a table that is none."""
    return list(_rows())


def _rows() -> Iterator[Row]:
    section = ""
    for number, line in enumerate(DOCUMENT.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("##"):
            section = line.lstrip("# ")
        elif line.startswith("|") and line not in ("| promise | proof |", "|---|---|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            assert len(cells) == 2, f"coverage.md:{number}: a row has a promise and a proof"
            yield Row(section, number, cells[0].replace("\\|", "|"), cells[1])
