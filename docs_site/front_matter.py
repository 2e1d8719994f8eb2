"""What a page says about itself in its head: a title, where that is not the heading, and a description."""

from __future__ import annotations

import json
import re
from html import escape
from textwrap import shorten
from typing import Any

__all__ = ["description_of", "with_front_matter"]

_MARKS = re.compile(r"\[([^\]]+)\]\([^)]+\)|`|\*\*")
_NO_PROSE = ("#", "|", "- ", "```", ":::")
_LENGTH = 160


def description_of(text: str) -> str:
    """Return the paragraph below the heading of a page, without Markdown's marks, cut after 160 characters.

    Raises `ValueError` where something else follows the heading.
    """
    heading, _, rest = text.partition("\n\n")
    paragraph = rest.partition("\n\n")[0]
    if not heading.startswith("# ") or not paragraph or paragraph.startswith(_NO_PROSE):
        raise ValueError(f"no paragraph that says what the page is about follows its heading: {heading}")
    return shorten(_MARKS.sub(lambda mark: mark[1] or "", paragraph), _LENGTH, placeholder=" …")


def with_front_matter(text: str, **about: Any) -> str:
    """Return the Markdown text of a page with what MkDocs reads about it in front: a description, and `about`."""
    about["description"] = escape(description_of(text))  # the theme does not
    lines = "".join(f"{name}: {json.dumps(value)}\n" for name, value in about.items())
    return f"---\n{lines}---\n\n{text}"
