"""The documents and the fenced code blocks in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DOCUMENTS", "ROOT", "Block", "blocks_of"]

ROOT = Path(__file__).parents[2]
_PATTERNS = ("*.md", "*/README.md", "docs/**/*.md", "examples/**/*.md")
_FENCE = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>.*)")


def _documents() -> Iterator[Path]:
    for path in sorted({path for pattern in _PATTERNS for path in ROOT.glob(pattern)}):
        if not any(part.startswith(".") for part in path.relative_to(ROOT).parts):
            yield path


DOCUMENTS = tuple(_documents())


@dataclass(frozen=True)
class Block:
    """One fenced block. `line` is that of its first line of text; `follows` tells that nothing but blank lines lies
    between it and the block before."""

    document: Path
    line: int
    language: str
    text: str
    follows: bool = False

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks_of(document: Path) -> list[Block]:
    """Return the fenced blocks of a Markdown file. Raises `AssertionError` for one that is never closed."""
    blocks: list[Block] = []
    follows = False
    lines = enumerate(document.read_text(encoding="utf-8").splitlines(), 1)
    for number, line in lines:
        opening = _FENCE.fullmatch(line)
        if opening is None:
            follows = follows and not line.strip()
            continue
        body = _body(lines, opening["indent"], opening["fence"], f"{document}:{number}")
        language = (opening["info"].split() or [""])[0]
        blocks.append(Block(document, number + 1, language, body, follows))
        follows = True
    return blocks


def _body(lines: Iterator[tuple[int, str]], indent: str, fence: str, where: str) -> str:
    body: list[str] = []
    for _, line in lines:
        if line.strip() == fence:
            return "".join(f"{text}\n" for text in body)
        body.append(line.removeprefix(indent))
    raise AssertionError(f"{where}: the block is never closed")
