"""The pages for authors of plugins: one for each hook, with its exact signature, and tutorials as short as they say."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any, get_args

import pytest

import tilde.plugins
from docs.blocks import ROOT, blocks_of
from docs.tables import table_rows
from tilde_core.hooks import spec

PAGES = ROOT / "docs/plugins"
HOOKS = sorted(name for name in vars(spec) if name.startswith("tilde_"))
TUTORIALS = {"tutorial-transport": 60, "tutorial-credentials": 40}
GIVEN = {
    "transport": ["TransportSettings", "Request", "Timeout"],
    "credentials": ["CredentialSettings"],
    "retry-policy": ["RetrySettings", "Attempt"],
}
PUBLIC = ("tilde", "tilde.plugins", "tilde.exceptions", "tilde.models")
FOR_TESTS = ("tilde_core.testing", "tilde_core.testing.contract", "tilde_core.testing.certificates")
# The page says that it is not promised.
KNOWN = {"tilde_core.websocket.connector"}


def page_of(hook: str) -> Path:
    return PAGES / f"{hook.removeprefix('tilde_').replace('_', '-')}.md"


def signatures(page: Path) -> dict[str, str]:
    """What the page has below `Signature`: by name, on one line each."""
    section = page.read_text(encoding="utf-8").partition("\n## Signature\n\n```text\n")[2].partition("```\n")[0]
    lines = re.sub(r"\n +", " ", section).splitlines()
    return {line.partition("(")[0]: line for line in lines}


def actual(name: str) -> str:
    """The signature as the code has it, with annotations as they are written there."""
    first, _, method = name.partition(".")
    found: Any = getattr(spec, first) if first in HOOKS else getattr(tilde.plugins, first)
    found = getattr(found, method) if method else found
    signature = inspect.signature(found)
    parameters = [parameter for parameter in signature.parameters.values() if parameter.name != "self"]
    is_class = inspect.isclass(found)
    answer = inspect.Signature.empty if is_class else signature.return_annotation
    text = str(signature.replace(parameters=parameters, return_annotation=answer))
    return name + re.sub(r"'([^']+)'", r"\1", text)


@pytest.mark.parametrize("hook", HOOKS)
def test_signature_is_exact(hook: str) -> None:
    shown = signatures(page_of(hook))
    assert hook in shown
    assert list(shown.values()) == [actual(name) for name in shown]


@pytest.mark.parametrize("hook", HOOKS)
def test_whatever_a_hook_answers_is_on_its_page(hook: str) -> None:
    """The offer, and every method of what it opens."""
    answer = inspect.signature(getattr(spec, hook)).return_annotation
    if not answer.endswith("Offer"):
        return
    kind = {"CredentialOffer": "CredentialProvider", "RetryOffer": "RetryPolicy"}.get(answer)
    kind = kind or {"TransportOffer": "Transport", "WebSocketOffer": "WebSocketConnector"}[answer]
    methods = [name for name in vars(getattr(tilde.plugins, kind)) if not name.startswith("_")]
    assert {answer, *(f"{kind}.{method}" for method in methods)} <= signatures(page_of(hook)).keys()


def test_every_page_is_linked_from_the_first() -> None:
    index = (PAGES / "index.md").read_text(encoding="utf-8")
    pages = {path.name for path in PAGES.glob("*.md")} - {"index.md"}
    assert {page_of(hook).name for hook in HOOKS} < pages
    assert [page for page in sorted(pages) if f"]({page})" not in index] == []


def test_every_event_is_in_the_table() -> None:
    event = (PAGES / "event.md").read_text(encoding="utf-8")
    rows = {row[0].strip("`"): re.findall(r"`(\w+)`", row[2]) for row in table_rows(event, "Events")}
    assert rows == {
        kind.__name__: [field.name for field in dataclasses.fields(kind)] for kind in get_args(tilde.plugins.Event)
    }


@pytest.mark.parametrize(("page", "kinds"), GIVEN.items())
def test_every_field_of_what_a_plugin_is_given_is_in_the_table(page: str, kinds: list[str]) -> None:
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    fields = [f"{kind}.{field.name}" for kind in kinds for field in dataclasses.fields(getattr(tilde.plugins, kind))]
    assert [row[0].strip("`") for row in table_rows(text, "What it is given")] == fields


@pytest.mark.parametrize(("name", "limit"), TUTORIALS.items())
def test_tutorial_is_as_short_as_it_says(name: str, limit: int) -> None:
    """Blank lines and comments are not counted; the imports and the hook are."""
    page = PAGES / f"{name}.md"
    assert f"under {limit} lines" in page.read_text(encoding="utf-8").partition("\n")[0]
    (plugin,) = [block.text for block in blocks_of(page) if "@hookimpl" in block.text]
    lines = [line for line in plugin.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(lines) < limit


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_pages_use_public_names(page: Path) -> None:
    used = set()
    for block in blocks_of(page):
        if block.language == "python":
            for node in ast.walk(ast.parse(block.text)):
                if isinstance(node, ast.ImportFrom):
                    used.add(node.module or "")
                elif isinstance(node, ast.Import):
                    used |= {alias.name for alias in node.names}
    private = {module for module in used if module.startswith("tilde_core")} - {*FOR_TESTS} - KNOWN
    assert private == set()
    assert {module for module in used if module.partition(".")[0] == "tilde"} <= {*PUBLIC}


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_lines_are_no_wider_than_ours(page: Path) -> None:
    """But for tables, whose rows cannot be wrapped."""
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []
