"""Tables in documents."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["table_rows"]


def table_rows(document: str, heading: str) -> Iterator[list[str]]:
    """The cells of the tables below a heading, without their head lines."""
    section = document.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert section, heading
    for table in re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE):
        for line in table.splitlines()[2:]:
            yield [cell.strip() for cell in line.strip("|").split("|")]
