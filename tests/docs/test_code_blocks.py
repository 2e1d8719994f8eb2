"""Runs every code block of the documents.

The blocks of one document run in order, in one namespace and an empty directory, with an embedded server that the
settings point to. How to write them: see `CONTRIBUTING.md`.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("tilde_local.server")

import tilde_core.default_client
from docs.blocks import DOCUMENTS, ROOT, Block, blocks_of
from docs.commands import check_commands
from tilde import Client
from tilde_core.logs import logger
from tilde_local import Server

_FILE_NAME = re.compile(r"# ([\w./-]+\.py)\n")
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Page:
    """One document while it runs: its names so far, and what its last block printed."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__document__"}
        self.printed = ""

    def python(self, block: Block) -> None:
        """Run the block; one that begins with a comment such as `# plugin.py` is written to that file instead."""
        file = _FILE_NAME.match(block.text)
        if file is not None:
            Path(file[1]).write_text(block.text, encoding="utf-8")
            importlib.invalidate_caches()
            return
        printed = io.StringIO()
        # The line numbers of a traceback are those of the document.
        code = compile("\n" * (block.line - 1) + block.text, str(block.document), "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, self.names)
        self.printed = printed.getvalue()

    def text(self, block: Block) -> None:
        """Right below a Python block, text is what that block prints; `...` stands for anything."""
        if block.follows:
            matches = doctest.OutputChecker().check_output(block.text, self.printed, _FLAGS)
            assert matches, f"{block}: printed was\n{self.printed}"


def _toml(_: Page, block: Block) -> None:
    tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    tomllib.loads(block.text)


RUNNERS: dict[str, Callable[[Page, Block], None]] = {
    "python": Page.python,
    "text": Page.text,
    "sh": lambda _, block: check_commands(block),
    "console": lambda _, block: check_commands(block),
    "toml": _toml,
    "yaml": lambda _, block: yaml.safe_load(block.text),
}


def _name(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_settings: Path) -> Iterator[None]:
    """A server with the repository my-team/my-data, settings that point to it, and a directory with a few files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("train.csv", "test.csv"):
        Path(name).write_bytes(b"species,island\nAdelie,Torgersen\n")
    monkeypatch.setattr(logger, "handlers", list(logger.handlers))
    level = logger.level
    with Server() as server:
        monkeypatch.setenv("TILDE_ENDPOINT_URL", server.endpoint_url)
        monkeypatch.setenv("TILDE_API_KEY", server.api_key)
        with Client() as client:
            client.organizations.create("my-team").repositories.create("my-data")
        yield
        if tilde_core.default_client._client is not None:
            tilde_core.default_client._client.close()
    logger.setLevel(level)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_blocks_run(document: Path) -> None:
    page = Page()
    for block in blocks_of(document):
        RUNNERS[block.language](page, block)


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_every_block_has_a_language_that_is_checked(document: Path) -> None:
    unknown = [f"{block}: {block.language!r}" for block in blocks_of(document) if block.language not in RUNNERS]
    assert not unknown, f"the languages of code blocks are {', '.join(RUNNERS)}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_no_code_hides_in_an_indented_block(document: Path) -> None:
    """There, nothing would run it."""
    prose = re.sub(
        r"^ *(`{3,}|~{3,}).*?^ *\1$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    assert re.findall(r"\n\n {4}.*", prose) == []


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if path.stem != "tutorial-transport"], ids=_name)
def test_code_fits_the_site(document: Path) -> None:
    """What is printed (`text`) is broken there; the lines of one tutorial are counted, so they may be longer."""
    code = [block for block in blocks_of(document) if block.language != "text"]
    wide = [f"{block}: {line}" for block in code for line in block.text.splitlines() if len(line) > 100]
    assert not wide, "a line of code has at most 100 characters"


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []
