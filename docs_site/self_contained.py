"""Finds what a page would load from other hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

__all__ = ["loads_from_elsewhere", "loads_of_page"]

_ELSEWHERE = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_IN_STYLE = re.compile(r"""(?:@import\s*(?:url\()?|url\()\s*["']?([^"')\s;]+)""", re.IGNORECASE)
# What browsers fetch by themselves. A link that somebody has to follow is none of them.
_LOADING = {
    "audio": ("src",), "embed": ("src",), "iframe": ("src",), "img": ("src", "srcset"), "input": ("src",),
    "link": ("href",), "object": ("data",), "script": ("src",), "source": ("src", "srcset"), "track": ("src",),
    "use": ("href", "xlink:href"), "video": ("src", "poster"),
}  # fmt: skip


class _Loads(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        for name, value in attrs:
            if name in _LOADING.get(tag, ()):
                self.found.append(value or "")
            elif name == "style":
                self.found += _IN_STYLE.findall(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._in_style = self._in_style and tag != "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.found += _IN_STYLE.findall(data)


def loads_of_page(html: str) -> list[str]:
    """Return the URLs of other hosts that a browser loads to show the page."""
    page = _Loads()
    page.feed(html)
    page.close()
    return [url for url in page.found if _ELSEWHERE.match(url.strip())]


def loads_from_elsewhere(site: Path) -> Iterator[str]:
    """Yield a line for each URL of another host that a page or a style sheet of the site loads."""
    for file in sorted(site.rglob("*")):
        if file.suffix == ".html":
            urls = loads_of_page(file.read_text(encoding="utf-8"))
        elif file.suffix == ".css":
            urls = [url for url in _IN_STYLE.findall(file.read_text(encoding="utf-8")) if _ELSEWHERE.match(url)]
        else:
            continue
        yield from (f"{file.relative_to(site)}: {url}" for url in urls)
