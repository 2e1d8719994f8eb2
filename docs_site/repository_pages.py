"""Which files of the repository are pages of the site, and how links between files become links between pages.

The documents are written to be read in the repository, where a link names a file. All that they link to is taken
into the site, a page for each file, and the links are made to fit.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

__all__ = ["links_of", "page_of", "pages_linked_from", "with_page_links", "with_plain_pipes"]

# Files that have a place of their own; all others keep their path, and those below docs/ lose that folder.
_PLACES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")
_CELL_CODE = re.compile(r"`[^`]*`")
_FENCE = re.compile(r" *(`{3,}|~{3,})")


def page_of(file: str) -> str:
    """Return the path of the page, relative to the root of the site, that shows this file of the repository."""
    place = _PLACES.get(file) or file.removeprefix("docs/")
    return place if place.endswith(".md") else f"{place}.md"


def links_of(text: str) -> list[str]:
    """Return the files that a Markdown text links to, as they are written there."""
    found: list[str] = []

    def keep(link: str) -> str:
        found.append(link)
        return link

    _replace_links(text, keep)
    return found


def with_page_links(text: str, file: str, root: Path) -> str:
    """Return the text of a Markdown file with links to pages in the place of links to files.

    Raises `ValueError` for a link that leads to no file of the repository.
    """
    here = PurePosixPath(page_of(file)).parent
    return _replace_links(text, lambda link: os.path.relpath(page_of(_linked(link, file, root)), here))


def with_plain_pipes(text: str) -> str:
    r"""Return the text with `|` for `\|` in the code of tables, where MkDocs would show the backslash."""
    lines = text.splitlines(keepends=True)
    plain = (_CELL_CODE.sub(lambda code: code[0].replace(r"\|", "|"), line) for line in lines)
    return "".join(new if line.startswith("|") else line for line, new in zip(lines, plain, strict=True))


def pages_linked_from(files: list[str], root: Path) -> Iterator[str]:
    """Yield these files of the repository and all that they lead to, each once."""
    waiting, seen = list(files), set(files)
    while waiting:
        file = waiting.pop(0)
        yield file
        if file.endswith(".md"):
            linked = {_linked(link, file, root) for link in links_of((root / file).read_text(encoding="utf-8"))}
            waiting += sorted(linked - seen)
            seen |= linked


def _linked(link: str, file: str, root: Path) -> str:
    target = os.path.normpath(PurePosixPath(file).parent / link)
    if (root / target).is_dir():
        target = f"{target}/README.md"
    if target.startswith("..") or not (root / target).is_file():
        raise ValueError(f"{file} links to {link}, which is no file of this repository")
    return target


def _replace_links(text: str, new: Callable[[str], str]) -> str:
    """Replace the targets of links, but for those in code blocks."""
    lines, fence = [], ""
    for line in text.splitlines(keepends=True):
        opening = _FENCE.match(line)
        if opening and not fence:
            fence = opening[1]
        elif fence:
            fence = "" if line.strip() == fence else fence
        else:
            line = _LINK.sub(lambda link: new(link[1]), line)
        lines.append(line)
    return "".join(lines)
