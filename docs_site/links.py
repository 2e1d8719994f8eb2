"""Finds the links of the site that lead nowhere, however they came into a page."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["links_to_nowhere"]

# The script of Material makes these when it is asked for them.
_MADE_BY_SCRIPT = ("__",)


class _Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors = {""}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := values.get(name))}
        if tag == "a" and (link := values.get("href")):
            self.links.append(link)


def links_to_nowhere(site: Path) -> Iterator[str]:
    """Yield a line for each link of a page to a file that is not there, or to an anchor that its page does not have."""
    site = site.resolve()
    pages = {file: _Page(file.read_text(encoding="utf-8")) for file in sorted(site.rglob("*.html"))}
    for file, page in pages.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc or url.fragment.startswith(_MADE_BY_SCRIPT):
                continue
            above = site if url.path.startswith("/") else file.parent
            target = (above / unquote(url.path).lstrip("/")).resolve() if url.path else file
            known = pages.get(target)
            if not target.is_file() or (known and unquote(url.fragment) not in known.anchors):
                yield f"{file.relative_to(site)}: {link}"
