"""docs/coverage.md has a row for everything on the specification's page, and each row is true."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from docs import specification_page as page
from docs.blocks import ROOT
from docs.coverage_rows import Row, rows, titles
from docs.promises import identifiers, kept, keywords
from docs.snippet_uses import Use, uses_of
from tilde_core.exceptions import error_for_status

needs_the_page = pytest.mark.skipif(
    not page.PAGE.is_file(), reason=f"the specification is not beside this checkout ({page.PAGE})"
)

# Words that look like names, and why they are none of the SDK's.
NO_NAMES = {
    "g": "of 'e.g.'",
    "WebSocket": "a protocol",
}
NO_VARIABLES = {
    "YOUR_API_TOKEN": "stands for a token",
    "AGENT_UUID": "stands for an id",
    "API_KEY": "the name of somebody's secret",
    "OPENAI_KEY": "the name of somebody's secret",
    "OUTPUT_FORMAT": "a variable of somebody's program",
}

ROWS = rows()
CODES = [(row, code) for row in ROWS for code in row.codes]


def quoted(row: Row) -> set[str]:
    """Every word in the code of a row."""
    return {word for code in re.findall(r"`([^`]+)`", row.text) for word in re.findall(r"\w+", code)}


@cache
def functions(file: Path) -> set[str]:
    """The tests in a file, those of classes as `Class::test`."""
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {prefix + each.name for each in inner if isinstance(each, ast.FunctionDef)}
    return {name for name in found if name.rpartition("::")[2].startswith("test_")}


def registered() -> set[str]:
    """The numbers of the snippets that run as tests. Read, not imported: importing would register them twice."""
    texts = [file.read_text(encoding="utf-8") for file in (ROOT / "tests/specification").glob("*_cases.py")]
    decorators = [found for text in texts for found in re.findall(r"^@snippet\((.*)\)$", text, re.MULTILINE)]
    return {number for decorator in decorators for number in re.findall(r"\d{3}", decorator)}


def test_every_proof_is_there() -> None:
    missing = [str(row) for row in ROWS if not row.tests and not row.snippets]
    for row in ROWS:
        missing += [f"{row}: snippet {number}" for number in row.snippets if number not in registered()]
        for test in row.tests:
            name, _, function = test.partition("::")
            file = ROOT / name
            if not file.is_file() or function not in functions(file):
                missing.append(f"{row}: {test}")
    assert missing == []


@pytest.mark.parametrize(("row", "code"), CODES, ids=[code for _, code in CODES])
def test_what_is_proven_is_there(row: Row, code: str) -> None:
    kept(code)
    status = re.match(r"(\d{3}|5xx)\b", row.words)
    if status:
        assert error_for_status(int(status[1].replace("xx", "00"))).__name__ == code


@needs_the_page
def test_sections_are_those_of_the_page() -> None:
    assert titles() == page.sections()
    assert {row.section for row in ROWS} == set(titles())


def has_row(use: Use) -> bool:
    """Whether the rows of what is used have all the arguments."""
    matching = [code for _, code in CODES if _names(code, use)]
    return bool(matching) and use.keywords <= frozenset().union(*map(keywords, matching))


def _names(code: str, use: Use) -> bool:
    return (kept(code).owner, kept(code).name) == (use.owner, use.name)


@needs_the_page
@pytest.mark.parametrize("number", [snippet.number for snippet in page.snippets()] if page.PAGE.is_file() else [])
def test_everything_that_a_snippet_uses_has_a_row(number: str) -> None:
    (snippet,) = (each for each in page.snippets() if each.number == number)
    if snippet.language == "py":
        assert [str(use) for use in uses_of(snippet.text) if not has_row(use)] == []


@needs_the_page
def test_every_snippet_proves_something() -> None:
    proving = {number for row in ROWS for number in row.snippets}
    assert registered() - proving == set()


@needs_the_page
def test_every_name_in_the_prose_has_a_row() -> None:
    documented = {word for row in ROWS for word in quoted(row)}
    assert page.names_in_prose() - documented == set(NO_NAMES)


@needs_the_page
def test_every_variable_has_a_row() -> None:
    documented = {name for row in ROWS for code in row.codes for name in identifiers(code)}
    assert page.variables() - documented == set(NO_VARIABLES)


@needs_the_page
def test_every_line_of_a_table_has_a_row() -> None:
    documented = {word for row in ROWS for word in quoted(row)}
    tables = page.tables()
    assert len(tables) == 9
    named = {line for head, lines in tables.items() if head != "Scenario Return value" for line in lines}
    assert [line for line in named if re.findall(r"\w+", line)[0] not in documented] == []


@needs_the_page
def test_every_status_is_that_of_the_page() -> None:
    expected = {tuple(line.split()[:2]) for line in page.tables()["Exception HTTP Status When"]}
    stated = {(row.codes[0], row.words.split()[0].rstrip(":")) for row in ROWS if re.match(r"\d{3}|5xx", row.words)}
    assert stated == expected
