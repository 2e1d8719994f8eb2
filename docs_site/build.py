"""Builds the site: `make site`.

Lays out the pages in a folder of its own, with links that fit the site, writes the navigation, runs MkDocs, for which
any warning is an error, and fails if a page would load something from another host or has a link that leads nowhere.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from mkdocs.__main__ import cli

from front_matter import with_front_matter
from links import links_to_nowhere
from reference_pages import REFERENCE, reference_text
from repository_pages import links_of, page_of, pages_linked_from, with_page_links, with_plain_pipes
from self_contained import loads_from_elsewhere

ROOT = Path(__file__).parents[1]
WORK = ROOT / ".cache/site"
SITE = ROOT / "site"
SOURCES = ("tilde_core/src", "tilde_auth_sandbox/src", "tilde_local/src")
# In the repository it is the list of documents, which here is the navigation.
LEFT_OUT = "docs/README.md"


def documents() -> list[str]:
    """Return the files that are pages for their own sake, relative to the repository."""
    files = sorted(file.relative_to(ROOT).as_posix() for file in (ROOT / "docs").rglob("*.md"))
    return ["README.md", *(file for file in files if file != LEFT_OUT), "CONTRIBUTING.md", "CHANGELOG.md"]


def page_text(file: str) -> str:
    """Return the Markdown of the page that shows a file; one that is no Markdown is shown as code."""
    text = (ROOT / file).read_text(encoding="utf-8")
    if file.endswith(".md"):
        return with_plain_pipes(with_page_links(text, file, ROOT))
    language = {".py": "python", ".toml": "toml", ".yaml": "yaml"}.get(Path(file).suffix, "text")
    return f"# {Path(file).name}\n\n`{file}`\n\n````{language}\n{text}````\n"


def write_pages() -> list[str]:
    """Write all pages and return them, relative to the folder of the pages."""
    pages = {page_of(file): page_text(file) for file in pages_linked_from(documents(), ROOT)}
    pages |= {page.file: reference_text(page, ROOT) for page in REFERENCE}
    # Who searches for a word finds what explains it before what only has it as a name.
    about = {page.file: {"title": f"{page.title} (reference)", "search": {"boost": 0.3}} for page in REFERENCE}
    for page, text in pages.items():
        target = WORK / "pages" / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(with_front_matter(text, **about.get(page, {})), encoding="utf-8")
    return list(pages)


def in_reading_order(pages: list[str]) -> list[str]:
    """Return the pages of one folder in the order in which its first page, `index.md`, links to them."""
    first = next((page for page in pages if page.endswith("/index.md")), None)
    if first is None:
        return pages
    linked = [link for link in links_of((WORK / "pages" / first).read_text(encoding="utf-8")) if "/" not in link]
    order = [first, *(f"{Path(first).parent}/{link}" for link in linked)]
    return sorted(pages, key=lambda page: order.index(page) if page in order else len(order))


def navigation(pages: list[str]) -> list[Any]:
    """Return the navigation. A document that has no place here stands behind the others."""
    plugins = in_reading_order([page for page in pages if page.startswith("plugins/")])
    examples = [page for page in pages if page.startswith("examples/")]
    project = ["architecture.md", "coverage.md", "contributing.md", "changelog.md"]
    first: list[Any] = [
        {"Home": "index.md"},
        "guide.md",
        {"Sandboxes": ["sandboxes.md", "tilde_auth_sandbox/README.md"]},
        "corporate-networks.md",
        "diagnosis.md",
        {"Local server": ["local-server.md", "conformance.md"]},
        {"Plugins": plugins or "plugins.md"},
    ]
    last = [
        {"Examples": examples},
        {"Reference": [{page.title: page.file} for page in REFERENCE]},
        {"Project": project},
    ]
    placed = json.dumps([first, last])
    others = [page for page in map(page_of, documents()) if f'"{page}"' not in placed]
    return [*first, *others, *last]


def configuration(pages: list[str]) -> dict[str, Any]:
    """Return what is added to `mkdocs.yml`."""
    nav = navigation(pages)
    placed = json.dumps(nav)
    return {
        "INHERIT": str(ROOT / "docs_site/mkdocs.yml"),
        "docs_dir": str(WORK / "pages"),
        "site_dir": str(SITE),
        "theme": {"custom_dir": str(ROOT / "docs_site/theme")},
        "plugins": {
            "mkdocstrings": {
                "custom_templates": str(ROOT / "docs_site/templates"),
                "handlers": {"python": {"paths": [str(ROOT / path) for path in SOURCES]}},
            }
        },
        "nav": nav,
        "not_in_nav": "\n".join(f"/{page}" for page in pages if f'"{page}"' not in placed),
    }


def main() -> None:
    """Build the site. Ends with a status other than 0 if anything is wrong with it."""
    shutil.rmtree(WORK, ignore_errors=True)
    pages = write_pages()
    file = WORK / "mkdocs.yml"
    file.write_text(json.dumps(configuration(pages), indent=1), encoding="utf-8")
    cli(["build", "--strict", "--config-file", str(file)], standalone_mode=False)
    if elsewhere := list(loads_from_elsewhere(SITE)):
        sys.exit("These come from other hosts:\n" + "\n".join(elsewhere))
    if dead := list(links_to_nowhere(SITE)):
        sys.exit("These links lead nowhere:\n" + "\n".join(dead))
    print(f"{len(pages)} pages: {SITE / 'index.html'}")


if __name__ == "__main__":
    main()
